"""The bodies of all answers. The OpenAPI document and `docs/api.md` speak of these types."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, Generic, Literal, TypeVar, dataclass_transform

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, GetPydanticSchema
from pydantic_core import core_schema

T = TypeVar("T")
Status = Literal["ok", "degraded", "stale", "partial", "abstained"]
Instant = Annotated[str, Field(examples=["2026-11-21T09:00:00Z"])]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def _part(cls: type[T]) -> type[T]:
    """Make a body that is built for every question: a frozen dataclass.

    Pydantic writes its schema and reads answers, orjson writes it: a model that checks what the
    server itself has just computed costs as much as the computing. It has no slots, because orjson
    is three times as fast over a `__dict__`, and fills that at once, because the way of a frozen
    dataclass, member by member, would be a tenth of an answer. What a member is, mypy checks.
    """
    made = dataclass(frozen=True, kw_only=True)(cls)
    made.__pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[attr-defined]
    # all members, so that they are written in this order whatever order they are given in
    blank = {f.name: f.default for f in fields(made)}  # type: ignore[arg-type]

    def fill(self: object, **members: object) -> None:
        self.__dict__.update(blank)
        self.__dict__.update(members)

    made.__init__ = fill  # type: ignore[method-assign]
    return made


def _column(items: core_schema.CoreSchema, make: Callable[[Any], object]) -> GetPydanticSchema:
    """Describe a column as a list of items, and make one that was read into its own type."""
    whole = core_schema.list_schema(items)
    return GetPydanticSchema(
        lambda _type, _handler: core_schema.no_info_after_validator_function(make, whole)
    )


_Numbers = _column(core_schema.float_schema(), lambda read: np.array(read, dtype=np.float32))
_Texts = _column(core_schema.str_schema(), tuple)


@_part
class ModelRef:
    """The registered model an answer comes from."""

    name: str
    version: str


@_part
class SegmentOut:
    """The hours of the window that one contender serves."""

    start: Annotated[Instant, Field(description="First hour.")]
    end: Annotated[Instant, Field(description="End of the last hour.")]
    model: str


@_part
class Measured:
    """The promise that was measured on held-out windows, for the hours that this answer holds."""

    status: Literal["measured"] = "measured"
    windows: Annotated[int, Field(description="Held-out windows it was measured on.")]
    lead_hours: Annotated[
        tuple[int, int],
        Field(description="Hours ahead of what was known: first and last hour that it speaks of."),
    ]
    coverage: Annotated[
        float, Field(description="Share of hours that fell inside [p10, p90] of the hour.")
    ]
    vs_naive: Annotated[
        float,
        Field(
            description="(sql + 0.01) / (naive_sql + 0.01): below 1 beats the same hour yesterday."
        ),
    ]
    sql: Annotated[float, Field(description="Scaled quantile loss; smaller is better.")]
    mase: Annotated[float, Field(description="Scaled absolute error of the p50; as above.")]
    naive_sql: Annotated[float, Field(description="The seasonal naive's, on the same windows.")]
    naive_mase: Annotated[float, Field(description="The seasonal naive's, on the same windows.")]


@_part
class Unmeasured:
    """Nothing was measured, and why."""

    status: Literal["unmeasured"] = "unmeasured"
    reason: str


@_part
class Summary:
    """The rows in five figures."""

    mean: Annotated[float, Field(description="Mean of the p50.")]
    peak: Annotated[float, Field(description="Highest p50.")]
    peak_at: Annotated[Instant, Field(description="Start of its hour, day or week.")]
    peak_p90: Annotated[float, Field(description="Highest p90.")]
    peak_p90_at: Instant


@_part
class Band(Generic[T]):
    """One value for the p50 and one for the p90."""

    p50: T
    p90: T


@_part
class Headroom:
    """The ceiling minus the highest row of the p50 and of the p90."""

    p50: float | None
    p90: float | None


FullCode = Literal["full", "not-within-horizon", "not-within-answer", "no-capacity", "no-forecast"]


@_part
class FullOn:
    """Start of the first row of the p50 and of the p90 that reaches the threshold, or null."""

    p50: Instant | None
    p90: Instant | None


@_part
class FullOnCode:
    """`full`, or why there is no such row."""

    p50: FullCode
    p90: FullCode


@_part
class Capacity:
    """What the series may use, and how near the forecast comes to it."""

    ceiling: Annotated[
        Literal["allocatable", "limit"] | None, Field(description="The one that applies.")
    ]
    code: Annotated[Literal["", "no-capacity"], Field(description="Why there is no ceiling.")]
    reason: str
    allocatable: float | None
    request: float | None
    limit: float | None
    threshold: Annotated[float, Field(description="Share of the ceiling that counts as full.")]
    headroom: Headroom
    full_on: FullOn
    full_on_code: FullOnCode


@_part
class PlanningRange:
    """Multiples of the p50 that a plan may assume."""

    low: float
    high: float
    of: Literal["p50"] = "p50"


@_part
class ForecastAnswer:
    """A forecast. `ds`, `p10`, `p50` and `p90` are columns of equal length, one row per period.

    Columns that were not asked are not there; the others are, and empty where nothing is forecast.
    """

    series: str
    labels: Mapping[str, str]
    metric: str
    stat: Literal["mean", "max"]
    unit: str
    horizon: Literal["next_day", "next_week", "next_month"]
    step: Annotated[Literal["1h", "1d", "1w"], Field(description="How long a row's period is.")]
    agg: Annotated[
        Literal["mean", "peak"] | None,
        Field(description="What a row tells of its day or week; null for hours."),
    ]
    tz: Annotated[
        str, Field(description="Whose days and weeks these are.", examples=["UTC", "Europe/Berlin"])
    ]
    alias: Annotated[
        Literal["champion", "challenger"], Field(description="Whose forecast was asked for.")
    ]
    start: Annotated[
        Instant,
        Field(description="Start of the first row asked: the present UTC hour, or a midnight."),
    ]
    end: Annotated[Instant, Field(description="End of the last row asked.")]
    complete: Annotated[bool, Field(description="Whether every row from start to end is there.")]
    status: Status
    code: Annotated[int, Field(description="0, or a reason code of docs/codes.md.")]
    code_name: Annotated[str, Field(description="The code in words, such as `too-little-history`.")]
    reason: Annotated[str, Field(description="Empty where the status is ok and the code 0.")]
    model: ModelRef
    winner: Annotated[
        str | None, Field(description="The contender that serves most of the window.")
    ]
    segments: Annotated[tuple[SegmentOut, ...], Field(description="Where more than one serves it.")]
    trained_until: Annotated[
        Instant,
        Field(
            description="Nothing at or after this was known of this series; earlier than the "
            "model's where it was carried over."
        ),
    ]
    covers_until: Annotated[
        Instant, Field(description="End of the last hour forecast for this series.")
    ]
    lead_hours: Annotated[
        tuple[int, int] | None, Field(description="Hours ahead of what was known.")
    ]
    quality: Annotated[Measured | Unmeasured, Field(discriminator="status")]
    quantiles_of: Annotated[
        Literal["hours", "periods"],
        Field(
            description="`periods`: the quantiles of days and weeks were calibrated as such. "
            "`hours`: those of hours were; of a day or week they are the highest or the mean."
        ),
    ]
    summary: Summary | None
    capacity: Capacity
    planning_range: PlanningRange
    ds: Annotated[tuple[Instant, ...], Field(description="Start of each period, UTC.")]
    local: Annotated[
        tuple[str, ...] | None,
        _Texts,
        Field(
            description="The same on the clocks of `tz`; only where `tz` was given.",
            examples=[["2026-11-22T00:00:00+01:00"]],
        ),
    ] = None
    p10: Annotated[NDArray[np.float32] | None, _Numbers] = None
    p50: Annotated[NDArray[np.float32] | None, _Numbers] = None
    p90: Annotated[NDArray[np.float32] | None, _Numbers] = None


class HorizonOut(_Body):
    """How one series stands at one horizon."""

    winner: str | None
    code: int
    code_name: str
    reason: str
    quality: Annotated[Measured | Unmeasured, Field(discriminator="status")]


class SeriesOut(_Body):
    """One series that is served."""

    series: str
    metric: str
    stat: Literal["mean", "max"]
    unit: str
    labels: Mapping[str, str]
    capacity: Mapping[str, float]
    model: ModelRef
    trained_until: Instant = Field(description="Nothing at or after this was known of it.")
    covers_until: Instant
    horizons: Mapping[str, HorizonOut]


class SeriesPage(_Body):
    """A page of series, ordered by id, metric and stat."""

    total: int
    limit: int
    offset: int
    next_offset: int | None = Field(description="Of the next page, or null on the last.")
    series: tuple[SeriesOut, ...]


class ModelOut(_Body):
    """One model that is served."""

    name: str
    version: str
    alias: Literal["champion", "challenger"] = Field(
        default="champion", description="`challenger` is answered where it is asked for."
    )
    metric: str
    status: Literal["fresh", "stale", "expired"]
    trained_until: Instant
    covers_until: Instant
    series: int
    carried_over: int = Field(
        description="How many of them go on with an earlier forecast: their cluster did not answer."
    )
    horizons: Mapping[str, int]
    quantiles: tuple[float, ...]
    history_digest: str
    versions: Mapping[str, str] = Field(description="Of Foresail and the libraries that made it.")


class ModelList(_Body):
    """All models that are served."""

    models: tuple[ModelOut, ...]


class Refused(_Body):
    """Bundles of one model that were not accepted since the process started."""

    model: str
    reason: str
    by: Literal["server", "sync"]
    count: int


class SyncOut(_Body):
    """What sync last wrote about itself."""

    last_attempt: Instant
    last_success: Instant | None
    messages: Mapping[str, str]


class Health(_Body):
    """The true state: `ok` only where every model expected is served and fresh."""

    status: Literal["ok", "stale", "degraded", "expired", "no-forecast"]
    reasons: tuple[str, ...]
    version: str = Field(description="Of Foresail.")
    models: tuple[ModelOut, ...]
    missing: tuple[str, ...] = Field(description="Models expected and not served.")
    refused: tuple[Refused, ...]
    sync: SyncOut | None = Field(description="Null where no sync has run on this cache.")


class Alive(_Body):
    """The process answers."""

    status: Literal["alive", "ready"]


class Problem(BaseModel):
    """An error, as RFC 9457 has it; some carry more members, such as `choices`."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str = Field(examples=["urn:foresail:problem:unknown-series"])
    title: str
    status: int
    detail: str
