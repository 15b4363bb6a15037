"""A backtest of a whole history: what was served, and every contender, at rolling origins."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from foresail.codes import Code
from foresail.contenders.protocol import Contender, Learner, Outcome
from foresail.errors import BadInput
from foresail.evaluation.asking import not_below_zero
from foresail.evaluation.contest import run_contest
from foresail.evaluation.losses import naive_scale
from foresail.evaluation.origins import Origins, plan_origins
from foresail.evaluation.scores import REFERENCE
from foresail.evaluation.sums import Sums, measure
from foresail.evaluation.windows import MIN_SHARE
from foresail.horizons import Horizon
from foresail.panel import BoolArray, FloatArray, IntArray, Panel, SeriesInfo, SeriesKey, TimeArray

SERVED = "served"
"""The line of what Foresail would have served; the others are called after their contenders."""
_KEPT_BYTES = 2**30


@dataclass(frozen=True, slots=True)
class Rolling:
    """What K origins say about N series, for L lines: the served choice and every contender.

    Attributes:
        horizon: Whose windows.
        plan: Where the origins lie.
        origins: Last hour known at each, ascending, shape `(K,)`; `foresail forecast --as-of` with
            it forecasts the same window.
        lines: L names, `served` first.
        index: N series.
        sums: Measured, shape `(L, K, N)`; zero where fewer than half of the hours were observed or
            the series had no value yet.
        scale: Mean daily change known at each origin, shape `(K, N)`; NaN where it is zero or
            unknown. Such windows are reported apart.
        winners: Contender served, shape `(K, N)` as tuples; empty where none was.
        codes: Why not, a `foresail.codes.Code`, shape `(K, N)`.
        served: What was served, p10, p50, p90, shape `(K, N, hours, 3)`; NaN where nothing was.
    """

    horizon: Horizon
    plan: Origins
    origins: TimeArray
    lines: tuple[str, ...]
    index: tuple[SeriesInfo, ...]
    sums: Sums
    scale: FloatArray
    winners: tuple[tuple[str, ...], ...]
    codes: IntArray
    served: NDArray[np.float32]

    @property
    def scored(self) -> Sums:
        """Return the sums of the windows that have a scale; zero elsewhere."""
        return self.sums.where(np.isfinite(self.scale))

    @property
    def constant(self) -> Sums:
        """Return the sums of the windows without a scale; zero elsewhere."""
        return self.sums.where(~np.isfinite(self.scale))


def rolling(
    panel: Panel,
    *,
    horizon: Horizon,
    origins: int,
    contenders: Sequence[Contender],
    on_origin: Callable[[int], None] = lambda _: None,
) -> Rolling:
    """Forecast a history from several of its own hours and measure what came.

    At each origin a contest is held on what was known there, and its choice is what is served: the
    winner of a window never saw it, nor anything after it. A forecast that is missing - refused,
    or failed - scores as the seasonal naive.

    Args:
        panel: The history.
        horizon: How far ahead.
        origins: How many are wanted; see `plan_origins` for how many there will be.
        contenders: Must hold the seasonal naive of 24 h.
        on_origin: Called with 1 after each origin.

    Raises:
        BadInput: The history is too short for one origin, or nothing was observed in any window.
        UsageError: Fewer than one origin is wanted.
    """
    first = int(np.isfinite(panel.values).any(axis=0).argmax())
    panel = Panel(panel.ds[first:], panel.values[:, first:], panel.index)
    plan = plan_origins(len(panel.ds), horizon=horizon, origins=origins)
    memory = _Memory()
    remembered = [
        _RememberingLearner(contender, memory)
        if isinstance(contender, Learner)
        else _Remembering(contender, memory)
        for contender in contenders
    ]
    windows = []
    for start in plan.starts:
        windows.append(_window(panel, start, horizon=horizon, contenders=remembered))
        on_origin(1)
    result = Rolling(
        horizon=horizon,
        plan=plan,
        origins=panel.ds[np.array(plan.starts) - 1],
        lines=(SERVED, *(contender.name for contender in contenders)),
        index=panel.index,
        sums=Sums.stack([w.sums for w in windows], axis=1),
        scale=np.stack([w.scale for w in windows]),
        winners=tuple(w.winners for w in windows),
        codes=np.stack([w.codes for w in windows]),
        served=np.stack([w.served for w in windows]),
    )
    if not result.sums.hours.any():
        raise BadInput(
            f"no series was observed for half of any of the {len(windows)} windows; "
            "stage more history or ask for another horizon"
        )
    return result


@dataclass(frozen=True, slots=True)
class _Window:
    """One origin; shapes as in `Rolling` without K."""

    sums: Sums
    scale: FloatArray
    winners: tuple[str, ...]
    codes: IntArray
    served: NDArray[np.float32]


def _window(
    panel: Panel, start: int, *, horizon: Horizon, contenders: Sequence[Contender]
) -> _Window:
    hours = horizon.hours
    begun = np.asarray(np.isfinite(panel.values[:, :start]).any(axis=1))
    known = Panel(panel.ds[:start], panel.values[:, :start], panel.index).select(
        np.flatnonzero(begun).tolist()
    )
    contest = run_contest(known, horizons=(horizon,), contenders=contenders, slack=0)
    entries = [entry.horizons[horizon.name] for entry in contest.index]
    able = np.array([entry.winner is not None for entry in entries])
    forecasts = [np.where(able[:, None, None], contest.forecast[:, :hours], np.nan)]
    forecasts += [_forecast(contender, known, able, hours=hours) for contender in contenders]
    reference = next(c for c in contenders if c.name == REFERENCE)
    naive = _forecast(reference, known, np.ones(len(known), dtype=bool), hours=hours)
    y = panel.values[begun, start : start + hours]
    enough = np.isfinite(y).mean(axis=1) >= MIN_SHARE
    y = np.where(enough[:, None], y, np.nan)
    scale = naive_scale(known.values)
    sums = [measure(y, q, scale=scale, stand_in=naive) for q in forecasts]
    winners = iter([entry.winner or "" for entry in entries])
    codes = np.full(len(panel), int(Code.EMPTY_SERIES), dtype=np.int64)
    codes[begun] = [int(entry.code) for entry in entries]
    return _Window(
        sums=Sums.stack(sums, axis=0).map(lambda a: _spread(a, begun, axis=1, fill=0.0)),
        scale=_spread(scale, begun, axis=0, fill=np.nan),
        winners=tuple(next(winners) if one else "" for one in begun),
        codes=codes,
        served=_spread(forecasts[0], begun, axis=0, fill=np.nan).astype(np.float32),
    )


def _forecast(contender: Contender, known: Panel, able: BoolArray, *, hours: int) -> FloatArray:
    """Return the quantiles of a contender, NaN for the series that are not to be forecast."""
    quantiles = np.full((len(known), hours, 3), np.nan)
    if able.any():
        asked = known if able.all() else known.select(np.flatnonzero(able).tolist())
        outcome = contender.forecast(asked, hours=hours)
        quantiles[able] = not_below_zero(outcome.quantiles, asked.values)
    return quantiles


def _spread(array: FloatArray, rows: BoolArray, *, axis: int, fill: float) -> FloatArray:
    """Return the array with its axis of chosen rows widened to all of them."""
    shape = (*array.shape[:axis], len(rows), *array.shape[axis + 1 :])
    wide = np.full(shape, fill)
    wide[(slice(None),) * axis + (rows,)] = array
    return wide


_Key = tuple[str, int, int, tuple[SeriesKey, ...]]


@dataclass
class _Memory:
    """Forecasts made before, the oldest forgotten where they grow beyond a gigabyte."""

    kept: OrderedDict[_Key, FloatArray] = field(default_factory=OrderedDict)
    size: int = 0
    lock: Lock = field(default_factory=Lock)

    def keep(self, key: _Key, quantiles: FloatArray) -> None:
        with self.lock:  # windows are asked for side by side
            if key not in self.kept:
                self.kept[key] = quantiles
                self.size += quantiles.nbytes
            while self.size > _KEPT_BYTES:
                self.size -= self.kept.popitem(last=False)[1].nbytes


@dataclass(frozen=True)
class _Remembering:
    """A contender that makes each forecast of one history once.

    Weekly contests at weekly origins hold out the same windows again and again.
    """

    contender: Contender
    memory: _Memory

    @property
    def name(self) -> str:
        return self.contender.name

    def forecast(self, panel: Panel, *, hours: int) -> Outcome:
        key = (self.name, len(panel.ds), hours, tuple(info.key for info in panel.index))
        quantiles = self.memory.kept.get(key)
        if quantiles is None:
            quantiles = self.contender.forecast(panel, hours=hours).quantiles
            self.memory.keep(key, quantiles)
        failed = np.flatnonzero(~np.isfinite(quantiles).all(axis=(1, 2))).tolist()
        # the fitted model would hold its history for as long as the forecast is remembered
        return Outcome(quantiles, dict.fromkeys(failed, f"{self.name} made no forecast"))


@dataclass(frozen=True)
class _RememberingLearner(_Remembering):
    """A learner that is taught each history once."""

    taught: dict[tuple[int, int, tuple[SeriesKey, ...]], Contender] = field(default_factory=dict)

    def learn(self, panel: Panel, *, hours: int) -> Contender:
        key = (len(panel.ds), hours, tuple(info.key for info in panel.index))
        if key not in self.taught and isinstance(self.contender, Learner):
            self.taught[key] = self.contender.learn(panel, hours=hours)
        return self.taught[key]

    def forecast(self, panel: Panel, *, hours: int) -> Outcome:
        return self.learn(panel, hours=hours).forecast(panel, hours=hours)
