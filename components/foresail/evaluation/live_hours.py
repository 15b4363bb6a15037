"""A published forecast beside the hours that came after it, hour by hour.

A horizon is rarely over when one asks, and a bundle that is days old answers from later leads. So
each hour is held to what was promised of its own segment of leads, and several hours to the mean of
these: what came is never compared with the promise of leads that have not been.

Series that were carried over from an earlier version are left out: their forecast was judged there,
and the version before has the same one, so that nothing would come of moving back to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foresail.bundle import Bundle, SeriesEntry
from foresail.contenders.naive import SeasonalNaive
from foresail.evaluation.losses import inside, naive_scale, quantile_loss
from foresail.horizons import QUANTILES
from foresail.panel import HOUR, BoolArray, FloatArray, Panel, SeriesInfo, SeriesKey
from foresail.times import to_numpy


@dataclass(frozen=True, slots=True)
class LiveHours:
    """Figures of every series and hour, each `(N, hours)`; NaN where there is none.

    Attributes:
        sql: Scaled quantile loss.
        covered: Whether it lay inside the band.
        miss: p50 - y.
        naive: Scaled quantile loss of the seasonal naive.
        promised: What was promised of these leads.
        promised_coverage: As above.
        promised_naive: What the naive had on the same windows.
        scale: Shape `(N,)`; NaN for a constant history.
        has_promise: Which of all stored leads have a measured promise, shape `(N, steps)`.
    """

    sql: FloatArray
    covered: FloatArray
    miss: FloatArray
    naive: FloatArray
    promised: FloatArray
    promised_coverage: FloatArray
    promised_naive: FloatArray
    scale: FloatArray
    has_promise: BoolArray


@dataclass(frozen=True, slots=True)
class LiveMeans:
    """Means over some leads, each `(N,)`; `hours` counts those with a value and a forecast."""

    hours: FloatArray
    sql: FloatArray
    covered: FloatArray
    bias: FloatArray
    naive: FloatArray
    promised: FloatArray
    promised_coverage: FloatArray
    promised_naive: FloatArray


def aligned(bundle: Bundle, observed: Panel) -> FloatArray:
    """Return what came in the bundle's rows from its first hour on, shape `(N, hours)`."""
    start = to_numpy(bundle.manifest.trained_until)
    leads = ((observed.ds - start) // HOUR).astype(np.int64)
    inside_it = (leads >= 0) & (leads < bundle.manifest.steps)
    leads = leads[inside_it]
    y = np.full((len(bundle.index), int(leads.max()) + 1 if len(leads) else 0), np.nan)
    places = {info.key: row for row, info in enumerate(observed.index)}
    pairs = [(row, places[k]) for row, e in enumerate(bundle.index) if (k := key_of(e)) in places]
    if pairs and len(leads):
        rows, theirs = np.array(pairs).T
        y[rows[:, None], leads] = observed.values[np.ix_(theirs, np.flatnonzero(inside_it))]
    return y


def stored_forecast(bundle: Bundle, hours: int) -> FloatArray:
    """Return the first hours of the forecast, NaN where a series has none."""
    stored = np.array([entry.hours for entry in bundle.index], dtype=np.int64)
    forecast = np.asarray(bundle.forecast[:, :hours], dtype=np.float64).copy()
    forecast[np.arange(hours) >= stored[:, None]] = np.nan
    return forecast


def rival_forecast(bundle: Bundle, rival: Bundle, hours: int) -> FloatArray:
    """Return another bundle's forecast of this one's first hours, in this one's rows."""
    places = {key_of(entry): row for row, entry in enumerate(rival.index)}
    shift = int(
        (to_numpy(bundle.manifest.trained_until) - to_numpy(rival.manifest.trained_until)) // HOUR
    )
    first = max(0, -shift)  # a rival that was trained later has no hour before its own first
    forecast = np.full((len(bundle.index), hours, len(QUANTILES)), np.nan)
    for row, entry in enumerate(bundle.index):
        place = places.get(key_of(entry))
        if place is None:
            continue
        until = min(shift + hours, rival.index[place].hours)
        stored = rival.forecast[place, first + shift : max(until, first + shift)]
        forecast[row, first : first + len(stored)] = stored
    return forecast


def figures(bundle: Bundle, y: FloatArray) -> LiveHours:
    """Return the figures of every series and hour; `y` is what came, as `aligned` returns it."""
    history = np.asarray(bundle.history, dtype=np.float64)
    scale = naive_scale(history)
    forecast = stored_forecast(bundle, y.shape[1])
    known = np.isfinite(y) & np.isfinite(forecast[:, :, 1])
    promised = _promised_per_lead(bundle.index, bundle.manifest.steps)
    came = promised[:, :, : y.shape[1]]
    naive = quantile_loss(y, _naive(bundle, history, y.shape[1]))
    return LiveHours(
        sql=quantile_loss(y, forecast) / scale[:, None],
        covered=np.where(known, inside(y, forecast), np.nan),
        miss=forecast[:, :, 1] - y,
        naive=naive / scale[:, None],
        promised=came[0],
        promised_coverage=came[1],
        promised_naive=came[2],
        scale=scale,
        has_promise=np.isfinite(promised[0]),
    )


def _promised_per_lead(index: Sequence[SeriesEntry], steps: int) -> FloatArray:
    """Return what each lead was promised: sql, coverage, the naive's sql; shape `(3, N, steps)`."""
    promised = np.full((3, len(index), steps), np.nan)
    for row, entry in enumerate(index):
        if entry.is_carried_over:
            continue
        before = 0
        for segment in entry.segments:
            if segment.quality is not None:
                told = (segment.quality.sql, segment.quality.coverage, segment.quality.naive_sql)
                promised[:, row, before : segment.until_hours] = np.array(told)[:, None]
            before = segment.until_hours
    return promised


def _naive(bundle: Bundle, history: FloatArray, hours: int) -> FloatArray:
    """Return the seasonal naive's forecast from the bundle's own history; NaN without any."""
    ds = to_numpy(bundle.manifest.trained_until) + HOUR * np.arange(-history.shape[1], 0)
    quantiles = np.full((len(history), hours, len(QUANTILES)), np.nan)
    some = np.flatnonzero(np.isfinite(history).any(axis=1))
    if len(some):
        infos = tuple(SeriesInfo(*key_of(bundle.index[row])) for row in some)
        panel = Panel(ds, history[some], infos)
        quantiles[some] = SeasonalNaive().forecast(panel, hours=hours).quantiles
    return quantiles


def means_over(hours: LiveHours, leads: BoolArray) -> LiveMeans:
    """Return the means over the hours among these leads that came."""
    known = leads & np.isfinite(hours.covered)
    count = known.sum(axis=1)
    return LiveMeans(
        hours=count,
        sql=mean_over(hours.sql, known, count),
        covered=mean_over(hours.covered, known, count),
        bias=mean_over(hours.miss, known, count),
        naive=mean_over(hours.naive, known, count),
        promised=mean_over(hours.promised, known, count),
        promised_coverage=mean_over(hours.promised_coverage, known, count),
        promised_naive=mean_over(hours.promised_naive, known, count),
    )


def mean_over(values: FloatArray, known: BoolArray, count: FloatArray) -> FloatArray:
    """Return each row's mean over the known hours; NaN where there are none."""
    total = np.where(known, values, 0.0).sum(axis=1)
    mean = np.full(len(values), np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean


def is_served(entry: SeriesEntry, horizon: str) -> bool:
    """Say whether the version has made a forecast of this horizon for the series."""
    known = entry.horizons.get(horizon)
    return known is not None and known.winner is not None and not entry.is_carried_over


def key_of(entry: SeriesEntry) -> SeriesKey:
    """Return what names the series of an entry."""
    return SeriesKey(entry.series, entry.metric, entry.stat)
