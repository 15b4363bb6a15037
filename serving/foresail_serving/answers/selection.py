"""From a query to its series: exactly one, or all that pass its filters; else to a problem."""

from collections.abc import Collection, Sequence

from foresail_serving.answers.queries import Alias, Filters, ForecastQuery, Stat
from foresail_serving.problems import ProblemError
from foresail_serving.snapshot import Found, Snapshot

_MOST_CHOICES = 20
_SPECIFIC_FIRST = ("workload", "namespace", "node", "cluster")


def select(snapshot: Snapshot, query: ForecastQuery, *, expected: Collection[str]) -> Found:
    """Return the one series that a query means.

    Labels name exactly one scope, that of the most specific label given: `namespace=shop` is the
    namespace's own series. Without a label it is the cluster's.

    Args:
        snapshot: What is served under the alias of the query.
        query: What is asked.
        expected: Registered models that may still arrive, so that their metric is not unknown.

    Raises:
        ProblemError: No series fits, or more than one does.
    """
    check_metric(snapshot, query.metric, alias=query.alias, expected=expected)
    if query.series is not None:
        return _by_id(snapshot, query, query.series)
    labels = query.labels
    _check_labels(labels)
    scope = next((s for s in _SPECIFIC_FIRST if s in labels), "cluster")
    key = (query.metric, query.stat, scope, labels.get(scope, ""))
    found = [
        item
        for item in snapshot.by_label.get(key, ())
        if all(item.entry.labels.get(name) == value for name, value in labels.items())
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise _ambiguous(found, scope)
    raise _unknown(snapshot, query)


def check_metric(
    snapshot: Snapshot, metric: str | None, *, alias: Alias, expected: Collection[str]
) -> None:
    """Raise the problem of a metric that is not forecast, or not yet.

    Args:
        snapshot: What is served under the alias.
        metric: The one that is asked for; None for any.
        alias: Whose forecast is asked for.
        expected: As in `select`.

    Raises:
        ProblemError: It is not there.
    """
    if metric in snapshot.stats or (metric is None and snapshot.models):
        return
    of_it = "" if metric is None else f" of {metric[:100]}"
    if alias == "challenger":
        raise ProblemError(
            "no-challenger", f"no model{of_it} waits to follow the one in use; leave alias out"
        )
    if metric is None or not snapshot.models or f"foresail-{metric}" in expected:
        raise ProblemError(
            "no-forecast", f"no forecast{of_it} has arrived yet; /health says what sync sees"
        )
    raise ProblemError(
        "unknown-metric",
        f"expected a metric that is forecast, got {metric[:100]!r}",
        choices=list(snapshot.stats),
    )


def matching(snapshot: Snapshot, filters: Filters, *, stat: Stat | None) -> list[Found]:
    """Return the series that pass every filter, ordered by id, metric and stat.

    Args:
        snapshot: What is served.
        filters: Their metric and labels.
        stat: Their stat; None for any.
    """
    labels = filters.labels
    return [
        item
        for item in snapshot.series
        if filters.metric in (None, item.entry.metric)
        and stat in (None, item.entry.stat)
        and all(item.entry.labels.get(name) == value for name, value in labels.items())
    ]


def _by_id(snapshot: Snapshot, query: ForecastQuery, series: str) -> Found:
    if query.labels:
        given = ", ".join(query.labels)
        raise ProblemError("bad-request", f"expected series or labels, got series and {given}")
    found = snapshot.by_id.get((series, query.metric, query.stat))
    if found is None:
        raise _unknown(snapshot, query)
    return found


def _check_labels(labels: Collection[str]) -> None:
    if "node" in labels and {"namespace", "workload", "kind"} & set(labels):
        raise ProblemError(
            "bad-request", "a node's series has no namespace, workload or kind; give node alone"
        )
    if "kind" in labels and "workload" not in labels:
        raise ProblemError("bad-request", "kind narrows a workload; give workload as well")


def _ambiguous(found: Sequence[Found], scope: str) -> ProblemError:
    clusters = sorted({f.entry.labels.get("cluster", "") for f in found})
    if len(clusters) > 1:
        detail = f"{len(clusters)} clusters have this {scope}; add cluster= with one of them"
        return ProblemError("ambiguous-series", detail, choices=clusters[:_MOST_CHOICES])
    choices = [f.entry.series for f in found[:_MOST_CHOICES]]
    detail = f"{len(found)} series fit; add labels, or series= with the id of one of them"
    return ProblemError("ambiguous-series", detail, choices=choices)


def _unknown(snapshot: Snapshot, query: ForecastQuery) -> ProblemError:
    asked = query.series or ", ".join(f"{k}={v}" for k, v in query.labels.items()) or "the cluster"
    stats = snapshot.stats[query.metric]
    if query.stat not in stats:
        detail = f"{query.metric} is not forecast as stat={query.stat}"
        return ProblemError("unknown-series", detail, choices=list(stats))
    detail = (
        f"no {query.metric} series for {asked[:200]} (stat={query.stat}); /v1/series lists them all"
    )
    return ProblemError("unknown-series", detail)
