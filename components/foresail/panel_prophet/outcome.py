"""What the engine tells of a fit, as values."""

from dataclasses import dataclass
from typing import Literal

from foresail.panel import BoolArray, FloatArray, SeriesKey, TimeArray


@dataclass(frozen=True, slots=True)
class SeriesReport:
    """What came of one series.

    Attributes:
        series: Its key.
        engine: `panel` (solved with all others), `stan` (real Prophet) or `none` (not forecast).
        reason: Why not `panel`; or what is special about it. Empty for an ordinary fit.
        log_posterior: Stan's `lp__` up to its constants; NaN where nothing was optimised.
        sigma: Noise, share of the series' scale.
        kkt: Largest violation of the optimality conditions times `changepoint_prior_scale`; NaN
            for real Prophet, which does not tell.
        unique: Whether the optimum was shown to be the only one.
    """

    series: SeriesKey
    engine: Literal["panel", "stan", "none"]
    reason: str
    log_posterior: float
    sigma: float
    kkt: float
    unique: bool


@dataclass(frozen=True, slots=True)
class Backtest:
    """Forecasts from the past beside what came.

    Attributes:
        cutoffs: Last hour known to each forecast, C of them.
        y: What came, shape `(C, N, steps)`; NaN is a gap, or later than the panel.
        quantiles: Shape `(C, N, steps, Q)`; NaN for a series that could not be fitted then.
    """

    cutoffs: TimeArray
    y: FloatArray
    quantiles: FloatArray


@dataclass(frozen=True, slots=True)
class DesignMatrix:
    """What Prophet's `preprocess` makes of one series, over its own rows with a value.

    Attributes:
        t: Time, shape `(n,)`.
        changepoints_t: Shape `(S,)`.
        features: Shape `(n, K)`.
        columns: Their names.
        prior_scales: Shape `(K,)`.
        multiplicative: Which of them scale the trend, shape `(K,)`.
        y_scaled: Shape `(n,)`.
        y_scale: Values were divided by it.
        floor: After this was subtracted.
    """

    t: FloatArray
    changepoints_t: FloatArray
    features: FloatArray
    columns: tuple[str, ...]
    prior_scales: FloatArray
    multiplicative: BoolArray
    y_scaled: FloatArray
    y_scale: float
    floor: float
