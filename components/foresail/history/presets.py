"""Which PromQL text answers for which metric and scope: named presets, and a file's own texts.

```yaml
fold: subquery           # the server folds 5-minute points into hours; without it we do
usage:
  cpu:
    node: sum by (${by}node) (rate(container_cpu_usage_seconds_total{id="/"$shard}[$window]))
resets:
  cpu:
    node: sum by (${by}node) (resets(container_cpu_usage_seconds_total{id="/"$shard}[1h]))
capacity:
  memory:
    allocatable:
      node: sum by (node) (kube_node_status_allocatable{resource="memory"})
    limit:
      cluster: ""        # an empty text: do not ask
```

The marks are those of `foresail.history.promql`; a text may do without any of them.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import yaml

from foresail.errors import BadInput, UsageError
from foresail.history.naming import SCOPE_LABELS
from foresail.history.promql import BY, SHARD, WINDOW, Texts
from foresail.history.promql_cadvisor import TEXTS as CADVISOR
from foresail.history.promql_kube_prometheus import TEXTS as KUBE_PROMETHEUS
from foresail.history.promql_node_exporter import TEXTS as NODE_EXPORTER
from foresail.history.promql_openshift import TEXTS as OPENSHIFT
from foresail.panel import SCOPES

Fold = Literal["points", "subquery"]
"""Who folds an hour's 5-minute points: we, or the server by a subquery `[1h:5m]`."""

DEFAULT_PRESET = "cadvisor"
_TEXTS: Mapping[str, Texts] = {
    DEFAULT_PRESET: CADVISOR,
    "kube-prometheus": KUBE_PROMETHEUS,
    "node-exporter": NODE_EXPORTER,
    "openshift": OPENSHIFT,
}
PRESETS = tuple(_TEXTS)
"""The names of the presets; the first is the one without a name."""

KINDS = ("allocatable", "request", "limit", "used", "capacity", "count")
COMMITTED_WITH = ("cpu", "memory")
"""With either of them, `ALWAYS` is read too."""
ALWAYS = ("nodes", "storage")
"""Metrics that have a capacity only: how many nodes there are, and how full volumes are."""

_CAPACITY_SCOPES = (*SCOPES, "volume")
_RATED = re.compile(r"\b(i?rate|increase|i?delta|deriv|rollup_rate)\s*\(")
_METRIC_NAME = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*[{\[]")
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_SPECIAL = re.compile(r"([\\.+*?()|\[\]{}^$])")


@dataclass(frozen=True, slots=True)
class UsagePreset:
    """How one metric is measured in one scope.

    Attributes:
        metric: Such as `cpu`.
        scope: cluster, node, namespace or workload.
        text: PromQL that returns one series for each combination of `labels`; it may hold `$window`
            and `$shard`.
        resets: PromQL that counts the counter resets of an hour, by the same labels; empty where
            nobody counts.
        fold: Who folds points into hours.
        cluster_label: The label that tells clusters apart, or empty.
    """

    metric: str
    scope: str
    text: str
    resets: str = ""
    fold: Fold = "points"
    cluster_label: str = ""

    @property
    def name(self) -> str:
        """Return how messages and the manifest call it."""
        return f"usage.{self.metric}.{self.scope}"

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the labels to read from its answers, the cluster's first."""
        return _labels(self.cluster_label, self.scope)

    @property
    def is_counter(self) -> bool:
        """Say whether the text wants a window, that is, rates a counter."""
        return WINDOW in self.text

    @property
    def shard_label(self) -> str:
        """Return the label that shards select by, or nothing if the text cannot be sharded."""
        if SHARD not in self.text:
            return ""
        return "node" if self.scope == "node" else "namespace"

    def over(self, window: str, shard: str = "") -> str:
        """Return the text with its window, and a matcher of `shard_matcher`, filled in."""
        return self.text.replace(WINDOW, window).replace(SHARD, shard)

    def resets_text(self, shard: str = "") -> str:
        """Return the counting text with a matcher of `shard_matcher` filled in."""
        return self.resets.replace(SHARD, shard)


@dataclass(frozen=True, slots=True)
class CapacityPreset:
    """How one kind of capacity is read in one scope; the attributes are as in `UsagePreset`.

    Attributes:
        kind: allocatable, request or limit in the metric's unit; used or capacity in bytes; count.
        scope: One of the four, or volume.
    """

    metric: str
    kind: str
    scope: str
    text: str
    cluster_label: str = ""

    @property
    def name(self) -> str:
        """Return how messages and the manifest call it."""
        return f"capacity.{self.metric}.{self.kind}.{self.scope}"

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the labels to read from its answers, the cluster's first."""
        return _labels(self.cluster_label, self.scope)


@dataclass(frozen=True, slots=True)
class Presets:
    """All texts that one staging run asks for."""

    usage: tuple[UsagePreset, ...]
    capacity: tuple[CapacityPreset, ...]


def choose_presets(
    *,
    metrics: Collection[str],
    scopes: Collection[str],
    overrides: bytes = b"",
    preset: str = DEFAULT_PRESET,
    cluster_label: str = "",
) -> Presets:
    """Return the texts for these metrics and scopes.

    Args:
        metrics: Names; beyond cpu and memory, those that the overrides define.
        scopes: Some of the four.
        overrides: The YAML file, or nothing.
        preset: One of `PRESETS`.
        cluster_label: The label that tells clusters apart in a source of several, or empty.

    Raises:
        BadInput: The YAML has another shape, or no text is known for a metric.
        UsageError: There is no such preset, it has no text for a scope, or the label is none.
    """
    known = _known(preset)
    given = _parse(overrides)
    usage = _merged(known.usage, given.get("usage", {}), path="usage", leaves=SCOPES)
    resets = _merged(known.resets, given.get("resets", {}), path="resets", leaves=SCOPES)
    _check_rates(given.get("usage", {}))
    capacity = _capacity_texts(known, given)
    fold = _fold(given)
    _check_scopes(usage, known, preset=preset, metrics=metrics, scopes=scopes)
    label = _checked_label(cluster_label)
    more = ALWAYS if set(COMMITTED_WITH) & set(metrics) else ()
    return Presets(
        usage=tuple(
            UsagePreset(
                metric=m,
                scope=s,
                text=_by_cluster(usage[m][s], label),
                resets=_by_cluster(_resets_of(m, s, resets, given), label),
                fold=fold,
                cluster_label=label,
            )
            for m in metrics
            for s in scopes
        ),
        capacity=tuple(
            CapacityPreset(m, kind, s, _by_cluster(text, label), label)
            for m in dict.fromkeys((*metrics, *more))
            for kind in KINDS
            for s in (_CAPACITY_SCOPES if m in ALWAYS else scopes)
            if (text := capacity.get(m, {}).get(kind, {}).get(s, ""))
        ),
    )


def preset_scopes(preset: str) -> tuple[str, ...]:
    """Return the scopes that a preset has texts for, widest first."""
    known = _known(preset).usage
    return tuple(s for s in SCOPES if all(s in texts for texts in known.values()))


def shard_matcher(label: str, values: Iterable[str], *, others: bool = False) -> str:
    """Return what stands for `$shard`: a matcher that takes these values of a label, and no other.

    Such as `,namespace=~"data|shop"`. The values are taken literally, whatever they hold.

    Args:
        label: The label.
        values: Its values.
        others: Take all values but these.
    """
    pattern = "|".join(_SPECIAL.sub(r"\\\1", value) for value in values)
    quoted = pattern.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f',{label}{"!~" if others else "=~"}"{quoted}"'


def metric_names(text: str) -> tuple[str, ...]:
    """Return the names of the metrics that a PromQL text selects with braces or a window."""
    return tuple(dict.fromkeys(_METRIC_NAME.findall(text)))


def _known(preset: str) -> Texts:
    if preset not in _TEXTS:
        raise UsageError(f"unknown preset {preset!r}; use one of {', '.join(PRESETS)}")
    return _TEXTS[preset]


def _labels(cluster_label: str, scope: str) -> tuple[str, ...]:
    return (*((cluster_label,) if cluster_label else ()), *SCOPE_LABELS[scope])


def _by_cluster(text: str, label: str) -> str:
    return text.replace(BY, f"{label}," if label else "")


def _checked_label(label: str) -> str:
    taken = {name for names in SCOPE_LABELS.values() for name in names}
    if label and (not _LABEL_NAME.fullmatch(label) or label in taken):
        raise UsageError(
            f"expected a cluster label such as cluster, got {label!r}; it is a Prometheus label "
            f"that every series carries, and none of {', '.join(sorted(taken))}"
        )
    return label


def _check_rates(given: Mapping[str, Mapping[str, str]]) -> None:
    for metric, texts in given.items():
        for scope, text in texts.items():
            counters = [name for name in metric_names(text) if name.endswith("_total")]
            if counters and not _RATED.search(text):
                raise BadInput(
                    f"usage.{metric}.{scope} reads the counter {counters[0]} as it is, which only "
                    f"ever grows; write rate({counters[0]}[$window])"
                )


def _check_scopes(
    usage: Mapping[str, Mapping[str, str]],
    known: Texts,
    *,
    preset: str,
    metrics: Collection[str],
    scopes: Collection[str],
) -> None:
    missing = [(m, s) for m in metrics for s in scopes if not usage.get(m, {}).get(s)]
    has = preset_scopes(preset)
    beyond = [s for s in scopes if s not in has and any(s == scope for _, scope in missing)]
    if beyond and all(m in known.usage and s in beyond for m, s in missing):
        raise UsageError(
            f"the preset {preset} has no text for {', '.join(beyond)}; it has {', '.join(has)}: "
            f"ask for --scopes {','.join(has)}, or take another preset"
        )
    if missing:
        raise BadInput(
            f"no PromQL text is known for {', '.join(f'{m} by {s}' for m, s in missing)}; give one "
            "under usage: in the queries file, or leave it out of the metrics or scopes"
        )


def _capacity_texts(known: Texts, given: Mapping[str, Any]) -> dict[str, dict[str, dict[str, str]]]:
    capacity = {
        metric: {kind: dict(texts) for kind, texts in kinds.items()}
        for metric, kinds in known.capacity.items()
    }
    for metric, kinds in _mapping(given.get("capacity", {}), "capacity").items():
        capacity[metric] = _merged(
            capacity.get(metric, {}),
            kinds,
            path=f"capacity.{metric}",
            leaves=_CAPACITY_SCOPES,
            keys=KINDS,
        )
    return capacity


def _fold(given: Mapping[str, Any]) -> Fold:
    fold = given.get("fold", "points")
    if fold not in get_args(Fold):
        raise BadInput(
            f"expected fold: {' or '.join(get_args(Fold))} in the queries file, got {fold!r}"
        )
    return cast("Fold", fold)


def _resets_of(
    metric: str, scope: str, resets: Mapping[str, Mapping[str, str]], given: Mapping[str, Any]
) -> str:
    """Return the counting text; one of ours does not speak for a usage text of the user's."""
    own_text = scope in given.get("usage", {}).get(metric, {})
    own_count = scope in given.get("resets", {}).get(metric, {})
    return resets.get(metric, {}).get(scope, "") if own_count or not own_text else ""


def _parse(overrides: bytes) -> dict[str, Any]:
    try:
        given = yaml.safe_load(overrides)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" near line {mark.line + 1}" if mark else ""
        raise BadInput(f"the queries file is no YAML{where}") from error
    mapping = _mapping(given or {}, "the queries file")
    unknown = sorted(set(mapping) - {"usage", "resets", "capacity", "fold"})
    if unknown:
        raise BadInput(
            f"the queries file has the keys {', '.join(unknown)}; expected usage, resets, "
            "capacity, fold"
        )
    return mapping


def _merged(
    known: Mapping[str, Mapping[str, str]],
    given: object,
    *,
    path: str,
    leaves: Collection[str],
    keys: Collection[str] | None = None,
) -> dict[str, dict[str, str]]:
    merged = {key: dict(texts) for key, texts in known.items()}
    for key, texts in _mapping(given, path).items():
        if keys is not None and key not in keys:
            raise BadInput(f"unknown key {path}.{key}; use some of {', '.join(keys)}")
        for leaf, text in _mapping(texts, f"{path}.{key}").items():
            if leaf not in leaves or not isinstance(text, str):
                raise BadInput(
                    f"expected a PromQL text under {path}.{key} for each of {', '.join(leaves)}, "
                    f"got {leaf}: {type(text).__name__}"
                )
            merged.setdefault(key, {})[leaf] = text.strip()
    return merged


def _mapping(value: object, path: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise BadInput(f"expected names and texts under {path}, got {type(value).__name__}")
    return value
