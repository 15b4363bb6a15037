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

from foresail.contenders.protocol import Contender, Learner
from foresail.evaluation.calibration import Misses, Shares, calibrated, factors
from foresail.evaluation.choice import groups
from foresail.evaluation.days import KINDS, DayCounts, day_factors
from foresail.evaluation.eligibility import Eligibility
from foresail.evaluation.experience import BLEND, MEMBERS, first_weights
from foresail.evaluation.losses import naive_scale
from foresail.evaluation.mixture import Mixture
from foresail.evaluation.scores import ScoreBoard
from foresail.evaluation.weights import LEADS, Sample, learn_weights
from foresail.evaluation.windows import DAY, Window, entrants, plan_windows
from foresail.horizons import QUANTILES, Horizon
from foresail.panel import FloatArray, IntArray, Panel

BLOCK = 512
"""Series measured at once."""
STALE_HOURS = 9 * DAY
"""What was learnt from the panel serves origins this much later, and is then learnt anew."""
THREADS = 2

Float32Array = NDArray[np.float32]


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


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the contenders said of one window.

    Attributes:
        rows: Of the block, ascending; n of them.
        y: What came, shape `(n, hours)`.
        scale: Shape `(n,)`; NaN where there is none.
        said: Shape `(C, n, hours, 3)`.
    """

    rows: IntArray
    y: FloatArray
    scale: FloatArray
    said: Float32Array


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
    exam = _Exam(
        panel=panel,
        plan=plan,
        learnt=_learnt(panel, plan, contenders),
        alike=alike,
        teacher=_Teacher(members, names, horizons, count, len(keys)),
        found=Measured(
            board,
            bands=np.ones((len(board.contenders), len(keys), len(horizons), 2)),
            days=np.zeros(
                (len(board.contenders), len(keys), len(horizons), len(KINDS), len(QUANTILES))
            ),
            members=members,
            weights=np.zeros(0),
        ),
    )
    order = np.random.default_rng(seed).permutation(len(keys))
    blocks = [np.sort(order[i : i + BLOCK]) for i in range(0, len(order), BLOCK)]
    if not blocks:
        return exam.found
    with ThreadPoolExecutor(THREADS) as pool:
        seen = exam.seen(blocks[0], pool.map)
        taught, weights = exam.teacher.teach(seen, plan, alike[blocks[0]], seed=seed, run=pool.map)
        common = exam.score(blocks[0], seen, taught, None, pool.map)
        # then whole blocks side by side: counting takes as long as forecasting

        def rest(rows: IntArray) -> None:
            exam.score(rows, exam.seen(rows, map), taught, common, map)

        list(pool.map(rest, blocks[1:]))
    return replace(exam.found, weights=weights)


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
    teacher: "_Teacher"
    found: Measured

    def seen(self, rows: IntArray, run: Callable[..., Iterable["_Seen"]]) -> list["_Seen"]:
        """Return what the contenders say of each window of these series.

        Args:
            rows: The series.
            run: `map`, or one that runs side by side.
        """
        block = self.panel.select(rows.tolist())
        ask = partial(_ask, block, horizons=self.found.board.horizons)
        return list(run(ask, self.plan, self.learnt))

    def score(
        self,
        rows: IntArray,
        seen: Sequence["_Seen"],
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
            self.teacher.blend(window.said, weights, alike[window.rows])
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
            Shares.of(misses, alike, groups=self.teacher.groups),
            counts.pooled(alike, groups=self.teacher.groups),
        )
        hours = np.diff([0, *(h.hours for h in part.horizons)])
        self.found.bands[:, rows] = factors(misses, common.shares, alike, hours=hours)
        self.found.days[:, rows] = day_factors(counts, common.days, alike)
        part = calibrated(part, misses, common.shares, alike, hours=hours)
        self.found.board.sums[:, :, rows] = part.sums
        self.found.board.naive[:, rows] = part.naive
        return common


def _learnt(
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
    begun = np.flatnonzero(np.isfinite(panel.values[:, :origin]).any(axis=1)).tolist()
    return Panel(panel.ds[:origin], panel.values[:, :origin], panel.index).select(begun)


def _ask(
    panel: Panel, window: Window, contenders: Sequence[Contender], *, horizons: Sequence[Horizon]
) -> _Seen:
    """Return what each contender says of a window."""
    hours, origin = window.hours, window.origin
    ends = [h.hours for h in horizons if h.hours <= hours]
    rows = entrants(panel.values, window, ends)
    known = Panel(panel.ds[:origin], panel.values[:, :origin], panel.index).select(rows.tolist())
    said = np.full((len(contenders), len(rows), hours, 3), np.nan, dtype=np.float32)
    if len(rows):
        for c, contender in enumerate(contenders):
            # nothing else is kept: a fitted model holds the history it was fitted to
            quantiles = contender.forecast(known, hours=hours).quantiles
            said[c] = not_below_zero(quantiles, known.values)
    y = panel.values[rows, origin : origin + hours]
    return _Seen(rows, y, naive_scale(known.values), said)


@dataclass(frozen=True, slots=True)
class _Teacher:
    """Blends: what their members are and how they are weighed.

    Attributes:
        members: Names.
        names: Of all contenders.
        horizons: Of the board.
        groups: How many groups of alike series there are.
        series: How many series the panel has.
    """

    members: tuple[str, ...]
    names: Sequence[str]
    horizons: Sequence[Horizon]
    groups: int
    series: int

    def unlearnt(self) -> FloatArray:
        """Return the weights where nothing was measured, shape `(G, S, M)`."""
        segments = range(len(self.horizons))
        if not self.members:
            return np.zeros((self.groups, len(segments), 0))
        one = np.stack(
            [first_weights(self.members, segment=s, series=self.series) for s in segments]
        )
        return np.broadcast_to(one, (self.groups, *one.shape)).copy()

    def teach(
        self,
        seen: Sequence[_Seen],
        plan: Sequence[Window],
        alike: IntArray,
        *,
        seed: int,
        run: Callable[..., Iterable[Any]],
    ) -> tuple[list[FloatArray], FloatArray]:
        """Return the weights for each window, learnt from the others, and those from all."""
        final = self.unlearnt()
        windows = [final.copy() for _ in plan]

        def lesson(place: tuple[int, int]) -> None:
            group, s = place
            samples = {
                w: sample
                for w, window in enumerate(plan)
                if window.hours >= self.horizons[s].hours
                and len((sample := self._sample(seen[w], alike, group=group, segment=s)).y)
            }
            first = final[group, s].copy()
            for w in samples:
                others = [one for v, one in samples.items() if v != w]
                if others:
                    windows[w][group, s] = learn_weights(Sample.joined(others), first, seed=seed)
            if samples:
                joined = Sample.joined(list(samples.values()))
                final[group, s] = learn_weights(joined, first, seed=seed)

        if self.members:
            places = [(g, s) for g in range(self.groups) for s in range(len(self.horizons))]
            list(run(lesson, places))
        return windows, final

    def _sample(self, seen: _Seen, alike: IntArray, *, group: int, segment: int) -> Sample:
        start = self.horizons[segment - 1].hours if segment else 0
        stop = self.horizons[segment].hours
        leads = np.unique(np.linspace(start, stop - 1, LEADS).astype(np.int64))
        rows = np.flatnonzero((alike[seen.rows] == group) & np.isfinite(seen.scale))
        places = np.array([self.names.index(name) for name in self.members])
        scale = seen.scale[rows, None]
        said = seen.said[np.ix_(places, rows, leads)].astype(np.float64) / scale[:, :, None]
        y = seen.y[np.ix_(rows, leads)] / scale
        whole = np.isfinite(said).all(axis=(0, 2, 3))
        return Sample(said[:, whole], y[whole])

    def blend(self, said: Float32Array, weights: FloatArray, alike: IntArray) -> Float32Array:
        """Return the blend of one window, shape `(n, hours, 3)`; NaN without any member.

        Args:
            said: By all contenders, shape `(C, n, hours, 3)`.
            weights: Shape `(G, S, M)`.
            alike: Group of each series, shape `(n,)`.
        """
        mixed = np.full(said.shape[1:], np.nan, dtype=np.float32)
        places = [self.names.index(name) for name in self.members]
        start = 0
        for s, horizon in enumerate(self.horizons):
            part = slice(start, min(horizon.hours, said.shape[2]))
            if part.start < part.stop:
                blended = Mixture.of(said[0, :, part].shape)
                for m, place in enumerate(places):
                    blended.add(said[place, :, part], weights[alike, s, m])
                mixed[:, part] = blended.quantiles()
            start = horizon.hours
        return mixed


def not_below_zero(quantiles: FloatArray, history: FloatArray) -> FloatArray:
    """Clip at zero the forecasts of series that have never been below it."""
    below = np.asarray((history < 0).any(axis=1))
    return np.where(below[:, None, None], quantiles, np.maximum(quantiles, 0.0))
