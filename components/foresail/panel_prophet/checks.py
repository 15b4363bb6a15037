"""What Prophet allows as a number, a word and a name; anything else is told in one line."""

import math
from collections.abc import Collection
from numbers import Integral
from typing import Any, Literal

from foresail.errors import UsageError

MODES = ("additive", "multiplicative")
BUILT_IN = ("yearly", "weekly", "daily")
"""Seasonalities that Prophet knows by itself, and that a seasonality of one's own may replace."""

_COMPONENTS = (
    "trend",
    "additive_terms",
    *BUILT_IN,
    "holidays",
    "zeros",
    "extra_regressors_additive",
    "yhat",
    "extra_regressors_multiplicative",
    "multiplicative_terms",
)
_RESERVED = frozenset(
    [f"{name}{end}" for name in _COMPONENTS for end in ("", "_lower", "_upper")]
    + ["ds", "y", "cap", "floor", "y_scaled", "cap_scaled"]
)


def number(name: str, value: Any) -> float:  # noqa: ANN401  # what a caller typed
    """Return a finite number, whatever number type it came as.

    Raises:
        UsageError: It is no number, or not finite.
    """
    try:
        plain = math.nan if isinstance(value, bool | str) else float(value)
    except (TypeError, ValueError):
        plain = math.nan
    if not math.isfinite(plain):
        raise UsageError(f"{name} must be a finite number, got {value!r}")
    return plain


def positive(name: str, value: Any) -> float:  # noqa: ANN401  # as above
    """Return a finite number above 0.

    Raises:
        UsageError: It is none.
    """
    plain = number(name, value)
    if plain <= 0:
        raise UsageError(f"{name} must be above 0, got {value!r}")
    return plain


def whole(name: str, value: Any, *, least: int = 0) -> int:  # noqa: ANN401  # as above
    """Return a whole number of at least `least`; `True` is none.

    Raises:
        UsageError: It is none.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < least:
        raise UsageError(f"{name} must be a whole number of at least {least}, got {value!r}")
    return int(value)


def one_of(name: str, value: Any, words: Collection[str]) -> None:  # noqa: ANN401  # as above
    """Hold a value to a few words.

    Raises:
        UsageError: It is none of them.
    """
    if not isinstance(value, str) or value not in words:
        raise UsageError(f"{name} must be one of {', '.join(words)}; got {value!r}")


def seasonality_word(name: str, value: Any) -> bool | int | Literal["auto"]:  # noqa: ANN401  # as above
    """Return what Prophet takes for a built-in seasonality.

    Raises:
        UsageError: It is neither `auto`, true, false nor a Fourier order.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value == "auto":
        return "auto"
    if not isinstance(value, Integral) or int(value) < 0:
        raise UsageError(
            f'{name} must be "auto", True, False or a Fourier order of at least 0, got {value!r}'
        )
    return int(value)


def column_name(kind: str, name: Any) -> None:  # noqa: ANN401  # as above
    """Hold the name of a holiday, regressor or seasonality to Prophet's rules.

    Raises:
        UsageError: It is empty, holds `_delim_`, or is a column of Prophet's own.
    """
    if not isinstance(name, str) or not name:
        raise UsageError(f"the name of a {kind} must be a text, got {name!r}")
    if "_delim_" in name:
        raise UsageError(f'the name of a {kind} cannot contain "_delim_", got {name!r}')
    if name in _RESERVED:
        raise UsageError(f"the {kind} name {name!r} is reserved by Prophet; choose another")
