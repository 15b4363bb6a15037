"""The parameters of the routes, as types: everything that is not named here is a 400."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Text = Annotated[str, StringConstraints(min_length=1, max_length=512)]
Stat = Literal["mean", "max"]

_METRIC = Field(default="cpu", description="`cpu`, `memory`, or any metric that is forecast.")
_CLUSTER = Field(default=None, description="Cluster, needed where there are several.")
_NAMESPACE = Field(default=None, description="Namespace.", examples=["shop"])
_WORKLOAD = Field(default=None, description="Workload, such as the name of a Deployment.")
_NODE = Field(default=None, description="Node.")
_KIND = Field(default=None, description="Kind of the workload, such as `deployment`.")


class _Query(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ForecastQuery(_Query):
    """What a forecast is asked for: a series by id, or by labels, or the cluster's."""

    metric: Text = _METRIC
    stat: Stat = Field(default="mean", description="Of each hour: its mean or its maximum.")
    series: Text | None = Field(
        default=None, description="Id of a series as /v1/series lists it; in place of labels."
    )
    cluster: Text | None = _CLUSTER
    namespace: Text | None = _NAMESPACE
    workload: Text | None = _WORKLOAD
    node: Text | None = _NODE
    kind: Text | None = _KIND

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


class SeriesQuery(_Query):
    """Which series to list; every filter narrows."""

    metric: Text | None = Field(default=None, description="Only this metric.")
    stat: Stat | None = Field(default=None, description="Only this stat.")
    scope: Literal["cluster", "node", "namespace", "workload"] | None = Field(
        default=None, description="Only this scope."
    )
    cluster: Text | None = _CLUSTER
    namespace: Text | None = _NAMESPACE
    workload: Text | None = _WORKLOAD
    node: Text | None = _NODE
    kind: Text | None = _KIND
    q: Text | None = Field(default=None, description="Only ids that contain this; case is ignored.")
    limit: int = Field(default=100, ge=1, le=1000, description="Series per page.")
    offset: int = Field(default=0, ge=0, le=10_000_000, description="Series to skip.")

    @property
    def labels(self) -> dict[str, str]:
        """Return the labels that were given, the scope among them."""
        given = self.model_dump(
            include={"scope", "cluster", "namespace", "workload", "node", "kind"}, exclude_none=True
        )
        return {name: str(value) for name, value in given.items()}
