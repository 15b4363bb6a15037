"""The contest: backtest every contender, choose per series and lead, forecast with the winners."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from foresail.contenders.protocol import Contender
from foresail.evaluation.asking import THREADS, graduates
from foresail.evaluation.block import Course, allowed_of, contest_of
from foresail.evaluation.eligibility import eligibility
from foresail.evaluation.exam import examine
from foresail.evaluation.held_out import Measured, teach
from foresail.evaluation.layout import Layout
from foresail.evaluation.outcome import Contest
from foresail.horizons import HORIZONS, SLACK_HOURS, Horizon
from foresail.panel import IntArray, Panel


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
        windows: Held-out windows of the longest horizon; shorter ones have more.
        slack: Hours to forecast beyond the longest horizon, so that a bundle can grow old.
    """
    course, layout, measured = prepare(
        panel, horizons=horizons, contenders=contenders, windows=windows, slack=slack
    )

    def parts() -> Iterator[tuple[IntArray, Contest]]:
        yield layout.first, contest_of(course, panel.select(layout.first.tolist()), measured)
        yield from contests_of(course, lambda rows: panel.select(rows.tolist()), layout.rest)

    return Contest.joined(parts(), [info.key for info in panel.index])


def prepare(
    panel: Panel,
    *,
    horizons: Sequence[Horizon],
    contenders: Sequence[Contender],
    windows: int,
    slack: int = SLACK_HOURS,
    seed: int = 0,
) -> tuple[Course, Layout, Measured]:
    """Learn what holds for a whole panel.

    Args:
        panel: As in `run_contest`, and so the next four.
        horizons: See there.
        contenders: See there.
        windows: See there.
        slack: See there.
        seed: Of which series teach what holds for all.

    Returns:
        What all blocks of series need to know, which they are, and what was measured of the first.
    """
    segments = segments_of(horizons)
    fits = [eligibility(row, segments) for row in panel.values]
    exam = examine(panel, fits, horizons=segments, contenders=contenders, windows=windows)
    layout = Layout.of(exam.alike(panel), seed=seed)
    lesson, measured = teach(exam, panel.select(layout.first.tolist()), seed=seed)
    rows = np.flatnonzero(allowed_of(fits, segments).any(axis=1))
    learnt = graduates(panel, rows, contenders, steps=segments[-1].hours + slack)
    course = Course(lesson, tuple(contenders), learnt, tuple(horizons), slack)
    return course, layout, measured


def contests_of(
    course: Course, select: Callable[[IntArray], Panel], blocks: Sequence[IntArray]
) -> Iterator[tuple[IntArray, Contest]]:
    """Yield the outcome of each block, in order; two are worked on side by side.

    Args:
        course: What is known of the panel.
        select: Gives the panel of some rows.
        blocks: Rows of each.
    """
    with ThreadPoolExecutor(THREADS) as pool:
        found = pool.map(lambda rows: contest_of(course, select(rows)), blocks)
        yield from zip(blocks, found, strict=True)


def segments_of(horizons: Sequence[Horizon]) -> tuple[Horizon, ...]:
    """Return the horizons whose ends cut the leads: those asked for, and all shorter ones.

    Who is best for tomorrow is not who is best in three weeks, whatever was asked.
    """
    longest = max(h.hours for h in horizons)
    shorter = [h for h in HORIZONS if h.hours < longest]
    return tuple(sorted({*horizons, *shorter}, key=lambda h: h.hours))
