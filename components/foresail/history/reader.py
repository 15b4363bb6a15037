"""PromQL range queries: in pieces that a server accepts, parsed by us, onto one regular grid."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from foresail.errors import BadInput, ForesailError
from foresail.history.connection import Answer, Connection, TooManySamples
from foresail.history.presets import metric_names
from foresail.panel import FloatArray

POINTS_PER_QUERY = 2016
"""A week at 5 minutes, in whole hours. Prometheus refuses more than 11,000 points a series."""

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Span:
    """A regular grid of instants: `start`, `start + step`, ... `points` of them; Unix seconds."""

    start: int
    step: int
    points: int

    @property
    def end(self) -> int:
        """The last instant; range queries return both ends."""
        return self.start + self.step * (self.points - 1)

    def pieces(self, points: int) -> Iterator["Span"]:
        """Yield it in pieces of at most so many points; none shares an instant with the next."""
        for first in range(0, self.points, points):
            yield Span(self.start + first * self.step, self.step, min(points, self.points - first))

    def halves(self) -> tuple["Span", "Span"]:
        """Return it in two."""
        left = self.points // 2
        return (
            Span(self.start, self.step, left),
            Span(self.start + left * self.step, self.step, self.points - left),
        )


@dataclass(frozen=True, slots=True)
class Grid:
    """Series on one span.

    Attributes:
        labels: Of each series, those asked for, in order of the names.
        values: Shape `(N, points)`; NaN is a gap.
        warnings: What the server said of partial answers, each once.
    """

    labels: tuple[Labels, ...]
    values: FloatArray
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class _Rows:
    """Collects points of one span while its pieces come in."""

    span: Span
    by_labels: dict[Labels, FloatArray] = field(default_factory=dict)
    warnings: dict[str, None] = field(default_factory=dict)

    def row(self, labels: Labels) -> FloatArray:
        if labels not in self.by_labels:
            self.by_labels[labels] = np.full(self.span.points, np.nan)
        return self.by_labels[labels]

    def grid(self) -> Grid:
        labels = tuple(sorted(self.by_labels))
        values = (
            np.stack([self.by_labels[key] for key in labels])
            if labels
            else np.empty((0, self.span.points))
        )
        return Grid(labels, values, tuple(self.warnings))


class RangeReader:
    """Reads range queries from one Prometheus."""

    def __init__(
        self,
        connection: Connection,
        *,
        allow_partial: bool = False,
        points_per_query: int = POINTS_PER_QUERY,
    ) -> None:
        self._connection = connection
        self._allow_partial = allow_partial
        self._points = points_per_query

    def read(self, text: str, span: Span, *, names: tuple[str, ...], what: str) -> Grid:
        """Return all series of a query on the span; an empty answer is an empty grid.

        Args:
            text: PromQL.
            span: When to evaluate it.
            names: The labels that tell its series apart.
            what: The preset's name, for messages.

        Raises:
            BadInput: The query or its answer cannot be used, or the answer is partial and that is
                not allowed.
            Unreachable: As `Connection.get`; AccessDenied and NotFound likewise.
        """
        rows = _Rows(span)
        waiting = list(span.pieces(self._points))
        while waiting:
            piece = waiting.pop(0)
            try:
                answer = self._ask(text, piece, what=what)
            except TooManySamples:
                if piece.points == 1:
                    raise
                waiting[:0] = piece.halves()
                continue
            self._take(rows, answer, names=names, what=what)
        return rows.grid()

    def explain_empty(self, text: str, span: Span, *, what: str) -> str:
        """Return one sentence on why a query found nothing: an unknown metric, or no data."""
        unknown = []
        for name in metric_names(text):
            params = {
                "match[]": f'{{__name__="{name}"}}',
                "start": str(span.start),
                "end": str(span.end),
            }
            try:
                answer = self._connection.get("/api/v1/label/__name__/values", params, what=what)
            except ForesailError:  # it only helps to explain; the query itself was answered
                break
            if not answer.data:
                unknown.append(name)
        if unknown:
            return (
                f"{what} found nothing: {self._connection.url} has no metric {', '.join(unknown)} "
                "in this time; check what it scrapes, or override the preset"
            )
        return (
            f"{what} found nothing at {self._connection.url} in this time although its metrics are "
            "there; check the labels the preset selects by, or override it"
        )

    def _ask(self, text: str, span: Span, *, what: str) -> Answer:
        params = {
            "query": text,
            "start": str(span.start),
            "end": str(span.end),
            "step": str(span.step),
        }
        answer = self._connection.get("/api/v1/query_range", params, what=what)
        if answer.warnings and not self._allow_partial:
            raise BadInput(
                f"the answer to {what} is partial ({'; '.join(answer.warnings)[:300]}); repair "
                "the source, or allow partial answers"
            )
        return answer

    def _take(self, rows: _Rows, answer: Answer, *, names: tuple[str, ...], what: str) -> None:
        rows.warnings |= dict.fromkeys(answer.warnings)
        seen: set[Labels] = set()
        for series in _matrix(answer.data, what=what):
            labels = _labels(series, names, what=what)
            if labels in seen:
                shown = ", ".join(f"{name}={value}" for name, value in labels) or "the total"
                raise BadInput(
                    f"{what} returns more than one series for {shown}; aggregate it by "
                    f"({', '.join(names)})"
                )
            seen.add(labels)
            _place(rows.row(labels), series, rows.span, what=what)


def _matrix(data: Any, *, what: str) -> list[dict[str, Any]]:  # noqa: ANN401  # parsed JSON
    if not isinstance(data, dict) or data.get("resultType") != "matrix":
        raise BadInput(f"expected a matrix for {what}, got {_kind(data)}")
    result = data.get("result")
    if not isinstance(result, list) or not all(isinstance(s, dict) for s in result):
        raise BadInput(f"expected a list of series for {what}, got {_kind(result)}")
    return result


def _labels(series: Mapping[str, Any], names: tuple[str, ...], *, what: str) -> Labels:
    found = series.get("metric") or {}
    missing = [name for name in names if not found.get(name)]
    if missing:
        raise BadInput(
            f"{what} returns a series without the label {', '.join(missing)}; override it with a "
            f"text that sums by ({', '.join(names)})"
        )
    return tuple((name, str(found[name])) for name in names)


def _place(row: FloatArray, series: Mapping[str, Any], span: Span, *, what: str) -> None:
    """Write a series' points into its row; sorts, and takes each instant once."""
    points = series.get("values")
    if not points:  # a native histogram has no plain values
        raise BadInput(f"{what} returns a series without plain numbers; override its PromQL text")
    try:
        stamps = np.array([point[0] for point in points], dtype=np.float64)
        values = np.array([point[1] for point in points], dtype=np.float64)  # "NaN", "+Inf" too
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise BadInput(f"the answer to {what} holds a point that is no number") from error
    steps = np.rint((stamps - span.start) / span.step).astype(np.int64)
    off_grid = np.abs(span.start + steps * span.step - stamps) > 0.001 * span.step
    if off_grid.any() or steps.min() < 0 or steps.max() >= span.points:
        raise BadInput(f"the answer to {what} holds instants that were not asked for")
    row[steps] = values


def _kind(value: object) -> str:
    if isinstance(value, dict):
        return str(value.get("resultType", "another object"))[:40]
    return type(value).__name__
