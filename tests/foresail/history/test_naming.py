"""Ids and labels."""

import pytest

from foresail.errors import UsageError
from foresail.history.naming import (
    checked_cluster,
    full_labels,
    labels_of_import,
    parse_scopes,
    series_id,
)

CLAIM = {"namespace": "shop", "persistentvolumeclaim": "data-0"}


@pytest.mark.parametrize(
    ("scope", "labels", "name"),
    [
        ("cluster", {}, "prod/cluster"),
        ("node", {"node": "n1"}, "prod/node/n1"),
        ("namespace", {"namespace": "shop"}, "prod/namespace/shop"),
        (
            "workload",
            {"namespace": "shop", "kind": "Deployment", "workload": "web"},
            "prod/workload/shop/Deployment/web",
        ),
        ("volume", CLAIM, "prod/volume/shop/data-0"),
    ],
)
def test_an_id_says_scope_and_place(scope: str, labels: dict[str, str], name: str) -> None:
    """Each scope by its own labels, below the cluster."""
    assert series_id(scope, labels, cluster="prod") == name


def test_the_labels_of_a_volume_are_the_six() -> None:
    """Its claim stands in its id."""
    assert full_labels("volume", CLAIM, cluster="prod") == {
        "cluster": "prod",
        "scope": "volume",
        "node": "",
        "namespace": "shop",
        "kind": "",
        "workload": "",
    }


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        ("prod/cluster", {"cluster": "prod", "scope": "cluster"}),
        ("prod/node/n1", {"cluster": "prod", "scope": "node", "node": "n1"}),
        ("web", {"cluster": "here", "scope": "workload", "workload": "web"}),
    ],
)
def test_an_id_from_a_file_is_read(series: str, expected: dict[str, str]) -> None:
    """Any other name is one of many things in the cluster."""
    found = labels_of_import(series, cluster="here")
    assert {name: value for name, value in found.items() if value} == expected


def test_a_volume_is_no_scope_of_a_forecast() -> None:
    """It has a capacity only."""
    with pytest.raises(UsageError, match="unknown scope 'volume'; use some of cluster, node"):
        parse_scopes("node,volume")


@pytest.mark.parametrize("cluster", ["", " ", "eu/prod"])
def test_a_cluster_has_a_name_without_a_slash(cluster: str) -> None:
    """A slash separates the parts of an id."""
    with pytest.raises(UsageError, match="expected a cluster name without a slash"):
        checked_cluster(cluster)
