"""Hold a published forecast to the hours that came after it: is it as good as it promised?

Series by series the live error is divided by what was promised of the same hours
(`foresail.evaluation.live_hours`). The verdict is about the geometric mean of these ratios, and
ids are drawn again and again, each with its mean and its maximum, to tell how sure it is.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from foresail.bundle import Bundle, SeriesEntry
from foresail.bundle.schema import SOFTENING
from foresail.evaluation.bootstrap import CONFIDENCE, RESAMPLES, stretch
from foresail.evaluation.live_hours import (
    LiveMeans,
    aligned,
    figures,
    is_served,
    mean_over,
    means_over,
    rival_forecast,
    stored_forecast,
)
from foresail.evaluation.losses import naive_scale, quantile_loss
from foresail.panel import BoolArray, FloatArray, Panel
from foresail.times import isoformat

MARGIN = 1.25
"""The promise may be missed by this factor: it was measured on a few windows, and one day is one
draw that all series share, which resampling the ids cannot see."""
RIVAL_MARGIN = 1.05
"""The version before may be worse by this factor on the same hours and still be a remedy."""
DAY = 24
"""So many hours must have come: before that some hours of the day were never judged."""
MIN_HOURS = 18
"""A series counts with so many of them: one short outage shall not silence a whole day."""
MIN_SHARE = 2 / 3
"""So many of the promised series must count: those that are silent are not the average series."""
MIN_IDS = 5
"""With fewer a single event decides, however often it is drawn. The mean and the maximum of one id
are one experience."""
ALL = "all"
"""The row of all leads together, beside those of the horizons."""

Word = Literal["better", "as promised", "worse", "too early"]
WORDS: tuple[Word, ...] = ("better", "as promised", "worse", "too early")


@dataclass(frozen=True, slots=True)
class Ratio:
    """A geometric mean over series, with its 90 % interval: ids drawn again and again."""

    middle: float
    low: float
    high: float

    def __str__(self) -> str:
        """Return it as people read it in sentences."""
        return f"{self.middle:.2f} (90 % interval {self.low:.2f} to {self.high:.2f})"


@dataclass(frozen=True, slots=True)
class SeriesLive:
    """One series at one horizon; None where there is nothing to tell.

    Attributes:
        series: Id.
        stat: `mean` or `max`.
        horizon: Its name.
        hours: How many of its hours came and were forecast.
        coverage: Share of them inside [p10, p90].
        bias: Mean of p50 - y in the series' unit: positive means the forecast was too high.
        sql: Scaled quantile loss; None also for a constant history, which has no scale.
        promised_sql: What was promised of these hours; None where the horizon was unmeasured.
        promised_coverage: As above.
        ratio: (sql + 0.01) / (promised_sql + 0.01).
        naive_sql: The seasonal naive's on the same hours, from the same history.
    """

    series: str
    stat: str
    horizon: str
    hours: int
    coverage: float | None
    bias: float | None
    sql: float | None
    promised_sql: float | None
    promised_coverage: float | None
    ratio: float | None
    naive_sql: float | None


@dataclass(frozen=True, slots=True)
class HorizonLive:
    """One horizon over the series that count: means, and geometric means of the ratios.

    Attributes:
        horizon: Its name, or `all` for all leads together.
        promised: How many series have a measured promise and a scale.
        series: How many of those count, having `MIN_HOURS` hours.
        ids: How many ids those have; an id's mean and maximum are two series.
        hours: Most hours of any series.
        sql: Mean live error; None where no series counts.
        promised_sql: Mean of what was promised of the same hours.
        coverage: Mean share of hours inside the band.
        promised_coverage: As above.
        scaled_bias: Mean of bias / scale: positive means too high.
        ratio: Live error by the promise.
        versus_naive: Live error by the seasonal naive's on the same hours.
        naive_ratio: The naive's live error by its own in the backtest: above 1 where the cluster
            itself has become harder to forecast.
    """

    horizon: str
    promised: int
    series: int
    ids: int
    hours: int
    sql: float | None
    promised_sql: float | None
    coverage: float | None
    promised_coverage: float | None
    scaled_bias: float | None
    ratio: Ratio | None
    versus_naive: Ratio | None
    naive_ratio: float | None


@dataclass(frozen=True, slots=True)
class LiveReport:
    """What became of one bundle.

    Attributes:
        metric: Of the bundle.
        trained_until: The forecast's first hour.
        observed_until: End of the last hour that came; `trained_until` if none did.
        verdict: One of `WORDS`.
        reason: One sentence for people.
        overall: All leads together; what the verdict is about.
        horizons: Each horizon, shortest first.
        series: Each series at each horizon.
    """

    metric: str
    trained_until: datetime
    observed_until: datetime
    verdict: Word
    reason: str
    overall: HorizonLive
    horizons: tuple[HorizonLive, ...]
    series: tuple[SeriesLive, ...]


def compare(bundle: Bundle, observed: Panel, *, seed: int = 0) -> LiveReport:
    """Hold a bundle to what came.

    Args:
        bundle: The forecast and its promises.
        observed: Hours at or after the bundle's `trained_until`; what lies before is not looked
            at, series that the bundle lacks neither. A series it lacks did not come.
        seed: Of the bootstrap.
    """
    y = aligned(bundle, observed)
    hours = figures(bundle, y)
    ids = _ids(bundle)
    lengths = dict(sorted(bundle.manifest.horizons.items(), key=lambda item: item[1]))
    leads = np.arange(y.shape[1])
    rows: list[SeriesLive] = []
    horizons = []
    for name, length in lengths.items():
        served = np.array([is_served(e, name) for e in bundle.index], dtype=bool)
        measured = np.asarray(served & hours.has_promise[:, :length].all(axis=1))
        means = means_over(hours, served[:, None] & (leads < length))
        horizons.append(_horizon(name, means, hours.scale, measured, ids, seed=seed))
        rows += [
            _series(entry, name, means, row, measured=bool(measured[row]))
            for row, entry in enumerate(bundle.index)
            if served[row]
        ]
    known = np.isfinite(hours.promised)
    measured = np.asarray(hours.has_promise.any(axis=1))
    overall = _horizon(ALL, means_over(hours, known), hours.scale, measured, ids, seed=seed)
    start = bundle.manifest.trained_until
    verdict, reason = _verdict(overall, since=isoformat(start), came=y.shape[1])
    return LiveReport(
        metric=bundle.manifest.metric,
        trained_until=start,
        observed_until=start + timedelta(hours=y.shape[1]),
        verdict=verdict,
        reason=reason,
        overall=overall,
        horizons=tuple(horizons),
        series=tuple(rows),
    )


def rival_ratio(bundle: Bundle, rival: Bundle, observed: Panel, *, seed: int = 0) -> Ratio | None:
    """Return another bundle's error by this one's, on the hours since this one was trained.

    Args:
        bundle: The one that is served.
        rival: The one that might be.
        observed: As for `compare`.
        seed: Of the bootstrap.

    Returns:
        Above 1 where the rival is worse; None where they share fewer than `MIN_IDS` ids with
            `MIN_HOURS` hours.
    """
    y = aligned(bundle, observed)
    hours = y.shape[1]
    scale = naive_scale(np.asarray(bundle.history, dtype=np.float64))[:, None]
    ours = quantile_loss(y, stored_forecast(bundle, hours)) / scale
    theirs = quantile_loss(y, rival_forecast(bundle, rival, hours)) / scale
    own = np.array([not entry.is_carried_over for entry in bundle.index], dtype=bool)
    both = np.isfinite(ours) & np.isfinite(theirs) & own[:, None]
    count = both.sum(axis=1)
    logs = _log_ratio(mean_over(theirs, both, count), mean_over(ours, both, count))
    counted = count >= MIN_HOURS
    ids = _ids(bundle)[counted]
    return _bootstrap(logs[counted], ids, seed=seed) if len(set(ids)) >= MIN_IDS else None


def _horizon(  # a horizon's part of everything that `compare` knows
    name: str,
    means: LiveMeans,
    scale: FloatArray,
    measured: BoolArray,
    ids: NDArray[np.str_],
    *,
    seed: int,
) -> HorizonLive:
    promised = measured & np.isfinite(scale)
    counted = promised & (means.hours >= MIN_HOURS)
    ratio = _log_ratio(means.sql, means.promised)
    versus = _log_ratio(means.sql, means.naive)
    rivalled = counted & np.isfinite(versus)
    naive = _log_ratio(means.naive, means.promised_naive)[counted]
    naive_ratio = _average(naive[np.isfinite(naive)])
    return HorizonLive(
        horizon=name,
        promised=int(promised.sum()),
        series=int(counted.sum()),
        ids=len(set(ids[counted])),
        hours=int(means.hours.max(initial=0)),
        sql=_average(means.sql[counted]),
        promised_sql=_average(means.promised[counted]),
        coverage=_average(means.covered[counted]),
        promised_coverage=_average(means.promised_coverage[counted]),
        scaled_bias=_average((means.bias / scale)[counted]),
        ratio=_bootstrap(ratio[counted], ids[counted], seed=seed),
        versus_naive=_bootstrap(versus[rivalled], ids[rivalled], seed=seed),
        naive_ratio=None if naive_ratio is None else float(np.exp(naive_ratio)),
    )


def _series(
    entry: SeriesEntry, horizon: str, means: LiveMeans, row: int, *, measured: bool
) -> SeriesLive:
    sql = _number(means.sql[row])
    promised = _number(means.promised[row]) if measured else None
    return SeriesLive(
        series=entry.series,
        stat=entry.stat,
        horizon=horizon,
        hours=int(means.hours[row]),
        coverage=_number(means.covered[row]),
        bias=_number(means.bias[row]),
        sql=sql,
        promised_sql=promised,
        promised_coverage=_number(means.promised_coverage[row]) if measured else None,
        ratio=None
        if sql is None or promised is None
        else (sql + SOFTENING) / (promised + SOFTENING),
        naive_sql=_number(means.naive[row]),
    )


def _verdict(overall: HorizonLive, *, since: str, came: int) -> tuple[Word, str]:
    early = _too_early(overall, since=since, came=came)
    if early or overall.ratio is None:
        return "too early", early
    told = (
        f"the live error is {overall.ratio} times the promise over {overall.series} series and "
        f"{overall.hours} hours"
    )
    if overall.ratio.low > MARGIN:
        return "worse", told + _changed(overall.naive_ratio)
    return ("better" if overall.ratio.high < 1 / MARGIN else "as promised"), told


def _changed(naive_ratio: float | None) -> str:
    """Return what the naive tells of the cluster, as the end of a sentence, or nothing."""
    if naive_ratio is None or naive_ratio <= MARGIN:
        return ""
    return f"; the seasonal naive's is {naive_ratio:.2f} times its own: the cluster itself changed"


def _too_early(overall: HorizonLive, *, since: str, came: int) -> str:
    """Return why nothing can be said yet, or nothing."""
    if not overall.promised:
        return "no series has a measured promise and a history that is not constant"
    if not came:
        return f"no hour at or after {since} is in the history yet"
    if came < DAY:
        return f"{came} hours have come since {since}, {DAY} are needed"
    if overall.series < MIN_SHARE * overall.promised:
        return (
            f"{overall.series} of {overall.promised} series have {MIN_HOURS} hours or more since "
            f"{since}, two thirds are needed"
        )
    if overall.ids < MIN_IDS:
        return (
            f"{overall.ids} ids can be compared, {MIN_IDS} are needed to tell an error from chance"
        )
    return ""


def _ids(bundle: Bundle) -> NDArray[np.str_]:
    return np.array([entry.series for entry in bundle.index], dtype=np.str_)


def _bootstrap(logs: FloatArray, ids: NDArray[np.str_], *, seed: int) -> Ratio | None:
    """Return the geometric mean of ratios over series, with its interval; None without series.

    Args:
        logs: Of the ratios, shape `(n,)`.
        ids: Whose they are, alike: what has one id is drawn together.
        seed: Of the draws.
    """
    if not len(logs):
        return None
    draws = np.random.default_rng(seed)
    _, owner = np.unique(ids, return_inverse=True)
    total, size = np.bincount(owner, weights=logs), np.bincount(owner)
    count = len(total)
    means = [
        total[drawn].sum() / size[drawn].sum()
        for drawn in (draws.integers(count, size=count) for _ in range(RESAMPLES))
    ]
    middle, tail = logs.mean(), (1 - CONFIDENCE) / 2
    ends = middle + stretch(count) * (np.quantile(means, (tail, 1 - tail)) - middle)
    low, high = np.exp(ends)
    return Ratio(float(np.exp(middle)), float(low), float(high))


def _log_ratio(one: FloatArray, other: FloatArray) -> FloatArray:
    return np.asarray(np.log((one + SOFTENING) / (other + SOFTENING)))


def _average(values: FloatArray) -> float | None:
    return float(values.mean()) if len(values) else None


def _number(value: np.floating) -> float | None:
    return float(value) if np.isfinite(value) else None
