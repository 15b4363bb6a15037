"""Which number a forecast must stay under."""

import pytest

from foresail.capacity import Ceiling, NoCeiling, ceiling_of

ALL = {"allocatable": 48.0, "request": 30.0, "limit": 60.0}


@pytest.mark.parametrize("scope", ["cluster", "node"])
def test_nodes_are_held_to_allocatable(scope: str) -> None:
    """A cluster or a node can give what is allocatable, whatever the limits add up to."""
    assert ceiling_of(ALL, scope=scope) == Ceiling("allocatable", 48.0)


@pytest.mark.parametrize("scope", ["namespace", "workload", ""])
def test_everything_else_is_held_to_its_limit(scope: str) -> None:
    """Containers are stopped at their limit, not at the node's size."""
    assert ceiling_of(ALL, scope=scope) == Ceiling("limit", 60.0)


def test_a_node_without_allocatable_has_no_ceiling() -> None:
    """Limits may add up to more than the node: they are no ceiling for it."""
    assert ceiling_of({"limit": 60.0}, scope="node") == NoCeiling(
        "no-capacity", "no allocatable is known for this node"
    )


def test_a_request_is_never_a_ceiling() -> None:
    """Usage above the request is allowed for as long as the node has room."""
    assert ceiling_of({"request": 2.0}, scope="workload") == NoCeiling(
        "no-capacity", "no limit is known for this workload"
    )


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_ceiling_is_a_positive_number(value: float) -> None:
    """A limit of zero means "none" in Kubernetes; nothing is measured against it."""
    assert isinstance(ceiling_of({"limit": value}, scope="workload"), NoCeiling)
