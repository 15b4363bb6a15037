"""Operators between series and numbers; what computes drops the name of the metric."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from foresail_serving.promql.selector import NAME
from foresail_serving.promql.values import Scalar, Vector

ARITHMETIC: Mapping[str, Callable[..., Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,  # the sign of the left side, as in Prometheus
    "^": np.power,
}
COMPARISON: Mapping[str, Callable[..., Any]] = {
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
}


def nameless(vector: Vector) -> Vector:
    """Return series without the name of their metric."""
    return Vector(vector.labels.drop([NAME]), vector.values, vector.there)


def arithmetic(operator: str, left: Vector | Scalar, right: Vector | Scalar) -> Vector | Scalar:
    """Return what an operator of `ARITHMETIC` computes; one side at least is a number."""
    with np.errstate(all="ignore"):  # x / 0 is an answer in PromQL
        values = ARITHMETIC[operator](left.values, right.values)
    vector = left if isinstance(left, Vector) else right
    if isinstance(vector, Scalar):
        return Scalar(values)
    return nameless(Vector(vector.labels, values, vector.there))


def comparison(
    operator: str, left: Vector | Scalar, right: Vector | Scalar, *, to_bool: bool
) -> Vector | Scalar:
    """Return what an operator of `COMPARISON` leaves; one side at least is a number.

    Args:
        operator: One of them.
        left: What is compared.
        right: What it is compared with.
        to_bool: Whether all series stay, as 0 or 1.
    """
    holds = COMPARISON[operator](left.values, right.values)
    vector = left if isinstance(left, Vector) else right
    if isinstance(vector, Scalar):
        return Scalar(holds.astype(np.float64))
    if to_bool:
        return nameless(Vector(vector.labels, holds.astype(np.float64), vector.there))
    return Vector(vector.labels, vector.values, vector.there & holds)
