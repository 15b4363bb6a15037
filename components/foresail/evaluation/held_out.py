"""The measurement behind a contest: every contender on every held-out window.

Series are taken in blocks, so that what is kept of the windows does not grow with the panel. The
first block, drawn at random, teaches what holds for all: the weights of the blends, where the
misses of a panel lie, and how well each contender does on it. All that is said of another series
follows from this lesson and from the block that it is in.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from foresail.contenders.protocol import Contender
from foresail.evaluation.asking import THREADS
from foresail.evaluation.calibration import Shares, calibrated, factors
from foresail.evaluation.choice import pool_of
from foresail.evaluation.days import day_factors
from foresail.evaluation.eligibility import Eligibility
from foresail.evaluation.exam import Exam, Record, examine
from foresail.evaluation.layout import Layout
from foresail.evaluation.pools import Pool
from foresail.evaluation.scores import ScoreBoard
from foresail.horizons import Horizon
from foresail.panel import FloatArray, IntArray, Panel, SeriesKey


@dataclass(frozen=True, slots=True)
class Measured:
    """What the held-out windows say.

    Attributes:
        board: Scores with calibrated bands: C contenders, the blend the last of them.
        bands: What each side's half-widths are multiplied with, shape `(C, N, S, 2)`.
        days: Where the quantiles of peaks and means of days and weeks lie, shape
            `(C, N, S, 4, 3)`; see `day_factors`.
        members: Of the blend; empty where there is none.
        weights: Theirs, per group of alike series and segment, shape `(G, S, M)`.
    """

    board: ScoreBoard
    bands: FloatArray
    days: FloatArray
    members: tuple[str, ...]
    weights: FloatArray

    def of_panel(self, keys: Sequence[SeriesKey]) -> "Measured":
        """Return one like this, of other series, in which nothing was measured yet."""
        bands, days = (
            np.zeros((one.shape[0], len(keys), *one.shape[2:])) for one in (self.bands, self.days)
        )
        return replace(self, board=self.board.of_panel(keys), bands=bands, days=days)

    def put(self, rows: IntArray, part: "Measured") -> None:
        """Take over what was measured of some series, whose places here are these."""
        self.board.put(rows, part.board)
        self.bands[:, rows] = part.bands
        self.days[:, rows] = part.days


@dataclass(frozen=True, slots=True)
class Lesson:
    """What holds for all series of a panel.

    Attributes:
        exam: What each of them is asked.
        taught: Weights of the blend in each window, learnt from the others, `(W, G, S, M)`.
        weights: Those learnt from all windows, shape `(G, S, M)`.
        shares: Where the misses of each group lie.
        days: Where its days and weeks lie, shape `(G, C, S, 4, bins)`.
        pool: How the contenders did on it.
    """

    exam: Exam
    taught: FloatArray
    weights: FloatArray
    shares: Shares
    days: FloatArray
    pool: Pool

    def measured(self, block: Panel) -> Measured:
        """Return what the windows say of these series."""
        answers = self.exam.answers(block, run=map)
        record = self.exam.record(block, answers, self.taught, run=map)
        found = _settled(self.exam, record, self.shares, self.days, self.weights)
        return replace(found, board=replace(found.board, pool=self.pool))


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
    exam = examine(panel, fits, horizons=horizons, contenders=contenders, windows=windows)
    layout = Layout.of(exam.alike(panel), seed=seed)
    lesson, first = teach(exam, panel.select(layout.first.tolist()), seed=seed)
    # whole blocks side by side: counting takes as long as forecasting
    with ThreadPoolExecutor(THREADS) as pool:
        rest = pool.map(lambda rows: lesson.measured(panel.select(rows.tolist())), layout.rest)
        whole = first.of_panel([info.key for info in panel.index])
        for rows, part in [(layout.first, first), *zip(layout.rest, rest, strict=True)]:
            whole.put(rows, part)
    return whole


def teach(exam: Exam, first: Panel, *, seed: int = 0) -> tuple[Lesson, Measured]:
    """Return what the first block teaches, and what the windows say of it.

    Args:
        exam: Of the panel.
        first: Its first block.
        seed: Of what is drawn to learn weights from.
    """
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(exam.answers(first, run=pool.map))
        alike = exam.alike(first)
        taught, weights = exam.blending.teach(answers, exam.plan, alike, seed=seed, run=pool.map)
        record = exam.record(first, answers, taught, run=pool.map)
    groups = len(exam.groups)
    shares = Shares.of(record.misses, alike, groups=groups)
    days = record.days.pooled(alike, groups=groups)
    found = _settled(exam, record, shares, days, weights)
    pool_of_all = pool_of(found.board, groups=exam.groups)
    found = replace(found, board=replace(found.board, pool=pool_of_all))
    stacked = np.array(taught).reshape(len(exam.plan), *weights.shape)
    return Lesson(exam, stacked, weights, shares, days, pool_of_all), found


def _settled(
    exam: Exam, record: Record, shares: Shares, days: FloatArray, weights: FloatArray
) -> Measured:
    """Return what a record says once it is known what holds for all."""
    hours, alike = exam.segment_hours, record.alike
    return Measured(
        board=calibrated(record.board, record.misses, shares, alike, hours=hours),
        bands=factors(record.misses, shares, alike, hours=hours),
        days=day_factors(record.days, days, alike),
        members=exam.blending.members,
        weights=weights,
    )
