"""One forecast out of several: their quantiles averaged, and wider where they disagree."""

from dataclasses import dataclass

import numpy as np

from foresail.panel import FloatArray

SPREAD = 1.6424
"""Square of the standard normal's 90 % quantile: what a variance adds to a squared half-width."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """Forecasts of the same hours, joined one after the other.

    The mean of the members' quantiles keeps the width that they have on average; a mixture of their
    distributions is wider by how far their middles lie apart (law of total variance). Where members
    disagree - after a step, say - the future is less certain than any of them believes.

    Attributes:
        total: Weighted sum of the quantiles less `centre`, shape `(n, hours, 3)`.
        squares: Weighted sum of the squared p50s less `centre`, shape `(n, hours)`.
        centre: The first p50 that was added: differences from it keep their digits, `(n, hours)`.
        weight: Sum of the weights, shape `(n,)`.
    """

    total: FloatArray
    squares: FloatArray
    centre: FloatArray
    weight: FloatArray

    @staticmethod
    def of(shape: tuple[int, ...]) -> "Mixture":
        """Return an empty mixture of forecasts of this shape, `(n, hours, 3)`."""
        return Mixture(
            np.zeros(shape), np.zeros(shape[:2]), np.full(shape[:2], np.nan), np.zeros(shape[0])
        )

    def add(self, quantiles: np.ndarray, weight: FloatArray) -> None:
        """Add a member; series for which it holds a NaN are left to the others.

        Args:
            quantiles: Shape `(n, hours, 3)`.
            weight: At least 0, shape `(n,)`.
        """
        rows = np.flatnonzero((weight > 0) & np.isfinite(quantiles).all(axis=(1, 2)))
        said, share = quantiles[rows].astype(np.float64), weight[rows]
        first = np.isnan(self.centre[rows])
        self.centre[rows] = np.where(first, said[:, :, 1], self.centre[rows])
        said -= self.centre[rows][:, :, None]
        self.total[rows] += share[:, None, None] * said
        self.squares[rows] += share[:, None] * said[:, :, 1] ** 2
        self.weight[rows] += share

    def quantiles(self) -> FloatArray:
        """Return p10, p50, p90, shape `(n, hours, 3)`; NaN for a series without a member."""
        weight = np.where(self.weight > 0, self.weight, np.nan)[:, None]
        mean = self.total / weight[:, :, None]
        middle = mean[:, :, 1]
        apart = SPREAD * np.maximum(self.squares / weight - middle**2, 0.0)
        low = middle - np.hypot(middle - mean[:, :, 0], np.sqrt(apart))
        high = middle + np.hypot(mean[:, :, 2] - middle, np.sqrt(apart))
        return np.stack([low, middle, high], axis=2) + self.centre[:, :, None]
