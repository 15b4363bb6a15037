"""Series ids and labels: the only place that makes an id, or reads one that came from a file."""

import re
from collections.abc import Mapping

from foresail.errors import UsageError
from foresail.panel import SCOPES

LABELS = ("cluster", "scope", "node", "namespace", "kind", "workload")
"""The label columns of a history, in order; those that do not apply are empty."""

SCOPE_LABELS = {
    "cluster": (),
    "node": ("node",),
    "namespace": ("namespace",),
    "workload": ("namespace", "kind", "workload"),
    "volume": ("namespace", "persistentvolumeclaim"),
}
"""What a series of each scope is named by, below its cluster.

A volume has a capacity and is never forecast, so it is none of `foresail.panel.SCOPES`.
"""

_ID = re.compile(
    r"(?P<cluster>[^/]+)/(?:(?P<total>cluster)|node/(?P<node>[^/]+)"
    r"|namespace/(?P<lone>[^/]+)"
    r"|workload/(?P<namespace>[^/]+)/(?P<kind>[^/]+)/(?P<workload>[^/]+))"
)


def series_id(scope: str, labels: Mapping[str, str], *, cluster: str) -> str:
    """Return the id, such as `prod/workload/shop/Deployment/web` or `prod/volume/shop/data-0`."""
    return "/".join([cluster, scope, *(labels[name] for name in SCOPE_LABELS[scope])])


def full_labels(scope: str, labels: Mapping[str, str], *, cluster: str) -> dict[str, str]:
    """Return all six labels of a series; those that do not apply are empty."""
    given = {name: labels[name] for name in SCOPE_LABELS[scope] if name in LABELS}
    return dict.fromkeys(LABELS, "") | {"cluster": cluster, "scope": scope} | given


def labels_of_import(series: str, *, cluster: str) -> dict[str, str]:
    """Return the labels of a series that came from a file without label columns.

    An id of our own form says what it is. Any other name is taken for a workload called so: it is
    one of many things in the cluster, and certainly not its total.
    """
    found = _ID.fullmatch(series)
    if found is None:
        return dict.fromkeys(LABELS, "") | {
            "cluster": cluster,
            "scope": "workload",
            "workload": series,
        }
    if found["total"]:
        return full_labels("cluster", {}, cluster=found["cluster"])
    if found["node"]:
        return full_labels("node", {"node": found["node"]}, cluster=found["cluster"])
    if found["lone"]:
        return full_labels("namespace", {"namespace": found["lone"]}, cluster=found["cluster"])
    return full_labels("workload", found.groupdict(), cluster=found["cluster"])


def checked_cluster(cluster: str) -> str:
    """Return the cluster's name unchanged.

    Raises:
        UsageError: It is empty or holds a slash, which separates the parts of an id.
    """
    if not cluster.strip() or "/" in cluster:
        raise UsageError(f"expected a cluster name without a slash, such as prod, got {cluster!r}")
    return cluster


def parse_names(text: str, *, what: str) -> tuple[str, ...]:
    """Return the names of a comma-separated list, each once, in the order given.

    Raises:
        UsageError: The list is empty.
    """
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise UsageError(f"no {what} given; expected a list such as cpu,memory")
    return names


def parse_scopes(text: str) -> tuple[str, ...]:
    """Return the scopes of a comma-separated list.

    Raises:
        UsageError: The list is empty or names an unknown scope.
    """
    names = parse_names(text, what="scope")
    for name in names:
        if name not in SCOPES:
            raise UsageError(f"unknown scope {name!r}; use some of {', '.join(SCOPES)}")
    return names
