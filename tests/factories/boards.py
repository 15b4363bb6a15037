"""Score boards out of ratios, and the index entries that go with them."""

from collections.abc import Sequence

import numpy as np

from foresail.bundle import HorizonEntry, Quality, Segment, SeriesEntry
from foresail.evaluation.scores import HOURS, LOSS, REFERENCE, ScoreBoard
from foresail.horizons import HORIZONS
from foresail.panel import FloatArray, SeriesKey

QUALITY = Quality(windows=3, coverage=0.8, sql=0.5, mase=1.0, naive_sql=1.0, naive_mase=1.0)


def board_of(ratios: FloatArray, *, names: Sequence[str] = ()) -> ScoreBoard:
    """Return a board of hourly losses where the naive loses 1 an hour, every hour scored.

    Args:
        ratios: Losses of the other contenders, shape `(C, W, N, S)`.
        names: Theirs; without them c0, c1, ...
    """
    count, windows, series, segments = ratios.shape
    contenders = [REFERENCE, *(names or [f"c{i}" for i in range(count)])]
    horizons = HORIZONS[:segments]
    keys = [SeriesKey(f"s{i}", "cpu") for i in range(series)]
    board = ScoreBoard.empty(contenders, keys, horizons, windows=windows)
    board.sums[..., HOURS] = np.diff([0, *(h.hours for h in horizons)])
    board.sums[0, ..., LOSS] = board.sums[0, ..., HOURS]
    board.sums[1:, ..., LOSS] = board.sums[1:, ..., HOURS] * ratios
    board.naive[:] = board.sums[0]
    return board


def served_entry(
    series: str,
    models: Sequence[str],
    *,
    hours: int = 888,
    horizons: Sequence[str] = ("next_day", "next_week"),
    quality: Quality | None = QUALITY,
) -> SeriesEntry:
    """Return a series whose leads are served by these models, the last one up to `hours`."""
    ends = [*(h.hours for h in HORIZONS[: len(models) - 1]), hours]
    return SeriesEntry(
        series=series,
        metric="cpu",
        hours=hours,
        horizons={name: HorizonEntry(winner=models[-1], quality=quality) for name in horizons},
        segments=[Segment(until_hours=e, model=m) for e, m in zip(ends, models, strict=True)],
    )
