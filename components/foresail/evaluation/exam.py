"""One examination for all series: the same windows and contenders, asked block by block."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from foresail.contenders.protocol import Contender
from foresail.evaluation.asking import Answers, as_taught, ask
from foresail.evaluation.blending import Blending
from foresail.evaluation.calibration import Misses
from foresail.evaluation.days import DayCounts
from foresail.evaluation.eligibility import Eligibility
from foresail.evaluation.experience import BLEND, MEMBERS
from foresail.evaluation.pools import Group, groups_of, places_in
from foresail.evaluation.scores import ScoreBoard
from foresail.evaluation.windows import Window, plan_windows
from foresail.horizons import Horizon
from foresail.panel import FloatArray, IntArray, Panel

Run = Callable[..., Iterable[Any]]
"""`map`, or one that runs side by side."""


class _Came(TypedDict):
    y: FloatArray
    quantiles: NDArray[Any]
    scale: FloatArray


@dataclass(frozen=True, slots=True)
class Record:
    """What the windows say of one block of series, before any band is calibrated.

    Attributes:
        board: Scores of the bands as they came.
        misses: Where the hours lay.
        days: Where the days and weeks lay.
        alike: Group of each series, shape `(n,)`.
    """

    board: ScoreBoard
    misses: Misses
    days: DayCounts
    alike: IntArray


@dataclass(frozen=True, slots=True)
class Exam:
    """What every block of series is asked.

    Attributes:
        horizons: Shortest first; segment s of the leads ends with horizon s.
        plan: The windows.
        learnt: The contenders as they stand at each window.
        groups: Of all series of the panel.
        blending: How the blend is made.
    """

    horizons: tuple[Horizon, ...]
    plan: tuple[Window, ...]
    learnt: Sequence[Sequence[Contender]]
    groups: tuple[Group, ...]
    blending: Blending

    def alike(self, panel: Panel) -> IntArray:
        """Return the group of each series, shape `(n,)`."""
        return places_in(self.groups, [info.key for info in panel.index])

    def board(self, panel: Panel) -> ScoreBoard:
        """Return a board for these series, without a score."""
        names = self.blending.names
        return ScoreBoard.empty(
            [*names, BLEND] if self.blending.members else names,
            [info.key for info in panel.index],
            self.horizons,
            windows=len(self.plan),
        )

    def answers(self, block: Panel, *, run: Run) -> Iterable[Answers]:
        """Return what the contenders say of each window of these series.

        With `map` a window is asked when the one before was looked at.
        """
        return run(partial(ask, block, horizons=self.horizons), self.plan, self.learnt)

    def record(
        self, block: Panel, answers: Iterable[Answers], taught: Iterable[FloatArray], *, run: Run
    ) -> Record:
        """Score these series.

        Args:
            block: The series.
            answers: What was said of them; a window is forgotten before the next one is taken.
            taught: Weights of the blend in each window, shape `(G, S, M)` each.
            run: See `Run`.
        """
        board, alike = self.board(block), self.alike(block)
        misses, days = Misses.empty(board), DayCounts.empty(board)

        def judge(c: int, w: int, window: Answers, blend: NDArray[Any]) -> None:
            quantiles: NDArray[Any] = window.said[c] if c < len(window.said) else blend
            came: _Came = {"y": window.y, "quantiles": quantiles, "scale": window.scale}
            board.record(c, w, window.rows, **came)
            misses.record(board, c, w, window.rows, **came)
            days.record(board, c, window.rows, **came)

        for w, (window, weights) in enumerate(zip(answers, taught, strict=True)):
            blend = self.blending.blend(window.said, weights, alike[window.rows])
            one = partial(judge, w=w, window=window, blend=blend)
            list(run(one, range(len(board.contenders))))
            del window, blend, one
        return Record(board, misses, days, alike)

    @property
    def segment_hours(self) -> IntArray:
        """Return the length of each segment, shape `(S,)`."""
        return np.diff([0, *(horizon.hours for horizon in self.horizons)])


def examine(
    panel: Panel,
    fits: Sequence[Eligibility],
    *,
    horizons: Sequence[Horizon],
    contenders: Sequence[Contender],
    windows: int,
) -> Exam:
    """Return the examination of a panel; its learners are taught here, by all series.

    Args:
        panel: History up to the last hour known.
        fits: What each series may be asked for.
        horizons: Shortest first.
        contenders: Must hold the seasonal naive of 24 h.
        windows: How many the longest horizon gets; see `plan_windows`.
    """
    names = tuple(contender.name for contender in contenders)
    members = tuple(name for name in names if name in MEMBERS)
    groups = groups_of(info.key for info in panel.index)
    plan = plan_windows(panel.values, fits, horizons, windows=windows)
    return Exam(
        horizons=tuple(horizons),
        plan=plan,
        learnt=as_taught(panel, plan, contenders),
        groups=groups,
        blending=Blending(
            members=members if len(members) > 1 else (),
            names=names,
            horizons=tuple(horizons),
            groups=len(groups),
            series=len(panel),
        ),
    )
