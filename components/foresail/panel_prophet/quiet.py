"""Prophet without its announcements."""

import importlib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType

from foresail.errors import UsageError

_LEVELS = {
    # Prophet logs an error where plotly is absent, though nothing of ours draws with it
    "prophet.plot": logging.CRITICAL,
    "prophet": logging.ERROR,
    "cmdstanpy": logging.ERROR,
}
MISSING = "the prophet package is not installed; pip install foresail[train]"


def prophet_is_missing() -> bool:
    """Return whether there is no `prophet` to import; it is not imported for that."""
    try:
        return find_spec("prophet") is None
    except (ImportError, ValueError):  # an import hook refuses it, or it is half taken out
        return True


@contextmanager
def quiet_prophet() -> Iterator[ModuleType]:
    """Yield the module `prophet`; inside, its log lines and its warnings stay out of our output.

    On leaving, the levels of its loggers are the caller's own again.

    Raises:
        UsageError: It is not installed.
    """
    # at its first line cmdstanpy gives its logger a handler and a level, unless it has a handler
    cmdstan = logging.getLogger("cmdstanpy")
    if not cmdstan.handlers:
        cmdstan.addHandler(logging.NullHandler())
    before = {name: logging.getLogger(name).level for name in _LEVELS}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, level in _LEVELS.items():
            logging.getLogger(name).setLevel(level)
        try:
            prophet = _imported()
            # importing it sets the level of its logger
            logging.getLogger("prophet").setLevel(_LEVELS["prophet"])
            yield prophet
        finally:
            for name, level in before.items():
                logging.getLogger(name).setLevel(level)


def _imported() -> ModuleType:
    try:
        return importlib.import_module("prophet")
    except ImportError as error:
        raise UsageError(MISSING) from error
