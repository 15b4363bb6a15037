"""The contest: backtest every contender, choose per series and lead, forecast with the winners."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from foresail.bundle.schema import HorizonEntry, Segment, SeriesEntry
from foresail.codes import Code
from foresail.contenders.protocol import Contender, FittedModel, Outcome
from foresail.evaluation.calibration import Misses, calibrated, factors, stretched
from foresail.evaluation.choice import Choice, choose, groups
from foresail.evaluation.eligibility import Eligibility, eligibility
from foresail.evaluation.losses import naive_scale
from foresail.evaluation.scores import REFERENCE, ScoreBoard
from foresail.evaluation.windows import Plan, plan_windows
from foresail.horizons import SLACK_HOURS, Horizon
from foresail.panel import FloatArray, Panel, SeriesInfo


@dataclass(frozen=True, slots=True)
class ServedModel:
    """The fitted model of one contender, for the series it serves.

    Attributes:
        rows: Of the contest's panel, ascending: series of which it serves at least one segment.
        model: Its fit of these series, in this order.
    """

    rows: tuple[int, ...]
    model: FittedModel

    def among(self, rows: Sequence[int]) -> FittedModel | None:
        """Return the model of those of its series that are among these rows; None if none is."""
        wanted = set(rows)
        places = [place for place, row in enumerate(self.rows) if row in wanted]
        return self.model.select(places) if places else None


@dataclass(frozen=True, slots=True)
class Contest:
    """Its outcome, ready to be published.

    Attributes:
        index: One entry a series, in the panel's order.
        forecast: Shape `(N, steps, 3)`; zero beyond an entry's `hours`.
        models: Contender's name -> its fit of the series it serves, where it keeps one.
        board: All scores.
    """

    index: tuple[SeriesEntry, ...]
    forecast: FloatArray
    models: Mapping[str, ServedModel]
    board: ScoreBoard


def run_contest(
    panel: Panel,
    *,
    horizons: Sequence[Horizon],
    contenders: Sequence[Contender],
    windows: int = 3,
    slack: int = SLACK_HOURS,
) -> Contest:
    """Backtest the contenders on one panel and forecast every series with its winners.

    Args:
        panel: History up to the last hour known; nothing later exists for anyone here.
        horizons: Asked for, shortest first.
        contenders: Must hold the seasonal naive of 24 h.
        windows: Held-out windows for each series.
        slack: Hours to forecast beyond the longest horizon, so that a bundle can grow old.
    """
    fits = [eligibility(panel.values[i], horizons) for i in range(len(panel))]
    board, misses = backtest(panel, fits, horizons=horizons, contenders=contenders, windows=windows)
    alike = groups(board)
    choice = choose(calibrated(board, misses, alike))
    bands = factors(board, misses, alike)
    winners = [
        tuple(choice.winner(row, s) for s in range(len(fit.allowed)))
        for row, fit in enumerate(fits)
    ]
    return _forecast(panel, fits, winners, choice, bands, contenders=contenders, slack=slack)


def backtest(
    panel: Panel,
    fits: Sequence[Eligibility],
    *,
    horizons: Sequence[Horizon],
    contenders: Sequence[Contender],
    windows: int,
) -> tuple[ScoreBoard, Misses]:
    """Score every contender on the windows that each series' history can hold out.

    Returns:
        The scores of the bands as they came, and what calibrates them.
    """
    board = ScoreBoard.empty(
        [c.name for c in contenders], [i.key for i in panel.index], horizons, windows=windows
    )
    misses = Misses.empty(board)
    plans: dict[Plan, list[int]] = defaultdict(list)
    for row, fit in enumerate(fits):
        plan = plan_windows(panel.values[row], fit.allowed, windows=windows)
        if plan:
            plans[plan].append(row)
    for plan, rows in plans.items():
        for window, back in enumerate(plan.backs):
            _score_window(
                panel, board, misses, contenders, rows, window=window, back=back, hours=plan.hours
            )
    return board, misses


def _score_window(
    panel: Panel,
    board: ScoreBoard,
    misses: Misses,
    contenders: Sequence[Contender],
    rows: Sequence[int],
    *,
    window: int,
    back: int,
    hours: int,
) -> None:
    origin = len(panel.ds) - back
    known = Panel(
        panel.ds[:origin], panel.values[rows, :origin], tuple(panel.index[i] for i in rows)
    )
    # a series can be silent up to this origin though it is not today
    alive = [int(i) for i in np.flatnonzero(np.isfinite(known.values).any(axis=1))]
    if not alive:
        return
    known = known.select(alive)
    here = [rows[i] for i in alive]
    y = panel.values[here, origin : origin + hours]
    scale = naive_scale(known.values)
    for c, contender in enumerate(contenders):
        # of the outcome nothing else is kept: a fitted model holds the history it was fitted to
        quantiles = not_below_zero(contender.forecast(known, hours=hours).quantiles, known.values)
        board.record(c, window, here, y=y, quantiles=quantiles, scale=scale)
        misses.record(board, c, window, np.array(here), y=y, quantiles=quantiles, scale=scale)


def not_below_zero(quantiles: FloatArray, history: FloatArray) -> FloatArray:
    """Clip at zero the forecasts of series that have never been below it."""
    below = np.asarray((history < 0).any(axis=1))
    return np.where(below[:, None, None], quantiles, np.maximum(quantiles, 0.0))


def _forecast(
    panel: Panel,
    fits: Sequence[Eligibility],
    winners: Sequence[tuple[str, ...]],
    choice: Choice,
    bands: FloatArray,
    *,
    contenders: Sequence[Contender],
    slack: int,
) -> Contest:
    board = choice.board
    steps = board.horizons[-1].hours + slack
    outcomes = _winning_outcomes(panel, winners, contenders, steps=steps)
    forecast, scale = np.zeros((len(panel), steps, 3)), naive_scale(panel.values)
    entries = []
    for row, (info, fit) in enumerate(zip(panel.index, fits, strict=True)):
        served, failure = _without_failures(row, winners[row], outcomes)
        hours = fit.allowed[-1].hours + slack if fit.allowed else 0
        segments = _segments(served, fit.allowed, hours=hours)
        start = 0
        for s, name in enumerate(served):
            outcome, place = outcomes[name, row]
            stop = hours if s == len(served) - 1 else fit.allowed[s].hours
            forecast[row, start:stop] = stretched(
                outcome.quantiles[[place], start:stop],
                bands[[board.contenders.index(name)], row, s],
                scale[[row]],
            )[0]
            start = stop
        forecast[row, hours:] = 0.0
        entries.append(
            _entry(row, info, fit, served=served, segments=segments, choice=choice, failure=failure)
        )
    return Contest(
        index=tuple(entries),
        forecast=not_below_zero(forecast, panel.values),
        models=_models(entries, outcomes),
        board=board,
    )


def _models(
    entries: Sequence[SeriesEntry], outcomes: Mapping[tuple[str, int], tuple[Outcome, int]]
) -> dict[str, ServedModel]:
    """Return what each contender fitted to the series that it serves."""
    serving: dict[str, list[int]] = defaultdict(list)
    for row, entry in enumerate(entries):
        for name in {segment.model for segment in entry.segments}:
            serving[name].append(row)
    found = {}
    for name, rows in sorted(serving.items()):
        model = outcomes[name, rows[0]][0].model
        if model is not None:
            places = [outcomes[name, row][1] for row in rows]
            found[name] = ServedModel(tuple(rows), model.select(places))
    return found


def _winning_outcomes(
    panel: Panel,
    winners: Sequence[tuple[str, ...]],
    contenders: Sequence[Contender],
    *,
    steps: int,
) -> dict[tuple[str, int], tuple[Outcome, int]]:
    """Forecast with each contender only the series it serves; the naive stands by for all."""
    found: dict[tuple[str, int], tuple[Outcome, int]] = {}
    for contender in contenders:
        rows = [
            row
            for row, names in enumerate(winners)
            if names and (contender.name in names or contender.name == REFERENCE)
        ]
        if rows:
            outcome = contender.forecast(panel.select(rows), hours=steps)
            found |= {(contender.name, row): (outcome, place) for place, row in enumerate(rows)}
    return found


def _without_failures(
    row: int, names: Sequence[str], outcomes: dict[tuple[str, int], tuple[Outcome, int]]
) -> tuple[tuple[str, ...], str]:
    failure = ""
    served = []
    for name in names:
        outcome, place = outcomes[name, row]
        failed = outcome.failures.get(place, "")
        failure = failure or failed
        served.append(REFERENCE if failed else name)
    return tuple(served), failure


def _segments(
    names: Sequence[str], allowed: Sequence[Horizon], *, hours: int
) -> tuple[Segment, ...]:
    ends = [h.hours for h in allowed[:-1]] + [hours]
    joined: list[Segment] = []
    for name, end in zip(names, ends, strict=bool(names)):
        if joined and joined[-1].model == name:
            joined.pop()
        joined.append(Segment(until_hours=end, model=name))
    return tuple(joined)


def _entry(
    row: int,
    info: SeriesInfo,
    fit: Eligibility,
    *,
    served: Sequence[str],
    segments: tuple[Segment, ...],
    choice: Choice,
    failure: str,
) -> SeriesEntry:
    entries = {
        name: HorizonEntry(winner=None, code=none.code, reason=none.reason)
        for name, none in fit.refused.items()
    }
    for s, horizon in enumerate(fit.allowed):
        entries[horizon.name] = HorizonEntry(
            winner=served[s],
            code=Code.DEGRADED if failure else Code.OK,
            reason=failure,
            quality=choice.quality(row, served[: s + 1]),
        )
    return SeriesEntry(
        series=info.series,
        metric=info.metric,
        stat="max" if info.stat == "max" else "mean",
        unit=info.unit,
        labels=info.labels,
        capacity=info.capacity,
        hours=segments[-1].until_hours if segments else 0,
        horizons=entries,
        segments=segments,
    )
