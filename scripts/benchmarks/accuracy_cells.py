"""What the accuracy benchmark forecasts: real series, fixed origins, and who counts at each."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from foresail.evaluation.windows import MIN_SHARE
from foresail.history import read_table
from foresail.horizons import NEXT_DAY, NEXT_MONTH, NEXT_WEEK, Horizon, by_name
from foresail.panel import HOUR, FloatArray, IntArray, Panel, SeriesInfo
from foresail.settings import read_settings

ROOT = Path(__file__).parents[2]
FRESH_HOURS = 7 * 24
"""A series counts at an origin only if it had a value within these last hours."""
VMS, POOLS = "VMs", "pools"


@dataclass(frozen=True, slots=True)
class Dataset:
    """One file of series.

    Attributes:
        name: The file's, without its ending.
        group: Whose bars it is held to: `VMS` or `POOLS`.
        what: In words, for the page.
        origins: Horizon's name -> last hours known, UTC.
    """

    name: str
    group: str
    what: str
    origins: Mapping[str, tuple[str, ...]]


DATASETS = (
    Dataset(
        "bitbrains_rnd_1h",
        VMS,
        "160 virtual machines, CPU and memory, 62 to 91 days of 2013",
        {
            NEXT_DAY.name: ("2013-09-02T05", "2013-09-10T13", "2013-09-19T21", "2013-09-28T10"),
            NEXT_WEEK.name: ("2013-09-02T05", "2013-09-10T13", "2013-09-19T21"),
            NEXT_MONTH.name: ("2013-08-16T14", "2013-08-30T21"),
        },
    ),
    Dataset(
        "bitbrains_fast_1h",
        VMS,
        "160 other virtual machines, CPU and memory, up to 30 days of 2013",
        {
            NEXT_DAY.name: ("2013-09-04T13", "2013-09-07T05", "2013-09-10T10"),
            NEXT_WEEK.name: ("2013-08-28T21", "2013-09-04T13"),
        },
    ),
    Dataset(
        "pools_1h",
        POOLS,
        "20 resource pools of a cloud provider, CPU and memory, 5 to 92 days of 2024, most with an "
        "outage of 81 hours",
        {
            NEXT_DAY.name: (
                "2024-08-20T05",
                "2024-08-29T02",
                "2024-08-30T13",
                "2024-09-18T20",
                "2024-10-22T09",
            ),
            NEXT_WEEK.name: (
                "2024-08-15T20",
                "2024-08-22T14",
                "2024-09-10T05",
                "2024-09-22T13",
                "2024-10-13T05",
            ),
            NEXT_MONTH.name: ("2024-08-17T05", "2024-08-31T13", "2024-09-15T20", "2024-10-01T13"),
        },
    ),
)
"""Weekdays and hours of the day differ; an origin serves several horizons where it can."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One dataset, horizon and origin.

    Attributes:
        dataset: Whose series.
        horizon: How far ahead.
        as_of: The last hour known.
        known: Every series with a value within the last 7 days, up to `as_of`.
        rows: Those of them that count, shape `(n,)`.
        y: What came for these, shape `(n, hours)`.
    """

    dataset: Dataset
    horizon: Horizon
    as_of: np.datetime64
    known: Panel
    rows: IntArray
    y: FloatArray

    @property
    def counted(self) -> Panel:
        """Return the series that count, up to `as_of`."""
        return self.known.select(self.rows.tolist())

    @property
    def index(self) -> tuple[SeriesInfo, ...]:
        """Return the n series that count."""
        return tuple(self.known.index[row] for row in self.rows)

    def __str__(self) -> str:
        """Return it as the log and the page name it."""
        return f"{self.dataset.name} {self.horizon.name} {hour(self.as_of)}"


def hour(stamp: np.datetime64) -> str:
    """Return a stamp such as `2013-09-02T05Z`."""
    return f"{np.datetime_as_string(stamp, unit='h')}Z"


def folder() -> Path:
    """Return where the series lie.

    Raises:
        SystemExit: They do not; names the files that are missing.
    """
    place = Path(os.environ.get("FORESAIL_DATA") or ROOT.parent / "shared" / "data")
    missing = [one.name for one in DATASETS if not file_of(one, place).is_file()]
    if missing:
        names = ", ".join(f"{name}.parquet" for name in missing)
        raise SystemExit(
            f"bench: accuracy is measured on real series, and {place} lacks {names}; "
            "set FORESAIL_DATA to the folder that holds them"
        )
    return place


def file_of(dataset: Dataset, place: Path) -> Path:
    """Return the file of a dataset in a folder."""
    return place / f"{dataset.name}.parquet"


def read_panel(file: Path) -> Panel:
    """Return the hourly series of a file."""
    return Panel.from_frame(read_table(str(file), settings=read_settings()))


def cells_of(dataset: Dataset, panel: Panel) -> Iterator[Cell]:
    """Yield the cells of a dataset in which a series counts, horizon by horizon."""
    for name, stamps in dataset.origins.items():
        for stamp in stamps:
            cell = cell_at(dataset, panel, by_name(name), np.datetime64(stamp, "s"))
            if len(cell.rows):
                yield cell


def cell_at(dataset: Dataset, panel: Panel, horizon: Horizon, as_of: np.datetime64) -> Cell:
    """Return who is known, who counts and what came.

    A series counts if it has a value within the last 7 days, at least the history that the horizon
    needs from its first value to its last, and at least half of the horizon's hours were observed.
    Contenders know more than those who count: what will be observed is not known at the origin.

    Raises:
        SystemExit: The origin does not lie in the panel.
    """
    start = int((as_of - panel.ds[0]) // HOUR) + 1
    if not 0 < start <= len(panel.ds):
        raise SystemExit(f"bench: {dataset.name} holds no {hour(as_of)}; is it another edition?")
    fresh = np.isfinite(panel.values[:, max(0, start - FRESH_HOURS) : start]).any(axis=1)
    rows = np.flatnonzero(fresh).tolist()
    known = Panel(panel.ds[:start], panel.values[:, :start], panel.index).select(rows)
    y = np.full((len(rows), horizon.hours), np.nan)
    came = panel.values[rows, start : start + horizon.hours]
    y[:, : came.shape[1]] = came
    enough = _spans(known.values) >= horizon.min_history_hours
    counts = np.flatnonzero(enough & (np.isfinite(y).mean(axis=1) >= MIN_SHARE))
    return Cell(dataset, horizon, as_of, known, counts, y[counts])


def _spans(values: FloatArray) -> IntArray:
    """Return the hours from each series' first value to its last, both counted."""
    seen = np.isfinite(values)
    return np.asarray(values.shape[1] - seen.argmax(axis=1) - seen[:, ::-1].argmax(axis=1))
