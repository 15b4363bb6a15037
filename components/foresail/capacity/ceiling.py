"""Which number a forecast must stay under."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

CeilingKind = Literal["allocatable", "limit"]

_NODE_SCOPES = ("cluster", "node")


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The number a forecast must stay under.

    Attributes:
        kind: `allocatable` (what the nodes can give) or `limit` (what the containers may take).
        value: In the unit of the metric, greater than zero.
    """

    kind: CeilingKind
    value: float


@dataclass(frozen=True, slots=True)
class NoCeiling:
    """There is no such number.

    Attributes:
        code: `no-capacity`.
        reason: One sentence that says which figure is missing.
    """

    code: Literal["no-capacity"]
    reason: str


def ceiling_of(capacity: Mapping[str, float], *, scope: str) -> Ceiling | NoCeiling:
    """Return the ceiling of a series: allocatable for clusters and nodes, else its limit.

    A request is never a ceiling: usage may lie above it for as long as the node has room.

    Args:
        capacity: Latest `allocatable`, `request`, `limit`, in the unit of the metric; those known.
        scope: `cluster`, `node`, `namespace`, `workload`, or empty where there is none.
    """
    kind: CeilingKind = "allocatable" if scope in _NODE_SCOPES else "limit"
    value = capacity.get(kind, 0.0)
    if math.isfinite(value) and value > 0:
        return Ceiling(kind, float(value))
    return NoCeiling("no-capacity", f"no {kind} is known for this {scope or 'series'}")
