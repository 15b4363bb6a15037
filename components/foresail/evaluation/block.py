"""The contest of one block of series, once it is known what holds for the whole panel."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from foresail.amounts import amount
from foresail.bundle.days import WEEK
from foresail.bundle.schema import CONSTANT, HorizonEntry, Quality, Segment, SeriesEntry
from foresail.codes import Code
from foresail.contenders.protocol import Contender
from foresail.evaluation.calibration import stretched
from foresail.evaluation.choice import NOBODY, Choice, Judged, choose
from foresail.evaluation.days import LENGTHS
from foresail.evaluation.eligibility import Eligibility, eligibility
from foresail.evaluation.final import Final, able, ask_learners, forecast_with
from foresail.evaluation.held_out import Lesson, Measured
from foresail.evaluation.losses import naive_scale
from foresail.evaluation.outcome import Contest, ServedModel
from foresail.evaluation.safety import CONSTANT_HOURS, ceilings_of, constants, within_reason
from foresail.horizons import Horizon
from foresail.panel import BoolArray, FloatArray, IntArray, Panel, SeriesInfo

FLAT = "median_28d"
"""The level that growth must beat in a series' own windows before it may leave what was shown."""


@dataclass(frozen=True, slots=True)
class Course:
    """All that a block of series needs to know of its panel.

    Attributes:
        lesson: What holds for all series.
        contenders: In the board's order.
        learnt: What the learners among them know at the end of the history, by name.
        horizons: Asked for, shortest first.
        slack: Hours to forecast beyond the longest horizon that a series may be asked for.
    """

    lesson: Lesson
    contenders: tuple[Contender, ...]
    learnt: Mapping[str, Contender]
    horizons: tuple[Horizon, ...]
    slack: int

    @property
    def steps(self) -> int:
        """Return how many hours are forecast."""
        return self.lesson.exam.horizons[-1].hours + self.slack

    @property
    def ends(self) -> IntArray:
        """Return where the segments of leads end, shape `(S,)`."""
        return np.array([*(h.hours for h in self.lesson.exam.horizons[:-1]), self.steps])


def contest_of(course: Course, block: Panel, measured: Measured | None = None) -> Contest:
    """Choose who serves these series and forecast them.

    Args:
        course: What is known of the panel.
        block: The series, with all that is known.
        measured: What the windows say of them, where that was asked already.
    """
    measured = measured or course.lesson.measured(block)
    segments = course.lesson.exam.horizons
    fits = [eligibility(row, segments) for row in block.values]
    allowed = allowed_of(fits, segments)
    rows = np.flatnonzero(allowed.any(axis=1))
    heard = ask_learners(block, rows, course.learnt, steps=course.steps)
    choice = choose(measured.board, able=able(measured, rows, heard, course.ends))
    final = forecast_with(
        block,
        _carried(choice.winners, allowed),
        course.ends,
        course.contenders,
        measured=measured,
        alike=course.lesson.exam.alike(block),
        heard=heard,
    )
    entries = _entries(course, block, fits, measured, choice, final)
    fixed = constants(block.values)[:, None, None]
    forecast = _in_bounds(block, final, measured, choice, segments)
    forecast = np.where(np.isfinite(fixed), fixed, forecast)
    beyond = np.arange(course.steps) >= np.array([entry.hours for entry in entries])[:, None]
    forecast[beyond] = 0.0
    return Contest(entries, forecast, _models(entries, final), measured.board)


def allowed_of(fits: Sequence[Eligibility], segments: Sequence[Horizon]) -> BoolArray:
    """Return which segments of leads each series may be asked for, shape `(N, S)`."""
    allowed = np.array([[h in fit.allowed for h in segments] for fit in fits], dtype=bool)
    return allowed.reshape(len(fits), len(segments))


def _entries(
    course: Course,
    block: Panel,
    fits: Sequence[Eligibility],
    measured: Measured,
    choice: Choice,
    final: Final,
) -> tuple[SeriesEntry, ...]:
    fixed = constants(block.values)
    judged = choice.judged(final.places)
    days, scale = _day_factors(measured, final.places), naive_scale(block.values)
    names = measured.board.contenders
    return tuple(
        _entry(
            row,
            info,
            fits[row],
            asked=course.horizons,
            served=[names[c] for c in final.places[row, : len(fits[row].allowed)].tolist()],
            slack=course.slack,
            judged=judged,
            days=days[row],
            scale=float(scale[row]),
            failure=final.failures.get(row, ""),
            constant=_constancy(block.values[row], float(fixed[row]), info.unit),
        )
        for row, info in enumerate(block.index)
    )


def _carried(winners: IntArray, allowed: BoolArray) -> IntArray:
    """Return who serves each segment, shape `(N, S)`; `NOBODY` for a series without a forecast.

    The slack after the longest horizon that a series may be asked for is its winner's.
    """
    last: IntArray = np.maximum(allowed.sum(axis=1) - 1, 0)[:, None]
    carried = np.take_along_axis(winners, np.minimum(np.arange(winners.shape[1]), last), axis=1)
    return np.where(allowed.any(axis=1, keepdims=True), carried, NOBODY)


def _in_bounds(
    panel: Panel, final: Final, measured: Measured, choice: Choice, segments: Sequence[Horizon]
) -> FloatArray:
    """Return the forecast with calibrated bands, held to what may be served."""
    forecast, steps = final.quantiles, final.quantiles.shape[1]
    scale, series = naive_scale(panel.values), np.arange(len(panel))
    beaten = choice.beats(final.places, FLAT)
    growth = np.zeros(forecast.shape[:2], dtype=bool)
    start = 0
    for s, horizon in enumerate(segments):
        stop = steps if s == len(segments) - 1 else horizon.hours
        bands = measured.bands[final.places[:, s], series, s]
        forecast[:, start:stop] = stretched(forecast[:, start:stop], bands, scale)
        growth[:, start:stop] = beaten[:, s : s + 1]
        start = stop
    return within_reason(forecast, panel.values, ceilings=ceilings_of(panel.index), growth=growth)


def _day_factors(measured: Measured, places: IntArray) -> FloatArray:
    """Return the factors of days and weeks of what is served, shape `(N, S, 4, 3)`.

    They were counted in half-widths of the bands as they came; what is served is stretched.
    """
    series, segments = np.indices(places.shape)
    found = measured.days[places, series, segments]
    stretch = measured.bands[places, series, segments]
    widths = np.stack([stretch[..., 1], stretch.mean(axis=-1)] * len(LENGTHS), axis=-1)
    return np.asarray(found / widths[..., None])


def _three(values: FloatArray) -> tuple[float, float, float]:
    low, middle, high = (round(float(value), 4) for value in values)
    return low, middle, high


def _models(entries: Sequence[SeriesEntry], final: Final) -> dict[str, ServedModel]:
    """Return what each contender fitted to the series that it serves."""
    serving: dict[str, list[int]] = defaultdict(list)
    for row, entry in enumerate(entries):
        for name in {segment.model for segment in entry.segments}:
            serving[name].append(row)
    found = {}
    for name, rows in sorted(serving.items()):
        if name in final.models:
            fitted, model = final.models[name]
            places = np.searchsorted(fitted, rows).tolist()
            found[name] = ServedModel(tuple(rows), model.select(places))
    return found


def _constancy(values: FloatArray, constant: float, unit: str) -> str:
    """Return the sentence about a series that is constant; empty for one that is not (NaN)."""
    if not np.isfinite(constant):
        return ""
    recent = np.isfinite(values[-CONSTANT_HOURS:])
    days = round((len(recent) - int(recent.argmax())) / 24)
    return f"the series has been {amount(constant, unit)} for {days} days"


def _entry(
    row: int,
    info: SeriesInfo,
    fit: Eligibility,
    *,
    asked: Sequence[Horizon],
    served: Sequence[str],
    slack: int,
    judged: Judged,
    days: FloatArray,
    scale: float,
    failure: str,
    constant: str,
) -> SeriesEntry:
    # who won the windows is not what a constant is served by: nobody has measured that
    def measured(segments: slice) -> Quality | None:
        return None if constant else judged.quality(row, segments)

    code, reason = Code.OK, ""
    if constant:
        code, reason = Code.CONSTANT, constant
        served, scale = [CONSTANT] * len(served), np.nan
    elif failure:
        code, reason = Code.DEGRADED, failure
    entries = {}
    for horizon in asked:
        refused = fit.refused.get(horizon.name)
        if refused:
            entry = HorizonEntry(winner=None, code=refused.code, reason=refused.reason)
        else:
            s = fit.allowed.index(horizon)
            quality = measured(slice(0, s + 1))
            entry = HorizonEntry(winner=served[s], code=code, reason=reason, quality=quality)
        entries[horizon.name] = entry
    hours = fit.allowed[-1].hours + slack if fit.allowed else 0
    ends = [h.hours for h in fit.allowed[:-1]] + [hours]
    segments = tuple(
        Segment(
            until_hours=end,
            model=name,
            quality=measured(slice(s, s + 1)),
            peak=None if constant else _three(days[s, 0]),
            daily_mean=None if constant else _three(days[s, 1]),
            # no week lies mostly within a first day
            week_peak=None if constant or h.hours < WEEK else _three(days[s, 2]),
            weekly_mean=None if constant or h.hours < WEEK else _three(days[s, 3]),
        )
        for s, (name, end, h) in enumerate(zip(served, ends, fit.allowed, strict=bool(served)))
    )
    return SeriesEntry(
        series=info.series,
        metric=info.metric,
        stat="max" if info.stat == "max" else "mean",
        unit=info.unit,
        labels=info.labels,
        capacity=info.capacity,
        hours=hours,
        horizons=entries,
        segments=segments,
        scale=scale if np.isfinite(scale) else None,
    )
