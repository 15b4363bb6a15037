"""The data contract: many series on one regular UTC grid.

As rows: the long frame with the columns `series`, `metric`, `stat`, `ds`, `y`. As arrays: `Panel`.
The key of a series is (series, metric, stat). `ds` is the start of its bucket: the value at `ds`
speaks of [ds, ds + step).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from foresail.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]
TimeArray = NDArray[np.datetime64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

HOUR = np.timedelta64(1, "h")
UNITS = {"cpu": "cores", "memory": "bytes"}
"""The unit in which each known metric is measured; any other metric has the unit `1`."""
SCOPES = ("cluster", "node", "namespace", "workload")


def unit_of(metric: str) -> str:
    """Return the unit of a metric: cores, bytes, or `1` for one we do not know."""
    return UNITS.get(metric, "1")


class SeriesKey(NamedTuple):
    """What names one series."""

    series: str
    metric: str
    stat: str = "mean"

    def __str__(self) -> str:
        """Return it as people read it in messages."""
        return f"{self.series} {self.metric} {self.stat}"


@dataclass(frozen=True, slots=True)
class SeriesInfo:
    """One row of a panel's index.

    Attributes:
        series: Id, such as `prod/namespace/shop`; opaque, never parsed.
        metric: `cpu`, `memory` or any other name.
        stat: `mean` or `max` within the hour.
        unit: `cores`, `bytes` or `1`.
        labels: cluster, scope, node, namespace, kind, workload: those that apply.
        capacity: The latest `allocatable`, `request` and `limit`, in the metric's unit.
    """

    series: str
    metric: str
    stat: str = "mean"
    unit: str = "1"
    labels: Mapping[str, str] = field(default_factory=dict)
    capacity: Mapping[str, float] = field(default_factory=dict)

    @property
    def key(self) -> SeriesKey:
        """Return what names the series."""
        return SeriesKey(self.series, self.metric, self.stat)


def described(
    keys: Iterable[SeriesKey], index: Mapping[SeriesKey, SeriesInfo]
) -> tuple[SeriesInfo, ...]:
    """Return what is known of each series; at least its unit."""
    return tuple(index.get(key) or SeriesInfo(*key, unit=unit_of(key.metric)) for key in keys)


@dataclass(frozen=True, slots=True)
class Panel:
    """N series on one hourly grid.

    Attributes:
        ds: Bucket starts, UTC, shape `(T,)`, `datetime64[s]`, one hour apart.
        values: Shape `(N, T)`; NaN is a gap.
        index: N rows, in the order of `values`.
    """

    ds: TimeArray
    values: FloatArray
    index: tuple[SeriesInfo, ...]

    def __post_init__(self) -> None:
        """Hold the shape to the contract."""
        shape = (len(self.index), len(self.ds))
        if self.values.shape != shape:
            raise BadInput(f"panel values have shape {self.values.shape}, expected {shape}")

    def __len__(self) -> int:
        """Return the number of series."""
        return len(self.index)

    @property
    def as_of(self) -> np.datetime64:
        """Return the last hour known; a forecast starts one hour later."""
        return np.datetime64(self.ds[-1], "s")

    def until(self, as_of: np.datetime64) -> "Panel":
        """Return the panel that knows only buckets up to and including `as_of`."""
        return Panel(self.ds[self.ds <= as_of], self.values[:, self.ds <= as_of].copy(), self.index)

    def select(self, rows: Iterable[int]) -> "Panel":
        """Return the panel of these rows, in this order."""
        chosen = list(rows)
        return Panel(self.ds, self.values[chosen], tuple(self.index[i] for i in chosen))

    @staticmethod
    def from_frame(
        frame: "pd.DataFrame", *, index: Mapping[SeriesKey, SeriesInfo] | None = None
    ) -> "Panel":
        """Build a panel from an hourly long frame, and report everything wrong at once.

        Args:
            frame: Columns `series`, `metric`, `ds` (UTC-aware, on the hour), `y`, and optionally
                `stat`. Each (series, metric, stat, ds) stands once.
            index: Labels and capacity per series; without it the labels are empty.

        Raises:
            BadInput: Columns are missing or of the wrong type, a stamp is off the hour or stands
                twice, a value is infinite, or there is no row.
        """
        from foresail.longframe import check_structure, grid  # noqa: PLC0415  # pandas stays out

        problems = check_structure(frame)
        if problems:
            raise BadInput(problems)
        ds, values, keys = grid(frame)
        return Panel(ds, values, described(keys, index or {}))

    def save(self, folder: Path) -> None:
        """Write `values.npy`, `ds.npy` and `index.json` into `folder`, creating it."""
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "values.npy", self.values, allow_pickle=False)
        np.save(folder / "ds.npy", self.ds.astype("datetime64[s]").astype(np.int64))
        rows = [asdict(info) for info in self.index]
        (folder / "index.json").write_text(json.dumps(rows, sort_keys=True), encoding="utf-8")

    @staticmethod
    def load(folder: Path) -> "Panel":
        """Read what `save` wrote.

        Raises:
            BadInput: The folder holds no panel.
        """
        try:
            values = np.load(folder / "values.npy", allow_pickle=False)
            seconds = np.load(folder / "ds.npy", allow_pickle=False)
            rows = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise BadInput(
                f"no panel in {folder}: expected values.npy, ds.npy, index.json"
            ) from error
        return Panel(
            seconds.astype("datetime64[s]"), values, tuple(SeriesInfo(**row) for row in rows)
        )
