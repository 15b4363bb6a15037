"""Evaluate the part of PromQL that forecasts can answer."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import numpy as np
import promql_parser as ast

from foresail.bundle import Manifest
from foresail.times import isoformat
from foresail_serving.promql import spans
from foresail_serving.promql.check import OVER_TIME, bare, check
from foresail_serving.promql.errors import QueryError, bad_data
from foresail_serving.promql.operators import ARITHMETIC, arithmetic, comparison, nameless
from foresail_serving.promql.samples import Samples
from foresail_serving.promql.selector import NAME, Selector, selector_of
from foresail_serving.promql.table import Rows, SeriesTable
from foresail_serving.promql.values import IntArray, Scalar, Vector
from foresail_serving.settings import ServeSettings
from foresail_serving.snapshot import Snapshot

_HOUR = timedelta(hours=1)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of which forecasts, and when.

    Attributes:
        snapshot: What is served.
        table: Its series.
        hour: The present UTC hour.
        settings: The models that may still arrive.
        samples: What the whole question may evaluate.
        times: The steps, in milliseconds since 1970.
    """

    snapshot: Snapshot
    table: SeriesTable
    hour: datetime
    settings: ServeSettings
    samples: Samples
    times: IntArray

    def evaluate(self, expr: ast.Expr) -> Vector | Scalar:
        """Return the value of an expression at every step.

        Raises:
            QueryError: It is not among what forecasts can answer, it asks for too much at once, or
                there is no forecast to answer from.
        """
        check(expr)
        return self._value(expr)

    def _value(self, expr: ast.Expr) -> Vector | Scalar:
        expr = bare(expr)
        if isinstance(expr, ast.NumberLiteral):
            return Scalar(np.full(len(self.times), expr.val))
        if isinstance(expr, ast.VectorSelector):
            return self._selected(expr)
        if isinstance(expr, ast.Call):
            return self._over_time(expr)
        if isinstance(expr, ast.UnaryExpr):
            return arithmetic("-", Scalar(np.zeros(1)), self._value(expr.expr))
        if isinstance(expr, ast.AggregateExpr):
            return self._aggregated(expr)
        return self._combined(cast("ast.BinaryExpr", expr))  # all else has been refused

    def rows(self, selector: Selector) -> Rows:
        """Return the series that a selector means.

        Raises:
            QueryError: There is no forecast of them now, or too many values would be answered.
        """
        self._check_available(selector)
        rows = self.table.select([selector])
        self.samples.take(len(rows.series), len(self.times))
        self._check_current(rows)
        return rows

    def _selected(self, expr: ast.VectorSelector) -> Vector:
        times = self.times - _milliseconds(expr.offset)
        return spans.at(self.table, self.rows(selector_of(expr)), self.snapshot, times)

    def _over_time(self, expr: ast.Call) -> Vector:
        argument = cast("ast.MatrixSelector", bare(expr.args[0]))
        selector = argument.vector_selector
        ends = self.times - _milliseconds(selector.offset)
        starts = ends - _milliseconds(argument.range)
        rows = self.rows(selector_of(selector))
        hours = (int(ends[-1]) - int(starts[0])) // spans.HOUR + 1
        self.samples.look_at(len(rows.series) * min(hours, self._stored))
        found = spans.over(
            self.table,
            rows,
            self.snapshot,
            starts=starts,
            ends=ends,
            function=OVER_TIME[expr.func.name],
        )
        return nameless(found)

    @property
    def _stored(self) -> int:
        """Return the hours that the longest forecast holds."""
        return max(self._manifest(name).steps for name in self.snapshot.models)

    def _aggregated(self, expr: ast.AggregateExpr) -> Vector:
        operator = str(expr.op)
        inner = self._value(expr.expr)
        if isinstance(inner, Scalar):
            raise bad_data(f"expected series in {operator}, got a number")
        modifier = expr.modifier
        labels = inner.labels.keep(())
        if modifier is not None and modifier.type == ast.AggModifierType.By:
            labels = inner.labels.keep(modifier.labels)
        elif modifier is not None:
            labels = inner.labels.drop([*modifier.labels, NAME])
        groups, which = labels.groups()
        order = np.argsort(which, kind="stable")
        first = np.searchsorted(which[order], np.arange(len(groups.codes)))
        values, there = inner.values[order], inner.there[order]
        if not len(groups.codes):
            return Vector(groups, values, there)
        # NaN loses against every number, as in Prometheus
        choose = np.fmax if operator == "max" else np.fmin
        best = choose.reduceat(np.where(there, values, np.nan), first, axis=0)
        some = np.logical_or.reduceat(there, first, axis=0)
        return Vector(groups, best, some)

    def _combined(self, expr: ast.BinaryExpr) -> Vector | Scalar:
        operator = str(expr.op)
        left, right = self._value(expr.lhs), self._value(expr.rhs)
        if operator in ARITHMETIC:
            return arithmetic(operator, left, right)
        to_bool = expr.modifier is not None and expr.modifier.return_bool
        return comparison(operator, left, right, to_bool=to_bool)

    def _check_available(self, selector: Selector) -> None:
        """A scaler reads an empty answer as zero: where a forecast is missing, say so instead."""
        asked = {m.value for m in selector.matchers if m.name == "metric" and m.op == "="}
        late = [m for m in asked if f"foresail-{m}" in self.settings.models]
        if not self.snapshot.models:
            raise QueryError("unavailable", "no forecast has arrived yet; see /health")
        if late and late[0] not in self.snapshot.stats:
            raise QueryError("unavailable", f"no forecast of {late[0]} has arrived yet")

    def _check_current(self, rows: Rows) -> None:
        """As above, of series that are forecast for less long than the rest of their bundle too."""
        series = rows.series[self.table.hours[rows.series] > 0]
        hours, model = self.table.hours[series], self.table.model[series]
        names = self.table.models
        ends = [
            self._manifest(names[i]).trained_until + int(hours[model == i].max()) * _HOUR
            for i in np.unique(model)
        ] or [self._manifest(name).covers_until for name in self.snapshot.models]
        if max(ends) <= self.hour:
            raise QueryError(
                "unavailable",
                f"the last hour forecast ended at {isoformat(max(ends))}; train again",
            )

    def _manifest(self, model: str) -> Manifest:
        return self.snapshot.models[model].bundle.manifest


def _milliseconds(span: timedelta | None) -> int:
    return 0 if span is None else span // _MILLISECOND
