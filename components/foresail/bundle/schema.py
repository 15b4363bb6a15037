"""What a bundle's JSON files hold, as types.

A bundle is one metric's whole panel:

- `forecast.npy`  float32 `(series, steps, quantiles)`: hour `i` is `trained_until + i` hours.
- `history.npy`   float32 `(series, 672)`: the last 28 days before `trained_until`; NaN is a gap.
- `index.json`    a list of `SeriesEntry`, in the order of the arrays. A series that was carried
  over from an earlier bundle has an `as_of` of its own; its rows and segments lie on this grid.
- `forecast.parquet`, `recipe.json`: for people and for refitting; never served from.
- `models/<contender>/`: what a contender fitted to the series that it serves, where it keeps it;
  `models/prophet/` is a `PanelProphet`: `model.json`, `parameters.npz` and `panel/` with
  `values.npy`, `ds.npy` and `index.json`. For hours beyond the stored ones; never served from.
- `manifest.json` `Manifest`, written last: a folder without it is not a bundle.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from foresail.codes import Code

SCHEMA_VERSION = 1
FORECAST, HISTORY, INDEX, MANIFEST = "forecast.npy", "history.npy", "index.json", "manifest.json"
PARQUET, RECIPE, MODELS = "forecast.parquet", "recipe.json", "models"
SERVED = (FORECAST, HISTORY, INDEX)
"""The files a server needs, beside the manifest."""
HISTORY_HOURS = 28 * 24
SOFTENING = 0.01
"""Added to both errors of a ratio, so that a nearly perfect naive does not decide it."""
CONSTANT = "constant"
"""Named as the winner where a series is forecast as its constant."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Quality(_Frozen):
    """The measured promise of one series at one horizon, over held-out windows.

    Attributes:
        windows: How many windows it was measured on; three at least.
        coverage: Share of hours inside [p10, p90].
        sql: Scaled quantile loss, mean over the quantiles; smaller is better.
        mase: Mean absolute error of the p50, scaled alike.
        naive_sql: The seasonal naive's (same hour yesterday) on the same windows.
        naive_mase: As above.
    """

    windows: int
    coverage: float
    sql: float
    mase: float
    naive_sql: float
    naive_mase: float

    @property
    def vs_naive(self) -> float:
        """Return (sql + 0.01) / (naive's sql + 0.01): below 1 beats the same hour yesterday."""
        return (self.sql + SOFTENING) / (self.naive_sql + SOFTENING)


class HorizonEntry(_Frozen):
    """One series at one horizon.

    Attributes:
        winner: The contender that is served for it, or None where there is no forecast.
        code: A `foresail.codes.Code`; below 200 where the forecast is whole.
        reason: One sentence, empty where the code is 0.
        quality: The measured promise, or None where it is unmeasured (fewer than three windows).
    """

    winner: str | None
    code: int = 0
    reason: str = ""
    quality: Quality | None = None

    @property
    def is_constant(self) -> bool:
        """Say whether a constant is served, also where the code tells of something else by now."""
        return self.winner is not None and (self.code == Code.CONSTANT or self.winner == CONSTANT)


class Segment(_Frozen):
    """Leads (hours ahead) that share a promise, served by one contender.

    Attributes:
        until_hours: The last of them, counted from the bundle's first hour.
        model: The contender.
        quality: What was measured of these leads alone: the promise of a bundle that has grown old
            is made of it. None where it is unmeasured.
        peak: Where p10, p50, p90 of a day's highest hour lie, in half-widths above the highest p50;
            `foresail.bundle.days` makes them.
        daily_mean: The same for a day's mean, about the mean p50.
        week_peak: As `peak`, of a week of which most lies in this segment; None where none does,
            and in bundles from before weeks were measured.
        weekly_mean: As `daily_mean`, of such a week.
    """

    until_hours: int
    model: str
    quality: Quality | None = None
    peak: tuple[float, float, float] | None = None
    daily_mean: tuple[float, float, float] | None = None
    week_peak: tuple[float, float, float] | None = None
    weekly_mean: tuple[float, float, float] | None = None


class SeriesEntry(_Frozen):
    """One series of the bundle.

    Attributes:
        series: Id.
        metric: Metric.
        stat: `mean` or `max`.
        unit: Unit of the values.
        labels: cluster, scope, node, namespace, kind, workload: those that apply.
        capacity: Latest `allocatable`, `request`, `limit`, in the unit.
        hours: How many of the stored steps hold a forecast for this series (the rest is zero).
        horizons: By horizon name.
        segments: Who serves which leads, in order.
        scale: Mean change from one day to the next over the last 28 days, in the unit; None for a
            constant series. What scores and the least width of a day's band are measured in.
        as_of: The last hour that its forecast knew, where it was carried over from an earlier
            bundle; None for the bundle's own. Its leads began there, and the hours, segments and
            promises here are what is left of them.
    """

    series: str
    metric: str
    stat: Literal["mean", "max"] = "mean"
    unit: str = "1"
    labels: Mapping[str, str] = Field(default_factory=dict)
    capacity: Mapping[str, float] = Field(default_factory=dict)
    hours: int = Field(ge=0)
    horizons: Mapping[str, HorizonEntry]
    segments: tuple[Segment, ...] = ()
    scale: float | None = None
    as_of: AwareDatetime | None = None

    @property
    def is_carried_over(self) -> bool:
        """Say whether its forecast is an earlier bundle's."""
        return self.as_of is not None

    def trained_until(self, bundle: datetime) -> datetime:
        """Return the first hour of its own forecast; `bundle` is that of the whole bundle."""
        return bundle if self.as_of is None else self.as_of + timedelta(hours=1)


class FileEntry(_Frozen):
    """One file of the bundle: what it must hash to and how long it is."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0)


class Manifest(_Frozen):
    """`manifest.json`.

    Attributes:
        schema_version: Of this layout; a newer one is refused by name.
        metric: The one metric of the bundle.
        trained_until: The forecast's first hour; nothing at or after it was known.
        covers_until: The end of the last hour that is stored.
        step_seconds: 3600.
        quantiles: Of the last axis of `forecast.npy`, ascending.
        steps: Length of its middle axis.
        series: Length of its first axis.
        horizons: Name -> hours, as trained for.
        history_digest: Of the history it was trained on.
        versions: Of foresail and the libraries that made it.
        files: Path inside the folder -> checksum, for every file but the manifest itself.
    """

    schema_version: int = SCHEMA_VERSION
    metric: str
    trained_until: AwareDatetime
    covers_until: AwareDatetime
    step_seconds: int = 3600
    quantiles: tuple[float, ...]
    steps: int
    series: int
    horizons: Mapping[str, int]
    history_digest: str
    versions: Mapping[str, str]
    files: Mapping[str, FileEntry]
