"""Which PromQL text answers for which metric and scope; a YAML file can override each.

```yaml
usage:
  cpu:
    node: sum by (node) (rate(container_cpu_usage_seconds_total{id="/"}[$window]))
resets:
  cpu:
    node: sum(resets(container_cpu_usage_seconds_total{id="/"}[1h]))
capacity:
  memory:
    allocatable:
      node: sum by (node) (kube_node_status_allocatable{resource="memory"})
    limit:
      cluster: ""        # an empty text: do not ask
```
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from foresail.errors import BadInput
from foresail.history.promql import CAPACITY, RESETS, USAGE
from foresail.panel import SCOPES

WINDOW = "$window"
KINDS = ("allocatable", "request", "limit")

_METRIC_NAME = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*[{\[]")


@dataclass(frozen=True, slots=True)
class UsagePreset:
    """How one metric is measured in one scope.

    Attributes:
        metric: Such as `cpu`.
        scope: cluster, node, namespace or workload.
        text: PromQL that returns one series for each node, namespace or workload, by those labels.
        resets: PromQL that counts the counter resets of an hour, or empty where nobody counts.
    """

    metric: str
    scope: str
    text: str
    resets: str = ""

    @property
    def name(self) -> str:
        """Return how messages and the manifest call it."""
        return f"usage.{self.metric}.{self.scope}"

    @property
    def is_counter(self) -> bool:
        """Say whether the text wants a window, that is, rates a counter."""
        return WINDOW in self.text

    def over(self, window: str) -> str:
        """Return the text with its window filled in."""
        return self.text.replace(WINDOW, window)


@dataclass(frozen=True, slots=True)
class CapacityPreset:
    """How one kind of capacity is read in one scope; the attributes are as in `UsagePreset`."""

    metric: str
    kind: str
    scope: str
    text: str

    @property
    def name(self) -> str:
        """Return how messages and the manifest call it."""
        return f"capacity.{self.metric}.{self.kind}.{self.scope}"


@dataclass(frozen=True, slots=True)
class Presets:
    """All texts that one staging run asks for."""

    usage: tuple[UsagePreset, ...]
    capacity: tuple[CapacityPreset, ...]


def choose_presets(
    *, metrics: Collection[str], scopes: Collection[str], overrides: bytes = b""
) -> Presets:
    """Return the texts for these metrics and scopes.

    Args:
        metrics: Names; beyond cpu and memory, those that the overrides define.
        scopes: Some of the four.
        overrides: The YAML file, or nothing.

    Raises:
        BadInput: The YAML has another shape, or no text is known for a metric and scope.
    """
    given = _parse(overrides)
    usage = _merged(USAGE, given.get("usage", {}), path="usage", leaves=SCOPES)
    resets = _merged(
        {m: dict(by) for m, by in RESETS.items()},
        given.get("resets", {}),
        path="resets",
        leaves=SCOPES,
    )
    overridden = given.get("usage", {})
    capacity = {metric: dict(kinds) for metric, kinds in CAPACITY.items()}
    for metric, kinds in _mapping(given.get("capacity", {}), "capacity").items():
        capacity[metric] = _merged(
            capacity.get(metric, {}), kinds, path=f"capacity.{metric}", leaves=SCOPES, keys=KINDS
        )
    missing = [f"{m} by {s}" for m in metrics for s in scopes if not usage.get(m, {}).get(s)]
    if missing:
        raise BadInput(
            f"no PromQL text is known for {', '.join(missing)}; give one under usage: in the "
            "queries file, or leave it out of the metrics or scopes"
        )
    return Presets(
        usage=tuple(
            UsagePreset(m, s, usage[m][s], _resets_of(m, s, resets, overridden, given))
            for m in metrics
            for s in scopes
        ),
        capacity=tuple(
            CapacityPreset(m, kind, s, text)
            for m in metrics
            for kind in KINDS
            for s in scopes
            if (text := capacity.get(m, {}).get(kind, {}).get(s, ""))
        ),
    )


def metric_names(text: str) -> tuple[str, ...]:
    """Return the names of the metrics that a PromQL text selects with braces or a window."""
    return tuple(dict.fromkeys(_METRIC_NAME.findall(text)))


def _resets_of(
    metric: str,
    scope: str,
    resets: Mapping[str, Mapping[str, str]],
    overridden: Mapping[str, Any],
    given: Mapping[str, Any],
) -> str:
    """Return the counting text; one of ours does not speak for a usage text of the user's."""
    own_text = scope in overridden.get(metric, {})
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
    unknown = sorted(set(mapping) - {"usage", "resets", "capacity"})
    if unknown:
        raise BadInput(
            f"the queries file has the keys {', '.join(unknown)}; expected usage, resets, capacity"
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
