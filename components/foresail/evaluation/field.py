"""The field: which contenders enter, for given Prophet settings."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from foresail.contenders import Contender, ProphetContender, ProphetSettings, SeasonalNaive
from foresail.contenders.pool import fitting_pool


@contextmanager
def field(
    settings: ProphetSettings, *, seed: int = 0, on_fit: Callable[[], None] = lambda: None
) -> Iterator[tuple[Contender, ...]]:
    """Yield all contenders, with the pool in which Prophet fits open.

    Args:
        settings: Prophet's.
        seed: Of Prophet's drawn paths.
        on_fit: Called after each of Prophet's fits, for progress.
    """
    with fitting_pool() as pool:
        yield (
            SeasonalNaive(24),
            SeasonalNaive(168),
            ProphetContender(settings, pool, seed=seed, on_fit=on_fit),
        )
