"""The parameters of the routes, as types: everything that is not named here is a 400."""

import re
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from foresail.horizons import QUANTILES

Text = Annotated[str, StringConstraints(min_length=1, max_length=512)]
Stat = Literal["mean", "max"]
Step = Literal["1h", "1d", "1w"]
Aggregate = Literal["mean", "peak"]
Start = Literal["now", "calendar"]
Alias = Literal["champion", "challenger"]
_ZONES = "expected a time zone such as Europe/Berlin or UTC"
_MACHINE_ZONES = re.compile(r"localtime|posixrules|Factory|(posix|right)/.*")
"""What a machine is set to, or only some machines have: not the same on every replica."""
_LEVELS = {f"p{round(100 * q)}": column for column, q in enumerate(QUANTILES)}
_LEVELS |= {f"{q:g}": column for column, q in enumerate(QUANTILES)}


def _known_zone(name: str) -> str:
    if _MACHINE_ZONES.fullmatch(name):
        raise ValueError(_ZONES)
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(_ZONES) from error
    return name


def _known_levels(text: str) -> str:
    if unknown := [level for level in text.split(",") if level.strip() not in _LEVELS]:
        raise ValueError(f"expected some of p10, p50, p90, got {unknown[0][:20]!r}")
    return text


Zone = Annotated[Text, AfterValidator(_known_zone)]
Levels = Annotated[Text, AfterValidator(_known_levels)]

_METRIC = Field(default="cpu", description="`cpu`, `memory`, or any metric that is forecast.")
_CLUSTER = Field(default=None, description="Cluster, needed where there are several.")
_NAMESPACE = Field(default=None, description="Namespace.", examples=["shop"])
_WORKLOAD = Field(default=None, description="Workload, such as the name of a Deployment.")
_NODE = Field(default=None, description="Node.")
_AGG = Field(
    default=None,
    description="Of each day or week: its mean or its highest hour. Without it `mean` for "
    "stat=mean and `peak` for stat=max. Not for hours.",
)
_QUANTILES = Field(
    default=None, description="Which columns, such as `p50,p90`; all without it.", examples=["p90"]
)
_TZ = Field(
    default=None,
    description="Time zone of days, weeks and local times; UTC without it.",
    examples=["Europe/Berlin"],
)
_FROM = Field(
    default=None,
    alias="from",
    description="`now`: from the present UTC hour. `calendar`: from tomorrow's midnight in the "
    "time zone. Without it `now` for hours, `calendar` for days and weeks.",
)
_FULL_AT = Field(
    default=None,
    gt=0,
    le=1,
    description="Share of the ceiling that counts as full; the server's own without it.",
    examples=[0.9],
)
_KIND = Field(default=None, description="Kind of the workload, such as `deployment`.")


class _Query(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Shape(_Query):
    """In what rows and columns a forecast is wanted."""

    stat: Stat = Field(default="mean", description="Of each hour: its mean or its maximum.")
    step: Step = Field(default="1h", description="One row per hour, day or week.")
    agg: Aggregate | None = _AGG
    quantiles: Levels | None = _QUANTILES
    tz: Zone | None = _TZ
    from_: Start | None = _FROM
    alias: Alias = Field(
        default="champion",
        description="Whose forecast: the one in use, or the one that may follow it.",
    )

    @property
    def columns(self) -> tuple[int, ...]:
        """Return which of p10, p50, p90 are wanted, ascending."""
        if self.quantiles is None:
            return tuple(range(len(QUANTILES)))
        return tuple(sorted({_LEVELS[level.strip()] for level in self.quantiles.split(",")}))

    @property
    def start(self) -> Start:
        """Return where the rows begin, the step's own way where nothing was said."""
        return self.from_ or ("now" if self.step == "1h" else "calendar")

    @property
    def aggregate(self) -> Aggregate:
        """Return what is told of a day or a week, the stat's own way where nothing was said."""
        return self.agg or ("peak" if self.stat == "max" else "mean")


class ForecastQuery(_Shape):
    """What a forecast is asked for: a series by id, or by labels, or the cluster's."""

    metric: Text = _METRIC
    series: Text | None = Field(
        default=None, description="Id of a series as /v1/series lists it; in place of labels."
    )
    cluster: Text | None = _CLUSTER
    namespace: Text | None = _NAMESPACE
    workload: Text | None = _WORKLOAD
    node: Text | None = _NODE
    kind: Text | None = _KIND
    full_at: float | None = _FULL_AT

    @property
    def labels(self) -> dict[str, str]:
        """Return the labels that were given."""
        given = {
            "cluster": self.cluster,
            "namespace": self.namespace,
            "workload": self.workload,
            "node": self.node,
            "kind": self.kind,
        }
        return {name: value for name, value in given.items() if value is not None}


class Filters(_Query):
    """Which series are meant; every filter narrows."""

    metric: Text | None = Field(default=None, description="Only this metric.")
    scope: Literal["cluster", "node", "namespace", "workload"] | None = Field(
        default=None, description="Only this scope."
    )
    cluster: Text | None = _CLUSTER
    namespace: Text | None = _NAMESPACE
    workload: Text | None = _WORKLOAD
    node: Text | None = _NODE
    kind: Text | None = _KIND

    @property
    def labels(self) -> dict[str, str]:
        """Return the labels that were given, the scope among them."""
        given = self.model_dump(
            include={"scope", "cluster", "namespace", "workload", "node", "kind"}, exclude_none=True
        )
        return {name: str(value) for name, value in given.items()}


class ManyQuery(_Shape, Filters):
    """Which series to put into one file; every filter narrows."""

    horizon: Literal["next_day", "next_week", "next_month"] = Field(
        default="next_month", description="How far ahead."
    )
    step: Step = Field(default="1d", description="One row per series and hour, day or week.")
    match: Text | None = Field(
        default=None,
        description="Only series that this selector fits, written as Prometheus writes them.",
        examples=['{scope="namespace",cluster=~"prod-.*"}'],
    )

    @property
    def full_at(self) -> None:
        """Return that nothing was said: a file of many series has the server's own threshold."""
        return None


class SeriesQuery(Filters):
    """Which series to list; every filter narrows."""

    stat: Stat | None = Field(default=None, description="Only this stat.")
    q: Text | None = Field(default=None, description="Only ids that contain this; case is ignored.")
    limit: int = Field(default=100, ge=1, le=1000, description="Series per page.")
    offset: int = Field(default=0, ge=0, le=10_000_000, description="Series to skip.")
