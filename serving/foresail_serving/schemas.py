"""The bodies of all answers. The OpenAPI document and `docs/api.md` speak of these types."""

from collections.abc import Mapping
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")
Status = Literal["ok", "degraded", "stale", "partial", "abstained"]
Instant = Annotated[str, Field(examples=["2026-11-21T09:00:00Z"])]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelRef(_Body):
    """The registered model an answer comes from."""

    name: str
    version: str


class SegmentOut(_Body):
    """The hours of the window that one contender serves."""

    start: Instant = Field(description="First hour.")
    end: Instant = Field(description="End of the last hour.")
    model: str


class Measured(_Body):
    """The promise that was measured on held-out windows, for the hours that this answer holds."""

    status: Literal["measured"] = "measured"
    windows: int = Field(description="Held-out windows it was measured on.")
    lead_hours: tuple[int, int] = Field(
        description="Hours ahead of what was known: first and last hour that it speaks of."
    )
    coverage: float = Field(description="Share of hours that fell inside [p10, p90].")
    vs_naive: float = Field(
        description="(sql + 0.01) / (naive_sql + 0.01): below 1 beats the same hour yesterday."
    )
    sql: float = Field(description="Scaled quantile loss; smaller is better.")
    mase: float = Field(description="Scaled absolute error of the p50; smaller is better.")
    naive_sql: float = Field(description="The seasonal naive's, on the same windows.")
    naive_mase: float = Field(description="The seasonal naive's, on the same windows.")


class Unmeasured(_Body):
    """Nothing was measured, and why."""

    status: Literal["unmeasured"] = "unmeasured"
    reason: str


class Summary(_Body):
    """The window in five figures."""

    mean: float = Field(description="Mean of the p50.")
    peak: float = Field(description="Highest p50.")
    peak_at: Instant
    peak_p90: float = Field(description="Highest p90.")
    peak_p90_at: Instant


class Band(_Body, Generic[T]):
    """One value for the p50 and one for the p90."""

    p50: T
    p90: T


FullCode = Literal["full", "not-within-horizon", "not-within-answer", "no-capacity", "no-forecast"]


class Capacity(_Body):
    """What the series may use, and how near the forecast comes to it."""

    ceiling: Literal["allocatable", "limit"] | None = Field(description="The one that applies.")
    code: Literal["", "no-capacity"] = Field(description="Why there is no ceiling.")
    reason: str
    allocatable: float | None
    request: float | None
    limit: float | None
    threshold: float = Field(description="Share of the ceiling that counts as full.")
    headroom: Band[float | None] = Field(description="Ceiling minus the window's peak.")
    full_on: Band[Instant | None] = Field(description="First hour at the threshold, or null.")
    full_on_code: Band[FullCode] = Field(description="`full`, or why `full_on` is null.")


class PlanningRange(_Body):
    """Multiples of the p50 that a plan may assume."""

    low: float
    high: float
    of: Literal["p50"] = "p50"


class ForecastAnswer(_Body):
    """A forecast. `ds`, `p10`, `p50` and `p90` are columns of equal length, one row per hour."""

    series: str
    labels: Mapping[str, str]
    metric: str
    stat: Literal["mean", "max"]
    unit: str
    horizon: Literal["next_day", "next_week", "next_month"]
    step: Literal["1h"] = "1h"
    start: Instant = Field(description="First hour asked: the present UTC hour.")
    end: Instant = Field(description="End of the last hour asked.")
    complete: bool = Field(description="Whether every hour from start to end is there.")
    status: Status
    code: int = Field(description="0, or a reason code of docs/codes.md.")
    code_name: str = Field(description="The code in words, such as `too-little-history`.")
    reason: str = Field(description="Empty where the status is ok and the code 0.")
    model: ModelRef
    winner: str | None = Field(description="The contender that serves most of the window.")
    segments: tuple[SegmentOut, ...] = Field(description="Where more than one serves it.")
    trained_until: Instant = Field(
        description="Nothing at or after this was known of this series; earlier than the model's "
        "where it was carried over."
    )
    covers_until: Instant = Field(description="End of the last hour forecast for this series.")
    lead_hours: tuple[int, int] | None = Field(description="Hours ahead of what was known.")
    quality: Annotated[Measured | Unmeasured, Field(discriminator="status")]
    summary: Summary | None
    capacity: Capacity
    planning_range: PlanningRange
    ds: list[Instant]
    p10: list[float]
    p50: list[float]
    p90: list[float]


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
