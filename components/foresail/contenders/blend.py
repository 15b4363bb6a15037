"""One forecast out of several: their quantiles averaged, level by level."""

from collections.abc import Sequence

import numpy as np

from foresail.errors import BadInput
from foresail.panel import FloatArray

_CHUNK_ROWS = 256
"""Rows taken at once, so that a term of the sum never needs the memory of a whole forecast."""


def blend(outcomes: Sequence[FloatArray], weights: FloatArray) -> FloatArray:
    """Return the weighted mean of forecasts: of their p10s, of their p50s, of their p90s.

    A mean of quantiles keeps the width that its members have on average, where a mixture of the
    distributions would be wider than each. A member that is NaN anywhere in a series drops out of
    that series, and the others share its weight.

    Args:
        outcomes: C forecasts of the same series, each `(N, hours, 3)`.
        weights: At least 0, shape `(C,)` or, per series, `(N, C)`; any sum.

    Returns:
        Shape `(N, hours, 3)`; NaN for a series in which no member with a weight is left.

    Raises:
        BadInput: The forecasts or the weights do not fit together, or a weight is no weight.
    """
    shares = _shares(outcomes, weights)
    mixed = np.zeros(outcomes[0].shape)
    for start in range(0, len(mixed), _CHUNK_ROWS):
        for c, quantiles in enumerate(outcomes):
            rows = start + np.flatnonzero(shares[start : start + _CHUNK_ROWS, c])
            mixed[rows] += shares[rows, c][:, None, None] * quantiles[rows]
    mixed[shares.sum(axis=1) == 0] = np.nan
    return mixed


def _shares(outcomes: Sequence[FloatArray], weights: FloatArray) -> FloatArray:
    """Return what each member has of each series, `(N, C)`: rows add up to 1, or are all 0."""
    shapes = {one.shape for one in outcomes}
    if len(shapes) != 1:
        raise BadInput(f"a blend needs forecasts of one shape, got {sorted(shapes) or 'none'}")
    rows, members = len(outcomes[0]), len(outcomes)
    if weights.shape not in {(members,), (rows, members)}:
        raise BadInput(
            f"weights have shape {weights.shape}, expected ({members},) or ({rows}, {members})"
        )
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise BadInput("a weight must be finite and at least 0; leave out what should not count")
    known = np.stack([np.isfinite(one).all(axis=(1, 2)) for one in outcomes], axis=1)
    shares = np.where(known, weights, 0.0)
    total = shares.sum(axis=1, keepdims=True)
    return shares / np.where(total > 0, total, 1.0)
