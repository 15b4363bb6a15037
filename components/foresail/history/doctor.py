"""What a Prometheus has of what the presets need: which of them work, for which scopes, since when.

Everything is asked with label lists and instant queries, none heavier than one step of a staging
run; a healthy server is examined in a few dozen of them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

from foresail.errors import BadInput, ForesailError, NotFound
from foresail.history.connection import Connection
from foresail.history.presets import (
    PRESETS,
    Presets,
    UsagePreset,
    choose_presets,
    metric_names,
    preset_scopes,
)
from foresail.history.promql import BY

METRICS = ("cpu", "memory")
MAX_INTERVAL_SECONDS = 300
"""Staging looks every 5 minutes; samples further apart leave holes."""

_JITTER = 1.02
_WINDOW = "10m"
_HOUR = 3600
_DAY = 24 * _HOUR
_AGES = tuple(days * _DAY for days in (1, 7, 30, 90, 365, 1095))
_RESOLUTION = 0.02
"""Of the age at which history begins."""

ROOT = 'container_memory_working_set_bytes{id="/"}'
_ONCE = {
    "cadvisor": f"count by ({BY}node) ({ROOT})",
    "kube-prometheus": f"count by ({BY}namespace, pod, container)"
    " (node_namespace_pod_container:container_memory_working_set_bytes{container!=''})",
    "node-exporter": f"count by ({BY}nodename) (node_uname_info{{}})",
    "openshift": f"count by ({BY}) (cluster:node_cpu:sum_rate5m{{}})",
}
"""Counts that are 1 where every series is collected once."""


@dataclass(frozen=True, slots=True)
class Server:
    """What answers.

    Attributes:
        product: Prometheus, Thanos, Grafana Mimir, VictoriaMetrics, or what it calls itself; empty
            where it does not say.
        version: As it says; empty likewise.
    """

    product: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class ScopeCheck:
    """What a preset finds in one scope.

    Attributes:
        scope: One of the four.
        series: Metric -> how many.
        unlabelled: How many of them lack the label that should name them.
        problem: The server's own words where it refused a text.
    """

    scope: str
    series: Mapping[str, int]
    unlabelled: int = 0
    problem: str = ""

    @property
    def works(self) -> bool:
        """Say whether every metric is there, and named."""
        return all(self.series.values()) and not self.unlabelled and not self.problem


@dataclass(frozen=True, slots=True)
class PresetCheck:
    """What a preset finds.

    Attributes:
        name: Of the preset.
        present: Whether what it sums over the cluster exists at all.
        found: Metrics of its texts that exist.
        missing: Those that do not; some stand in for others.
        scopes: Of those it has texts for.
        interval_seconds: Between two samples of one series; None where nobody can say.
        since: When it first answers; None where it does not.
        copies: How often every series is collected: 1 is right.
        clusters: Values of the label `cluster`, where no cluster label was given.
        labels: Of one series that it reads.
    """

    name: str
    present: bool
    found: tuple[str, ...]
    missing: tuple[str, ...]
    scopes: tuple[ScopeCheck, ...]
    interval_seconds: float | None = None
    since: datetime | None = None
    copies: int = 1
    clusters: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def often_enough(self) -> bool:
        """Say whether samples come every five minutes at least, as far as is known."""
        interval = self.interval_seconds
        return interval is None or interval <= _JITTER * MAX_INTERVAL_SECONDS

    @property
    def works_for(self) -> tuple[str, ...]:
        """Return the scopes that can be staged."""
        return tuple(s.scope for s in self.scopes if s.works) if self.often_enough else ()


@dataclass(frozen=True, slots=True)
class Examination:
    """All that was found.

    Attributes:
        url: Of the server.
        server: What it is.
        at: When it was asked.
        presets: In the order of `PRESETS`.
        cluster_label: As given.
        warnings: What the server said of partial answers.
    """

    url: str
    server: Server
    at: datetime
    presets: tuple[PresetCheck, ...]
    cluster_label: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def best(self) -> PresetCheck | None:
        """Return the preset that works for most scopes; of equal ones, the one that knows most."""
        able = [check for check in self.presets if "cluster" in check.works_for]
        never = self.at + timedelta(days=1)
        return min(
            able,
            key=lambda check: (-len(check.works_for), (check.since or never).date()),
            default=None,
        )


def examine(
    connection: Connection,
    *,
    now: datetime,
    presets: Collection[str] = PRESETS,
    cluster_label: str = "",
) -> Examination:
    """Examine a server.

    Args:
        connection: To it.
        now: When to look, UTC-aware.
        presets: Which to try.
        cluster_label: The label that tells clusters apart, or empty.

    Raises:
        UsageError: There is no such preset, or the label is none.
        Unreachable: The server does not answer; AccessDenied and NotFound likewise.
        BadInput: What answers is no Prometheus.
    """
    asking = _Asking(connection, int(now.timestamp()), cluster_label)
    wanted = {
        name: choose_presets(
            metrics=METRICS,
            scopes=preset_scopes(name),
            preset=name,
            cluster_label=cluster_label,
        )
        for name in presets
    }
    asking.vector("vector(1)")  # what cannot answer this is no Prometheus, and says so here
    names = {name: _metrics_of(chosen) for name, chosen in wanted.items()}
    there = asking.existing({metric for needed in names.values() for metric in needed})
    server = identify(connection)
    checks = tuple(
        asking.preset(name, chosen.usage, needed=names[name], there=there)
        for name, chosen in wanted.items()
    )
    return Examination(
        url=connection.url,
        server=server,
        at=now.astimezone(UTC),
        presets=checks,
        cluster_label=cluster_label,
        warnings=tuple(asking.warnings),
    )


def identify(connection: Connection) -> Server:
    """Return what a server says it is; nothing where it does not say."""
    try:
        answer = connection.get("/api/v1/status/buildinfo", {}, what="its version").data
    except ForesailError:  # managed services have no such address, or keep it closed
        answer = None
    told: dict[str, Any] = answer if isinstance(answer, dict) else {}
    version = str(told.get("version", ""))
    if told.get("application"):
        return Server(str(told["application"]), version)
    if told.get("goVersion"):
        # Thanos answers with the same fields, and has not reached 1.0
        return Server("Thanos" if version.startswith("0.") else "Prometheus", version)
    try:
        # MetricsQL has `default`, PromQL has not; the version it tells there is not its own
        connection.get("/api/v1/query", {"query": "vector(1) default 0"}, what="its kind")
    except ForesailError:
        return Server("", version)
    return Server("VictoriaMetrics")


class _Asking:
    """Holds what all questions of one examination share."""

    def __init__(self, connection: Connection, at: int, cluster_label: str) -> None:
        self._connection = connection
        self._at = at
        self._cluster_label = cluster_label
        self.warnings: dict[str, None] = {}

    def vector(self, text: str, *, what: str = "the examination") -> list[dict[str, Any]]:
        """Return the series of an instant query."""
        params = {"query": text, "time": str(self._at)}
        answer = self._connection.get("/api/v1/query", params, what=what)
        self.warnings |= dict.fromkeys(answer.warnings)
        data = answer.data
        result = data.get("result") if isinstance(data, dict) else None
        if not isinstance(result, list) or not all(isinstance(one, dict) for one in result):
            raise BadInput(f"expected series for {what}, got {type(data).__name__}")
        return result

    def told(self, text: str, *, what: str) -> list[dict[str, Any]]:
        """Return the series of an instant query, or none where the server refuses it."""
        try:
            return self.vector(text, what=what)
        except BadInput:  # it only adds to what is known
            return []

    def existing(self, names: Collection[str]) -> frozenset[str]:
        """Return those of the metrics that had samples in the last hour."""
        params = {
            "match[]": f'{{__name__=~"{"|".join(sorted(names))}"}}',
            "start": str(self._at - _HOUR),
            "end": str(self._at),
        }
        try:
            answer = self._connection.get(
                "/api/v1/label/__name__/values", params, what="the names of its metrics"
            )
        except (BadInput, NotFound):  # not every managed service knows it; then queries tell
            return frozenset(names)
        self.warnings |= dict.fromkeys(answer.warnings)
        listed = answer.data if isinstance(answer.data, list) else []
        return frozenset(names).intersection(str(name) for name in listed)

    def preset(
        self,
        name: str,
        usage: Sequence[UsagePreset],
        *,
        needed: tuple[str, ...],
        there: frozenset[str],
    ) -> PresetCheck:
        """Examine one preset."""
        scopes = tuple(
            self._scope([u for u in usage if u.scope == scope], there)
            for scope in dict.fromkeys(u.scope for u in usage)
        )
        check = PresetCheck(
            name,
            present=not there.isdisjoint(metric_names(usage[0].text)),
            found=tuple(metric for metric in needed if metric in there),
            missing=tuple(metric for metric in needed if metric not in there),
            scopes=scopes,
        )
        answering = next((u for u in usage for s in scopes if _answered(s, u)), None)
        if answering is None:
            return check
        metric = next(m for m in metric_names(answering.text) if m in there)
        labels = self._labels_of_one(metric)
        return replace(
            check,
            interval_seconds=self._interval(metric, labels),
            since=self._since(answering),
            copies=self._copies(name),
            clusters=self._clusters(metric, labels),
            labels=labels,
        )

    def _scope(self, usage: Sequence[UsagePreset], there: frozenset[str]) -> ScopeCheck:
        series = {one.metric: 0 for one in usage}
        unlabelled = 0
        for one in usage:
            if not there.intersection(metric_names(one.text)):
                continue
            try:
                series[one.metric], lacking = self._counted(one)
            except BadInput as error:
                return ScopeCheck(one.scope, series, problem=str(error))
            unlabelled = max(unlabelled, lacking)
        return ScopeCheck(usage[0].scope, series, unlabelled)

    def _counted(self, usage: UsagePreset) -> tuple[int, int]:
        """Return how many series there are, and how many of them lack a label that names them."""
        # of a workload's three labels, the kind has the fewest values, and is there with the others
        last = "kind" if usage.scope == "workload" else (usage.labels or ("",))[-1]
        labels = tuple(dict.fromkeys(name for name in (self._cluster_label, last) if name))
        by = ", ".join(labels)
        found = self.vector(f"count by ({by}) (\n{usage.over(_WINDOW)}\n)", what=usage.name)
        counts = [
            (int(float(one["value"][1])), all(one["metric"].get(name) for name in labels))
            for one in found
        ]
        return sum(n for n, _ in counts), sum(n for n, named in counts if not named)

    def _labels_of_one(self, metric: str) -> dict[str, str]:
        found = self.told(f"topk(1, {metric}{{}})", what=metric)
        labels = found[0].get("metric", {}) if found else {}
        return {name: text for name, text in sorted(labels.items()) if name != "__name__"}

    def _interval(self, metric: str, labels: Mapping[str, str]) -> float | None:
        """Return the median seconds between samples of one series in the last hour."""
        selector = ",".join(f"{name}={_quoted(text)}" for name, text in labels.items())
        found = self.told(f"{metric}{{{selector}}}[1h]", what=metric)
        stamps = sorted(float(point[0]) for one in found for point in one.get("values", ()))
        gaps = [later - sooner for sooner, later in pairwise(stamps) if later > sooner]
        return median(gaps) if gaps else None

    def _since(self, usage: UsagePreset) -> datetime | None:
        """Return about when a text first answers: ever larger steps back, then halving."""
        known, beyond, failures = 0, 0, 0
        for age in _AGES:
            if self._answers(usage, age):
                known, beyond, failures = age, 0, 0
                continue
            beyond, failures = beyond or age, failures + 1
            if failures > 1:  # one may have met an outage
                break
        while beyond and beyond - known > max(_HOUR, _RESOLUTION * beyond):
            middle = (known + beyond) // 2
            known, beyond = (middle, beyond) if self._answers(usage, middle) else (known, middle)
        return datetime.fromtimestamp(self._at - known, UTC)

    def _answers(self, usage: UsagePreset, age: int) -> bool:
        text = usage.over(_WINDOW)
        try:
            return self._connection.count(text, at=self._at - age, what=usage.name) > 0
        except BadInput:  # some servers refuse what lies before their limit
            return False

    def _copies(self, preset: str) -> int:
        by = f"{self._cluster_label}," if self._cluster_label else ""
        # most: a container that has just started anew is there twice for a moment
        found = self.told(f"quantile(0.5, {_ONCE[preset].replace(BY, by)})", what=preset)
        return int(float(found[0]["value"][1])) if found else 1

    def _clusters(self, metric: str, labels: Mapping[str, str]) -> tuple[str, ...]:
        if self._cluster_label or "cluster" not in labels:
            return ()
        found = self.told(f"count by (cluster) ({metric}{{}})", what=metric)
        return tuple(sorted(one["metric"].get("cluster", "") for one in found))


def _answered(check: ScopeCheck, usage: UsagePreset) -> bool:
    return check.scope == usage.scope and check.series[usage.metric] > 0


def _metrics_of(chosen: Presets) -> tuple[str, ...]:
    texts = (*(one.text for one in chosen.usage), *(one.text for one in chosen.capacity))
    return tuple(dict.fromkeys(name for text in texts for name in metric_names(text)))


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
