"""How much room a forecast leaves, and the first hour it is full."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

FULL_THRESHOLD = 0.85
"""Share of the ceiling that counts as full: above it, scheduling and memory reclaim get hard."""


@dataclass(frozen=True, slots=True)
class FullAt:
    """The forecast is full.

    Attributes:
        hour: Index of the first hour at which it is.
    """

    hour: int


@dataclass(frozen=True, slots=True)
class NotFull:
    """The forecast is not full within the hours given.

    Attributes:
        code: `not-within-horizon`.
    """

    code: Literal["not-within-horizon"] = "not-within-horizon"


def headroom(values: NDArray[np.floating[Any]], *, ceiling: float) -> float:
    """Return ceiling - peak: the room that is left in the fullest hour, negative beyond it.

    Args:
        values: One quantile over a window, shape `(n,)`, n >= 1.
        ceiling: In the unit of the values.
    """
    return float(ceiling - values.max())


def first_full(
    values: NDArray[np.floating[Any]], *, ceiling: float, threshold: float = FULL_THRESHOLD
) -> FullAt | NotFull:
    """Return the first hour at which the values reach `threshold` of the ceiling.

    Args:
        values: One quantile over a window, shape `(n,)`.
        ceiling: In the unit of the values, greater than zero.
        threshold: Share of the ceiling that counts as full.
    """
    reached = np.asarray(values, dtype=np.float64) >= threshold * ceiling
    return FullAt(int(reached.argmax())) if reached.any() else NotFull()
