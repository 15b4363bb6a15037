"""What forecasts of a window are measured by, as sums over hours that can be joined exactly."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from foresail.evaluation.losses import inside
from foresail.evaluation.windows import MIN_SHARE
from foresail.horizons import QUANTILES
from foresail.panel import BoolArray, FloatArray

DAY = 24


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over the hours that were observed; the arrays share one shape, such as `(N,)`.

    Attributes:
        hours: Hours observed.
        scaled_hours: Those of windows that have a scale.
        pinball: Pinball loss of p10, p50, p90 over the scale; one axis more, of length 3.
        error: |y - p50| over the scale.
        excess: p50 - y over the scale.
        covered: Hours inside [p10, p90].
        filled: Hours at which the seasonal naive stood in for a forecast that was missing.
        peak_miss: |predicted - observed maximum| of each day, in the series' unit.
        peak: |observed maximum| of these days.
    """

    hours: FloatArray
    scaled_hours: FloatArray
    pinball: FloatArray
    error: FloatArray
    excess: FloatArray
    covered: FloatArray
    filled: FloatArray
    peak_miss: FloatArray
    peak: FloatArray

    @property
    def sql(self) -> FloatArray:
        """Return the scaled quantile loss: mean over p10, p50, p90 of 2 x pinball / scale."""
        return _over(2 * self.pinball.mean(axis=-1), self.scaled_hours)

    @property
    def mase(self) -> FloatArray:
        """Return mean |y - p50| / scale."""
        return _over(self.error, self.scaled_hours)

    @property
    def bias(self) -> FloatArray:
        """Return mean (p50 - y) / scale: positive means the forecast was too high."""
        return _over(self.excess, self.scaled_hours)

    @property
    def mean_pinball(self) -> FloatArray:
        """Return the mean scaled pinball loss of each quantile; one axis more, of length 3."""
        return _over(self.pinball, self.scaled_hours[..., None])

    @property
    def coverage(self) -> FloatArray:
        """Return the share of hours inside [p10, p90]."""
        return _over(self.covered, self.hours)

    @property
    def peak_error(self) -> FloatArray:
        """Return sum |predicted - observed daily maximum| / sum |observed daily maximum|.

        Predicted is the highest p90 of the day's hours, which is what capacity is planned by; a day
        is 24 hours counted from the origin. Only observed hours count on both sides, and only days
        of which at least half were observed. Sums before the ratio, so that a day near zero does
        not outweigh all others.
        """
        return _over(self.peak_miss, self.peak)

    def map(self, change: Callable[[FloatArray], FloatArray]) -> "Sums":
        """Return the sums with every array changed alike."""
        return Sums(*(change(getattr(self, field.name)) for field in fields(self)))

    def total(self, axis: int) -> "Sums":
        """Return the sums over one axis, counted from the first."""
        return self.map(lambda array: np.asarray(array.sum(axis=axis)))

    def where(self, mask: BoolArray) -> "Sums":
        """Return the sums with zero where the mask is false.

        Args:
            mask: Of the arrays' shape, or of their last axes.
        """
        deep = mask[..., None]
        return self.map(lambda a: np.where(deep if a.ndim > self.hours.ndim else mask, a, 0.0))

    @staticmethod
    def stack(parts: Sequence["Sums"], *, axis: int) -> "Sums":
        """Return sums of one shape joined along a new axis."""
        names = [field.name for field in fields(Sums)]
        return Sums(*(np.stack([getattr(p, n) for p in parts], axis=axis) for n in names))


def measure(
    y: FloatArray, quantiles: FloatArray, *, scale: FloatArray, stand_in: FloatArray
) -> Sums:
    """Return what one forecast of one window is measured by.

    Args:
        y: What came, shape `(N, hours)`, hours a multiple of 24; NaN for gaps.
        quantiles: What was forecast, shape `(N, hours, 3)`; NaN where there was none.
        scale: Shape `(N,)`; NaN where the series has none.
        stand_in: The seasonal naive's quantiles, which score where there was no forecast.
    """
    missing = np.asarray(~np.isfinite(quantiles).all(axis=2))
    quantiles = np.where(missing[:, :, None], stand_in, quantiles)
    levels = np.array(QUANTILES)
    miss = y[:, :, None] - quantiles
    pinball = np.maximum(levels * miss, (levels - 1) * miss)
    seen = np.isfinite(y)
    peak_miss, peak = _peaks(y, quantiles[:, :, 2])
    hours = seen.sum(axis=1).astype(np.float64)
    return Sums(
        hours=hours,
        scaled_hours=np.where(np.isfinite(scale), hours, 0.0),
        pinball=np.nansum(pinball / scale[:, None, None], axis=1),
        error=np.nansum(np.abs(miss[:, :, 1]) / scale[:, None], axis=1),
        excess=np.nansum(-miss[:, :, 1] / scale[:, None], axis=1),
        covered=np.nansum(inside(y, quantiles), axis=1),
        filled=(missing & seen).sum(axis=1).astype(np.float64),
        peak_miss=peak_miss,
        peak=peak,
    )


def _peaks(y: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the sums over days of |highest `high` - highest y| and |highest y|, each `(N,)`."""
    days = (len(y), -1, DAY)
    seen = np.isfinite(y).reshape(days)
    counts = seen.mean(axis=2) >= MIN_SHARE
    observed, predicted = (
        np.where(counts, np.where(seen, a.reshape(days), -np.inf).max(axis=2), 0.0)
        for a in (y, high)
    )
    return np.abs(predicted - observed).sum(axis=1), np.abs(observed).sum(axis=1)


def _over(total: FloatArray, count: FloatArray) -> FloatArray:
    """Return total / count, NaN where the count is zero."""
    shape = np.broadcast_shapes(total.shape, count.shape)
    return np.asarray(np.divide(total, count, out=np.full(shape, np.nan), where=count > 0))
