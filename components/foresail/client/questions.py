"""What a client may ask, as types: the parameters of the server's pages, under their own names.

The one difference is `from`, which is a word of Python's and therefore `from_` here.
"""

from collections.abc import Mapping
from typing import Literal, TypedDict

Stat = Literal["mean", "max"]
Scope = Literal["cluster", "node", "namespace", "workload"]


class Labels(TypedDict, total=False):
    """Labels of a series."""

    cluster: str
    namespace: str
    workload: str
    node: str
    kind: str


class Shape(Labels, total=False):
    """In what rows and columns a forecast is wanted, beside the labels."""

    stat: Stat
    step: Literal["1h", "1d", "1w"]
    agg: Literal["mean", "peak"]
    quantiles: str
    tz: str
    from_: Literal["now", "calendar"]
    alias: Literal["champion", "challenger"]


class Question(Shape, total=False):
    """What one forecast is asked for: a series by its id or by labels, else the cluster's own."""

    series: str
    full_at: float


class ManyQuestion(Shape, total=False):
    """Which series to put into one frame; every filter narrows."""

    horizon: Literal["next_day", "next_week", "next_month"]
    metric: str
    scope: Scope
    match: str


class SeriesQuestion(Labels, total=False):
    """Which series to list; every filter narrows."""

    metric: str
    stat: Stat
    scope: Scope
    q: str


def parameters(asked: Mapping[str, object]) -> dict[str, str]:
    """Return a question as the parameters of a URL."""
    return {name.removesuffix("_"): str(value) for name, value in asked.items()}
