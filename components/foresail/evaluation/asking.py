"""What contenders say of hours that were held out, knowing only what came before."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foresail.contenders.protocol import Contender, Learner
from foresail.contenders.repetition import last_cycle
from foresail.evaluation.losses import naive_scale
from foresail.evaluation.windows import DAY, Window, entrants
from foresail.horizons import Horizon
from foresail.panel import FloatArray, IntArray, Panel

STALE_HOURS = 9 * DAY
"""What was learnt from the panel serves origins this much later, and is then learnt anew."""
THREADS = 2

Float32Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Answers:
    """What the contenders said of one window.

    Attributes:
        rows: Of the block, ascending; n of them.
        y: What came, less the last value known, shape `(n, hours)`.
        scale: Shape `(n,)`; NaN where there is none.
        said: The same of what was forecast, shape `(C, n, hours, 3)`. Only differences are scored,
            and those of a large and calm series would not survive in 32 bits.
    """

    rows: IntArray
    y: FloatArray
    scale: FloatArray
    said: Float32Array


def as_taught(
    panel: Panel, plan: Sequence[Window], contenders: Sequence[Contender]
) -> list[list[Contender]]:
    """Return the contenders as they stand at each window, the learners not long out of school."""
    found: list[list[Contender]] = [list(contenders) for _ in plan]
    lessons = [
        (c, contender, pupils)
        for c, contender in enumerate(contenders)
        if isinstance(contender, Learner)
        for pupils in _lessons(plan)
    ]

    def teach(lesson: tuple[int, Learner, list[int]]) -> None:
        c, contender, pupils = lesson
        known = _known(panel, plan[pupils[0]].origin)
        learnt = contender.learn(known, hours=max(plan[w].hours for w in pupils))
        for w in pupils:
            found[w][c] = learnt

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(teach, lessons))
    return found


def graduates(
    panel: Panel, rows: IntArray, contenders: Sequence[Contender], *, steps: int
) -> dict[str, Contender]:
    """Return what the learners have learnt from all that is known of these series, by name.

    Args:
        panel: All that is known.
        rows: Of the series that get a forecast; without one nobody learns.
        contenders: Learners and others.
        steps: The longest lead.
    """
    some = panel.select(rows.tolist())
    return {
        contender.name: contender.learn(some, hours=steps)
        for contender in contenders
        if isinstance(contender, Learner) and len(rows)
    }


def _lessons(plan: Sequence[Window]) -> list[list[int]]:
    """Return the windows that share a lesson, which is given at the origin of the first."""
    lessons: list[list[int]] = []
    for w in sorted(range(len(plan)), key=lambda w: plan[w].origin):
        if lessons and plan[w].origin < plan[lessons[-1][0]].origin + STALE_HOURS:
            lessons[-1].append(w)
        else:
            lessons.append([w])
    return lessons


def _known(panel: Panel, origin: int) -> Panel:
    """Return what was known before an origin, of the series that had begun."""
    before = Panel(panel.ds[:origin], panel.values[:, :origin], panel.index)
    begun = np.flatnonzero(np.isfinite(before.values).any(axis=1))
    # a copy of a large panel is not made without need
    return before if len(begun) == len(before) else before.select(begun.tolist())


def ask(
    panel: Panel, window: Window, contenders: Sequence[Contender], *, horizons: Sequence[Horizon]
) -> Answers:
    """Return what each contender says of a window."""
    hours, origin = window.hours, window.origin
    ends = [h.hours for h in horizons if h.hours <= hours]
    rows = entrants(panel.values, window, ends)
    known = Panel(panel.ds[:origin], panel.values[:, :origin], panel.index).select(rows.tolist())
    said = np.full((len(contenders), len(rows), hours, 3), np.nan, dtype=np.float32)
    last = np.zeros((len(rows), 1))
    if len(rows):
        last = last_cycle(known.values, period=1)
        for c, contender in enumerate(contenders):
            # nothing else is kept: a fitted model holds the history it was fitted to
            quantiles = contender.forecast(known, hours=hours).quantiles
            said[c] = not_below_zero(quantiles, known.values) - last[:, :, None]
    y = panel.values[rows, origin : origin + hours] - last
    return Answers(rows, y, naive_scale(known.values), said)


def not_below_zero(quantiles: FloatArray, history: FloatArray) -> FloatArray:
    """Clip at zero the forecasts of series that have never been below it."""
    below = np.asarray((history < 0).any(axis=1))
    return np.where(below[:, None, None], quantiles, np.maximum(quantiles, 0.0))
