"""What to do about what an examination found, one sentence each."""

from collections.abc import Iterator

from foresail.history.doctor import MAX_INTERVAL_SECONDS, Examination, PresetCheck, ScopeCheck
from foresail.history.presets import COMMITTED_WITH
from foresail.history.promql import OWNER
from foresail.horizons import HORIZONS

_ABSENT = {
    "cadvisor": "scrape /metrics/cadvisor of every kubelet",
    "kube-prometheus": "load the recording rules of kubernetes-mixin, which kube-prometheus brings",
    "node-exporter": "run node-exporter on every node and scrape it",
    "openshift": "only OpenShift's own monitoring has them",
}
_STATE = ("kube_node_status_allocatable", "kube_pod_container_resource_requests")
_VOLUMES = "kubelet_volume_stats_used_bytes"
_MACHINES = ("cluster", "node")


def advice(found: Examination) -> tuple[str, ...]:
    """Return what to do, the most pressing first; nothing where all is well."""
    return tuple(
        dict.fromkeys(
            (
                *_of_server(found),
                *(text for check in found.presets for text in _of_preset(check, found)),
                *_of_best(found),
            )
        )
    )


def next_command(found: Examination, best: PresetCheck) -> str:
    """Return the command that stages all that a preset can, as far back as it answers."""
    days = int((found.at - best.since).total_seconds() // 86400) if best.since else 1
    cluster = f"--cluster-label {found.cluster_label}" if found.cluster_label else "--cluster NAME"
    scopes = ",".join(best.works_for)
    return (
        f"foresail stage {found.url} HISTORY_URI {cluster} --preset {best.name} "
        f"--scopes {scopes} --days {max(days, 1)}"
    )


def _of_server(found: Examination) -> Iterator[str]:
    if found.warnings:
        yield (
            f"Answers are partial ({'; '.join(found.warnings)[:200]}): repair that store, or stage "
            "with --allow-partial."
        )
    clusters = next((check.clusters for check in found.presets if check.clusters), ())
    if len(clusters) > 1:
        names = ", ".join(name or "none" for name in clusters[:5])
        yield (
            f"The label cluster has {len(clusters)} values ({names}): pass --cluster-label "
            "cluster, or they are summed as one."
        )


def _of_preset(check: PresetCheck, found: Examination) -> Iterator[str]:
    if not check.present:
        yield f"{check.name}: its metrics are not there; {_ABSENT[check.name]}."
        return
    broken = [scope for scope in check.scopes if not scope.works]
    yield from dict.fromkeys(f"{check.name}: {s.problem}." for s in broken if s.problem)
    yield from _unlabelled(check, broken, found.cluster_label)
    yield from _empty(check, [s for s in broken if not s.unlabelled and not s.problem])
    if check.interval_seconds is not None and not check.often_enough:
        yield (
            f"{check.name}: samples come every {check.interval_seconds:.0f} s; scrape every "
            f"{MAX_INTERVAL_SECONDS} s at least, or no hour is whole."
        )
    if check.copies > 1:
        yield (
            f"{check.name}: every series is there {check.copies} times, and sums count each: "
            "remove the second scrape job, or ask where replicas are deduplicated."
        )


def _unlabelled(check: PresetCheck, broken: list[ScopeCheck], cluster_label: str) -> Iterator[str]:
    lacking = [scope for scope in broken if scope.unlabelled]
    if not lacking:
        return
    if cluster_label and cluster_label not in check.labels:
        label = cluster_label
    else:
        label = lacking[0].scope
    shown = ", ".join(check.labels) or "none"
    yield (
        f"{check.name}: {lacking[0].unlabelled} series by {lacking[0].scope} have no label {label} "
        f"(one has {shown}): set it when scraping, or give texts by another label (--queries)."
    )


def _empty(check: PresetCheck, broken: list[ScopeCheck]) -> Iterator[str]:
    scopes = {scope.scope for scope in broken}
    if check.name == "cadvisor" and scopes >= set(_MACHINES) and "namespace" in check.works_for:
        scopes -= set(_MACHINES)
        yield (
            'cadvisor: no series has id="/", the sum of a node, which kube-prometheus-stack drops: '
            "take --preset kube-prometheus or node-exporter, or keep them when scraping."
        )
    if "workload" in scopes and OWNER in check.missing:
        scopes.discard("workload")
        yield (
            f"{check.name}: no metric {OWNER}, so no workloads: run kube-state-metrics and scrape "
            "it, or leave the scope out."
        )
    if scopes:
        missing = [name for name in check.missing if not name.startswith(("kube_", "kubelet_"))]
        why = f"no metric {', '.join(missing)}" if missing else "its metrics lack the labels"
        names = ", ".join(s.scope for s in broken if s.scope in scopes)
        yield f"{check.name}: nothing by {names} ({why}); take another preset, or give own texts."


def _of_best(found: Examination) -> Iterator[str]:
    best = found.best
    if best is None:
        return
    days = (found.at - best.since).total_seconds() / 86400 if best.since else 0.0
    short = [h for h in HORIZONS if days * 24 < h.min_history_hours]
    if short:
        needs = ", ".join(f"{h.name} {h.min_history_hours // 24}" for h in short)
        yield (
            f"There are {days:.1f} days of history, too few for some horizons ({needs}): stage "
            "every day from now on, and nothing is forgotten."
        )
    absent = [name for name in _STATE if name in best.missing]
    if absent:
        yield (
            f"No metric {', '.join(absent)}, so nothing says what is committed or can be "
            f"allocated of {' and '.join(COMMITTED_WITH)}: run kube-state-metrics and scrape it."
        )
    if _VOLUMES in best.missing:
        yield (
            f"No metric {_VOLUMES}, so nothing says how full volumes are: scrape /metrics of every "
            "kubelet, unless there are no volumes."
        )
