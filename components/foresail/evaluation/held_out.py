"""The measurement behind a contest: every contender on every held-out window.

Series are taken in blocks, so that what is kept of the windows does not grow with the panel. The
first block, drawn at random, teaches what holds for all: the weights of the blends and where the
misses of a panel lie.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from foresail.contenders.protocol import Contender
from foresail.evaluation.asking import THREADS, Answers, as_taught, ask
from foresail.evaluation.blending import Blending
from foresail.evaluation.calibration import Misses, Shares, calibrated, factors
from foresail.evaluation.choice import groups
from foresail.evaluation.days import KINDS, DayCounts, day_factors
from foresail.evaluation.eligibility import Eligibility
from foresail.evaluation.experience import BLEND, MEMBERS
from foresail.evaluation.scores import ScoreBoard
from foresail.evaluation.windows import Window, plan_windows
from foresail.horizons import QUANTILES, Horizon
from foresail.panel import FloatArray, IntArray, Panel

BLOCK = 512
"""Series measured at once."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the held-out windows say.

    Attributes:
        board: Scores with calibrated bands: C contenders, the blend the last of them.
        bands: What each side's half-widths are multiplied with, shape `(C, N, S, 2)`.
        days: Where the quantiles of a day's peak and mean lie, shape `(C, N, S, 2, 3)`; see
            `day_factors`.
        members: Of the blend; empty where there is none.
        weights: Theirs, per group of alike series and segment, shape `(G, S, M)`.
    """

    board: ScoreBoard
    bands: FloatArray
    days: FloatArray
    members: tuple[str, ...]
    weights: FloatArray


def measure(
    panel: Panel,
    fits: Sequence[Eligibility],
    *,
    horizons: Sequence[Horizon],
    contenders: Sequence[Contender],
    windows: int,
    seed: int = 0,
) -> Measured:
    """Score every contender and their blend on the windows that the history can hold out.

    Args:
        panel: History up to the last hour known.
        fits: What each series may be asked for.
        horizons: Shortest first; segment s of the leads ends with horizon s.
        contenders: Must hold the seasonal naive of 24 h.
        windows: How many the longest horizon gets; see `plan_windows`.
        seed: Of which series teach what holds for all.
    """
    names = [c.name for c in contenders]
    members = tuple(name for name in names if name in MEMBERS)
    members = members if len(members) > 1 else ()
    keys = [info.key for info in panel.index]
    plan = plan_windows(panel.values, fits, horizons, windows=windows)
    board = ScoreBoard.empty(
        [*names, BLEND] if members else names, keys, horizons, windows=len(plan)
    )
    alike = groups(board)
    count = int(alike.max(initial=-1)) + 1
    blending = Blending(members, names, horizons, count, len(keys))
    exam = _Exam(
        panel=panel,
        plan=plan,
        learnt=as_taught(panel, plan, contenders),
        alike=alike,
        blending=blending,
        found=Measured(
            board,
            bands=np.ones((len(board.contenders), len(keys), len(horizons), 2)),
            days=np.zeros(
                (len(board.contenders), len(keys), len(horizons), len(KINDS), len(QUANTILES))
            ),
            members=members,
            weights=blending.unlearnt(),
        ),
    )
    order = _mixed(alike, seed=seed)
    blocks = [np.sort(order[i : i + BLOCK]) for i in range(0, len(order), BLOCK)]
    if not blocks:
        return exam.found
    with ThreadPoolExecutor(THREADS) as pool:
        seen = exam.seen(blocks[0], pool.map)
        taught, weights = exam.blending.teach(seen, plan, alike[blocks[0]], seed=seed, run=pool.map)
        common = exam.score(blocks[0], seen, taught, None, pool.map)
        # then whole blocks side by side: counting takes as long as forecasting

        def rest(rows: IntArray) -> None:
            exam.score(rows, exam.seen(rows, map), taught, common, map)

        list(pool.map(rest, blocks[1:]))
    return replace(exam.found, weights=weights)


def _mixed(alike: IntArray, *, seed: int) -> IntArray:
    """Return the series in a random order that begins with as many of each group, shape `(N,)`."""
    order = np.random.default_rng(seed).permutation(len(alike))
    turn = np.zeros(len(alike), dtype=np.int64)
    for group in np.unique(alike).tolist():
        among = alike[order] == group
        turn[among] = np.arange(among.sum())
    return order[np.argsort(turn, kind="stable")]


class _Came(TypedDict):
    y: FloatArray
    quantiles: NDArray[Any]
    scale: FloatArray


@dataclass(frozen=True, slots=True)
class _Common:
    """What the first block says of all series alike: where hours and days lie."""

    shares: Shares
    days: FloatArray


@dataclass(frozen=True, slots=True)
class _Exam:
    """What all blocks of a measurement share; each writes its own rows of `found`."""

    panel: Panel
    plan: Sequence[Window]
    learnt: Sequence[Sequence[Contender]]
    alike: IntArray
    blending: Blending
    found: Measured

    def seen(self, rows: IntArray, run: Callable[..., Iterable[Answers]]) -> list[Answers]:
        """Return what the contenders say of each window of these series.

        Args:
            rows: The series.
            run: `map`, or one that runs side by side.
        """
        block = self.panel.select(rows.tolist())
        question = partial(ask, block, horizons=self.found.board.horizons)
        return list(run(question, self.plan, self.learnt))

    def score(
        self,
        rows: IntArray,
        seen: Sequence[Answers],
        taught: Sequence[FloatArray],
        common: _Common | None,
        run: Callable[..., Iterable[Any]],
    ) -> _Common:
        """Score these series.

        Args:
            rows: Their places in the panel.
            seen: What was said of them.
            taught: Weights of the blend in each window, shape `(G, S, M)` each.
            common: What holds for all; None where these series are to say it.
            run: `map`, or one that runs side by side.

        Returns:
            What holds for all.
        """
        part, alike = self.found.board.rows(rows.tolist()), self.alike[rows]
        misses, counts = Misses.empty(part), DayCounts.empty(part)
        blends = [
            self.blending.blend(window.said, weights, alike[window.rows])
            for window, weights in zip(seen, taught, strict=True)
        ]

        def judge(c: int) -> None:
            for w, window in enumerate(seen):
                quantiles: NDArray[Any] = window.said[c] if c < len(window.said) else blends[w]
                rows = window.rows
                came: _Came = {"y": window.y, "quantiles": quantiles, "scale": window.scale}
                part.record(c, w, rows, **came)
                misses.record(part, c, w, rows, **came)
                counts.record(part, c, rows, **came)

        list(run(judge, range(len(part.contenders))))
        common = common or _Common(
            Shares.of(misses, alike, groups=self.blending.groups),
            counts.pooled(alike, groups=self.blending.groups),
        )
        hours = np.diff([0, *(h.hours for h in part.horizons)])
        self.found.bands[:, rows] = factors(misses, common.shares, alike, hours=hours)
        self.found.days[:, rows] = day_factors(counts, common.days, alike)
        part = calibrated(part, misses, common.shares, alike, hours=hours)
        self.found.board.sums[:, :, rows] = part.sums
        self.found.board.naive[:, rows] = part.naive
        return common
