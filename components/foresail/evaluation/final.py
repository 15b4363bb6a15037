"""The forecast that is served: the winners asked once more, with all that is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from foresail.contenders.protocol import Contender, FittedModel, Outcome
from foresail.evaluation.experience import BLEND
from foresail.evaluation.held_out import Measured
from foresail.evaluation.mixture import Mixture
from foresail.evaluation.scores import REFERENCE
from foresail.panel import BoolArray, FloatArray, IntArray, Panel


@dataclass(frozen=True, slots=True)
class Final:
    """Forecasts of a panel by those who serve it, before their bands are calibrated.

    Attributes:
        quantiles: Shape `(N, steps, 3)`; 0 for series that get none.
        places: Place on the board of who serves each segment, shape `(N, S)`; the reference where
            the winner failed.
        failures: Row -> why its winner failed.
        models: Contender's name -> what it fitted, and the rows that this speaks of.
    """

    quantiles: FloatArray
    places: IntArray
    failures: Mapping[int, str]
    models: Mapping[str, tuple[IntArray, FittedModel]] = field(default_factory=dict)


def ask_learners(
    panel: Panel, rows: IntArray, learnt: Mapping[str, Contender], *, steps: int
) -> dict[str, Outcome]:
    """Return what those say who learn from the panel, of these rows, by name.

    They are asked before the choice: whether one can serve a series shows only now.

    Args:
        panel: All that is known.
        rows: Of the series that get a forecast.
        learnt: See `graduates`.
        steps: How far ahead.
    """
    some = panel.select(rows.tolist())
    return {
        name: contender.forecast(some, hours=steps)
        for name, contender in learnt.items()
        if len(rows)
    }


def able(
    measured: Measured, rows: IntArray, heard: Mapping[str, Outcome], ends: IntArray
) -> BoolArray:
    """Return which contender of the board can forecast what now, shape `(C, N, S)`.

    Args:
        measured: Names contenders and series.
        rows: Of the series that those heard were asked for.
        heard: What `ask_learners` returned.
        ends: Where the segments end, shape `(S,)`.
    """
    contenders, _, series, segments, _ = measured.board.sums.shape
    found = np.ones((contenders, series, segments), dtype=bool)
    for name, outcome in heard.items():
        place, start = measured.board.contenders.index(name), 0
        for s, stop in enumerate(ends.tolist()):
            known = np.isfinite(outcome.quantiles[:, start:stop]).all(axis=(1, 2))
            found[place, rows, s] = known
            start = stop
    return found


def forecast_with(
    panel: Panel,
    winners: IntArray,
    ends: IntArray,
    contenders: Sequence[Contender],
    *,
    measured: Measured,
    alike: IntArray,
    heard: Mapping[str, Outcome],
) -> Final:
    """Forecast every series with its winners; the reference stands by for all.

    Args:
        panel: All that is known.
        winners: Place on the board of each segment's winner, shape `(N, S)`; `NOBODY` where the
            series gets no forecast.
        ends: Where the segments end, the last one with the forecast; shape `(S,)`.
        contenders: All of them, in the board's order.
        measured: Holds the blend's weights.
        alike: Group of each series, shape `(N,)`.
        heard: What `ask_learners` returned, for all series that get a forecast.
    """
    names = measured.board.contenders
    served = np.flatnonzero((winners >= 0).any(axis=1))
    quantiles = np.zeros((len(panel), int(ends[-1]), 3))
    standby = np.zeros_like(quantiles)
    mixtures = [
        Mixture.of((len(panel), stop - start, 3))
        for start, stop in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True)
    ]
    blended = winners == (names.index(BLEND) if BLEND in names else len(names))
    blended_by = [names.index(name) for name in measured.members]
    reasons: dict[tuple[int, int], str] = {}
    models: dict[str, tuple[IntArray, FittedModel]] = {}
    for c, contender in enumerate(contenders):
        weights = np.zeros(winners.shape)
        if contender.name in measured.members:
            weights = measured.weights[alike, :, measured.members.index(contender.name)] * blended
        weights = np.where(winners == c, 1.0, weights)
        wanted = np.flatnonzero((weights > 0).any(axis=1))
        rows = served if contender.name in {REFERENCE, *heard} else wanted
        if not len(rows):
            continue
        outcome = heard.get(contender.name) or contender.forecast(
            panel.select(rows.tolist()), hours=int(ends[-1])
        )
        if contender.name == REFERENCE:
            standby[rows] = outcome.quantiles
        if outcome.model is not None:
            models[contender.name] = rows, outcome.model
        reasons |= {(c, int(rows[place])): why for place, why in outcome.failures.items()}
        start = 0
        for s, stop in enumerate(ends.tolist()):
            said = np.full((len(panel), stop - start, 3), np.nan)
            said[rows] = outcome.quantiles[:, start:stop]
            mixtures[s].add(said, weights[:, s])
            start = stop
    start = 0
    for s, stop in enumerate(ends.tolist()):
        nobody = mixtures[s].weight == 0
        said = mixtures[s].quantiles()
        quantiles[:, start:stop] = np.where(nobody[:, None, None], standby[:, start:stop], said)
        start = stop
    total = np.stack([mixture.weight for mixture in mixtures], axis=1)
    stood_in = (total == 0) & (winners >= 0)
    failures: dict[int, str] = {}
    for row, s in np.argwhere(stood_in).tolist():
        c = int(winners[row, s])
        # of a blend, what the first of its members said
        theirs = (why for (m, of), why in reasons.items() if of == row and m in {c, *blended_by})
        failures.setdefault(row, next(theirs, f"{names[c]}: no forecast for these hours"))
    places = np.where(stood_in, names.index(REFERENCE), winners)
    return Final(quantiles, places, failures, models)
