"""What of PromQL forecasts can answer, told from the query alone.

All else is refused with the reason, before anything is evaluated.
"""

from typing import get_args

import promql_parser as ast

from foresail_serving.promql import spans
from foresail_serving.promql.errors import bad_data
from foresail_serving.promql.operators import ARITHMETIC, COMPARISON
from foresail_serving.promql.selector import FORECAST

OVER_TIME = {f"{name}_over_time": name for name in get_args(spans.Over)}
_DEEPEST = 50
_SUMS = ("sum", "avg", "count", "stddev", "stdvar", "quantile")


def check(expr: ast.Expr, *, depth: int = 0) -> bool:
    """Return whether an expression means series; if not, it is a number.

    What passes has one selector at most: nothing joins series with series.

    Raises:
        QueryError: It is not among what forecasts can answer.
    """
    if depth > _DEEPEST:
        raise bad_data(f"expected a query of at most {_DEEPEST} levels")
    expr = bare(expr)
    if isinstance(expr, ast.NumberLiteral):
        return False
    if isinstance(expr, ast.VectorSelector):
        return True
    if isinstance(expr, ast.Call):
        return _check_call(expr)
    if isinstance(expr, ast.UnaryExpr):
        return check(expr.expr, depth=depth + 1)
    if isinstance(expr, ast.AggregateExpr):
        if str(expr.op) not in ("max", "min"):
            raise bad_data(_no_aggregate(str(expr.op)))
        return check(expr.expr, depth=depth + 1)
    if isinstance(expr, ast.BinaryExpr):
        return _check_pair(expr, depth)
    raise bad_data(_refusal(expr))


def bare(expr: ast.Expr) -> ast.Expr:
    """Return an expression without the parentheses around it."""
    while isinstance(expr, ast.ParenExpr):
        expr = expr.expr
    return expr


def _check_call(expr: ast.Call) -> bool:
    if expr.func.name not in OVER_TIME:
        known = ", ".join(OVER_TIME)
        raise bad_data(f"{expr.func.name} is not among the functions over forecasts: {known}")
    argument = bare(expr.args[0])
    if not isinstance(argument, ast.MatrixSelector):
        raise bad_data(_refusal(argument))
    return True


def _check_pair(expr: ast.BinaryExpr, depth: int) -> bool:
    operator = str(expr.op)
    left, right = check(expr.lhs, depth=depth + 1), check(expr.rhs, depth=depth + 1)
    if left and right:
        raise bad_data(
            f"{operator} between series is not supported: a quantile of a difference or of a "
            "ratio is not that of the quantiles; expected a number on one side"
        )
    if operator not in {**ARITHMETIC, **COMPARISON}:
        raise bad_data(f"{operator} is not supported")
    return left or right


def _no_aggregate(operator: str) -> str:
    if operator in _SUMS:
        return (
            f"{operator} over forecasts is refused: the p90 of a sum is not the sum of the p90s. "
            f"Clusters, nodes and namespaces have forecasts of their own: ask "
            f'{FORECAST}{{scope="namespace"}}, or use max or min'
        )
    return f"{operator} is not among the aggregations over forecasts: max, min"


def _refusal(expr: ast.Expr) -> str:
    if isinstance(expr, ast.MatrixSelector):
        known = ", ".join(OVER_TIME)
        return f"expected a range such as [1d] inside of {known}"
    if isinstance(expr, ast.SubqueryExpr):
        return "subqueries are not supported; a forecast has a value for every hour: use [1d]"
    if isinstance(expr, ast.StringLiteral):
        return "expected series or numbers, got a text"
    return f"expected series or numbers, got {type(expr).__name__}"
