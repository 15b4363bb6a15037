"""What the server and sync are told by the environment, read once by whoever starts them.

The port is `FORESAIL_LISTEN_PORT` and not `FORESAIL_PORT`: Kubernetes sets `FORESAIL_PORT` to
`tcp://...` in every pod beside a Service called `foresail`.
"""

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from foresail.capacity import FULL_THRESHOLD
from foresail.horizons import NEXT_DAY, NEXT_MONTH, NEXT_WEEK
from foresail_serving.access.settings import AccessSettings

_CONFIG = SettingsConfigDict(
    env_prefix="FORESAIL_",
    frozen=True,
    extra="ignore",
    hide_input_in_errors=True,
    populate_by_name=True,
)


def _pair(value: object) -> object:
    return tuple(value.split(",")) if isinstance(value, str) else value


def _names(value: object) -> object:
    return tuple(n.strip() for n in value.split(",")) if isinstance(value, str) else value


Factors = Annotated[tuple[float, float], NoDecode, BeforeValidator(_pair)]
"""Low and high multiple of the p50, in the environment as `0.8,1.2`."""
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)]


class ServeSettings(AccessSettings):
    """Of the server; the variable is `FORESAIL_` and the field's name in upper case.

    Those about access are `access.settings.AccessSettings`.

    Attributes:
        cache_dir: The folder that sync fills and the server reads.
        listen_host: Address to listen on; loopback unless told otherwise.
        listen_port: Port to listen on.
        models: Registered models; a metric of one that has not arrived yet is `no-forecast`.
        planning_day: Low and high multiple of the p50 that `next_day` suggests for planning.
        planning_week: As above, `next_week`.
        planning_month: As above, `next_month`.
        full_threshold: Share of the ceiling that counts as full.
        stale_after_hours: A forecast trained longer ago than this is called stale.
        watch_seconds: How often the server looks whether sync has brought something new.
        request_seconds: For reading one request, head and body.
        write_seconds: Within which a client that is answered has to read on.
        drain_seconds: How long SIGTERM lets the server answer before it stops.
        cache_bytes: Room for ready answers.
        max_rows: Rows of one file of many series; 500,000 are about 100 MB of CSV.
        max_sheet_rows: The same of a workbook; a sheet ends at 1,048,576.
        query_max_samples: Series times steps of one PromQL query; a million are 25 MB of JSON.
    """

    model_config = _CONFIG

    cache_dir: Path = Path(".foresail/cache")
    listen_host: str = "127.0.0.1"
    listen_port: int = Field(default=8080, ge=0, le=65535)
    models: Names = ("foresail-cpu", "foresail-memory")
    planning_day: Factors = (0.8, 1.2)
    planning_week: Factors = (0.8, 1.2)
    planning_month: Factors = (0.7, 1.5)
    full_threshold: float = Field(default=FULL_THRESHOLD, gt=0, le=1)
    stale_after_hours: int = Field(default=36, ge=1)
    watch_seconds: float = Field(default=0.5, gt=0)
    request_seconds: float = Field(default=10.0, gt=0)
    write_seconds: float = Field(default=30.0, gt=0)
    drain_seconds: float = Field(default=3.0, ge=0)
    cache_bytes: int = Field(default=64 * 2**20, ge=0)
    max_rows: int = Field(default=500_000, ge=1)
    max_sheet_rows: int = Field(default=100_000, ge=1, le=1_000_000)
    query_max_samples: int = Field(default=1_000_000, ge=1)

    @model_validator(mode="after")
    def _ranges_ascend(self) -> "ServeSettings":
        for low, high in (self.planning_day, self.planning_week, self.planning_month):
            if not 0 < low <= 1 <= high:
                raise ValueError(
                    "FORESAIL_PLANNING_*: expected ranges around 1, such as 0.8,1.2, "
                    f"got {low},{high}"
                )
        return self

    def planning(self, horizon: str) -> tuple[float, float]:
        """Return the low and high multiple of the p50 for a horizon."""
        ranges = {
            NEXT_DAY.name: self.planning_day,
            NEXT_WEEK.name: self.planning_week,
            NEXT_MONTH.name: self.planning_month,
        }
        return ranges[horizon]


class SyncSettings(BaseSettings):
    """Of sync; MLflow's own credentials (`MLFLOW_TRACKING_TOKEN`, ...) are MLflow's to read.

    Attributes:
        cache_dir: The folder that sync fills and the server reads.
        models: Registered models to follow.
        alias: Whose version is served.
        sync_seconds: Time between two looks at the registry, give or take a tenth.
        sync_timeout_seconds: Deadline for each question to the registry.
        tracking_uri: MLflow, such as `https://mlflow.example` (`MLFLOW_TRACKING_URI`).
    """

    model_config = _CONFIG

    cache_dir: Path = Path(".foresail/cache")
    models: Names = ("foresail-cpu", "foresail-memory")
    alias: str = "champion"
    sync_seconds: float = Field(default=30.0, gt=0)
    sync_timeout_seconds: float = Field(default=5.0, gt=0)
    tracking_uri: str = Field(default="", validation_alias="MLFLOW_TRACKING_URI")
