"""PromQL range queries: in pieces that a server accepts, parsed by us, onto one regular grid."""

import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from foresail.errors import BadInput, ForesailError
from foresail.history.connection import Answer, Connection, TooManySamples
from foresail.history.presets import metric_names
from foresail.panel import FloatArray

BUDGET = 250_000
"""Points of one answer: some 8 MB of JSON, and a second or less of a server's work."""

POINTS_PER_QUERY = 10_000
"""Prometheus refuses more than 11,000 points a series."""

MAX_LABEL_BYTES = 1024
"""A label value beyond it is no name; Kubernetes allows a quarter of it."""

_TOLERANCE = 0.001
"""Of a step: servers count in milliseconds."""

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
        """Yield it in as few pieces of at most so many points, all of about the same length.

        None shares an instant with the next.
        """
        if not self.points:
            return
        size = -(-self.points // -(-self.points // points))
        for first in range(0, self.points, size):
            yield Span(self.start + first * self.step, self.step, min(size, self.points - first))


@dataclass(frozen=True, slots=True)
class Grid:
    """Series on one span.

    Attributes:
        labels: Of each series, those asked for, in order of the names.
        values: Shape `(N, points)`; NaN is a gap.
        warnings: What the server said of partial answers, each once.
        duplicates: Series -> how many of its instants came again with the same value.
    """

    labels: tuple[Labels, ...]
    values: FloatArray
    warnings: tuple[str, ...] = ()
    duplicates: Mapping[Labels, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Points:
    """The points of one series as they came.

    Attributes:
        stamps: Shape `(n,)`, Unix seconds.
        values: Shape `(n,)`.
    """

    stamps: FloatArray
    values: FloatArray


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of the span, asked of one of the texts."""

    shard: int
    text: str
    span: Span


class RangeReader:
    """Reads range queries from one Prometheus."""

    def __init__(
        self, connection: Connection, *, allow_partial: bool = False, budget: int = BUDGET
    ) -> None:
        """Read from a connection.

        Args:
            connection: Its throttle says how many pieces are asked for at a time.
            allow_partial: Take answers that come with warnings.
            budget: Points that one answer should not exceed.
        """
        self._connection = connection
        self._allow_partial = allow_partial
        self._budget = budget

    def read(
        self,
        texts: Sequence[str],
        span: Span,
        *,
        names: tuple[str, ...],
        what: str,
        series: int = 1,
    ) -> Grid:
        """Return all series of a query on the span; an empty answer is an empty grid.

        The result does not depend on how the span is cut, nor on the order of the answers.

        Args:
            texts: PromQL; shards of one query, none of which shares a series with another.
            span: When to evaluate it.
            names: The labels that tell its series apart.
            what: The preset's name, for messages.
            series: About how many series all texts find together. If they are more, the first
                answers show it, and what follows is cut finer.

        Raises:
            BadInput: The query or its answer cannot be used, or the answer is partial and that is
                not allowed.
            Unreachable: As `Connection.get`; AccessDenied and NotFound likewise.
        """
        expected = -(-series // max(len(texts), 1))
        reading = _Reading(
            self._connection,
            _Rows(span, names, what),
            budget=self._budget,
            allow_partial=self._allow_partial,
        )
        reading.expect(expected)
        pieces = [
            _Piece(shard, text, part)
            for part in span.pieces(reading.points)  # by time first: neighbours share the blocks
            for shard, text in enumerate(texts)
        ]
        self._connection.throttle.map(reading.take, pieces)
        return reading.rows.grid()

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


class _Reading:
    """One call of `read`; its methods run in several threads."""

    def __init__(
        self, connection: Connection, rows: "_Rows", *, budget: int, allow_partial: bool
    ) -> None:
        self.rows = rows
        self.points = POINTS_PER_QUERY
        self._connection = connection
        self._budget = budget
        self._allow_partial = allow_partial
        self._hook = partial(_packed, what=rows.what)

    def expect(self, series: int) -> None:
        """Cut so that answers of so many series keep the budget."""
        self.shorten(self._budget // max(series, 1))

    def shorten(self, points: int) -> None:
        """Ask for at most so many points from now on, though never for less than one."""
        self.points = min(self.points, max(points, 1))

    def take(self, piece: _Piece) -> None:
        """Ask for one piece, in shorter ones where it proves too large, and place its points."""
        waiting = deque([piece.span])
        while waiting:
            span = waiting.popleft()
            if span.points > self.points:
                waiting.extendleft(reversed(list(span.pieces(self.points))))
                continue
            try:
                answer = self._ask(piece.text, span)
            except TooManySamples:
                if span.points == 1:
                    raise
                self.shorten((span.points + 1) // 2)
                waiting.appendleft(span)
                continue
            found = _matrix(answer.data, what=self.rows.what)
            self.rows.place(found, answer.warnings, span, shard=piece.shard)
            self.expect(len(found))

    def _ask(self, text: str, span: Span) -> Answer:
        params = {
            "query": text,
            "start": str(span.start),
            "end": str(span.end),
            "step": str(span.step),
        }
        answer = self._connection.get(
            "/api/v1/query_range",
            params,
            what=self.rows.what,
            alike=(span.step, span.points),
            hook=self._hook,
        )
        if answer.warnings and not self._allow_partial:
            raise BadInput(
                f"the answer to {self.rows.what} is partial ({'; '.join(answer.warnings)[:300]}); "
                "repair the source, or allow partial answers"
            )
        return answer


class _Rows:
    """Collects the points of one span while its pieces come in, in any order."""

    def __init__(self, span: Span, names: tuple[str, ...], what: str) -> None:
        self.what = what
        self._span = span
        self._names = names
        self._lock = threading.Lock()
        self._by_labels: dict[Labels, FloatArray] = {}
        self._shards: dict[Labels, int] = {}
        self._duplicates: dict[Labels, int] = {}
        self._warnings: set[str] = set()

    def place(
        self,
        found: list[dict[str, Any]],
        warnings: tuple[str, ...],
        span: Span,
        *,
        shard: int,
    ) -> None:
        """Write what one piece brought.

        Args:
            found: Its series.
            warnings: What came with them.
            span: The piece.
            shard: Which of the texts found them.

        Raises:
            BadInput: A series cannot be used, or comes twice.
        """
        seen: set[Labels] = set()
        for series in found:
            labels = _labels(series, self._names, what=self.what)
            steps, values, repeated = self._points(series, labels, span)
            with self._lock:
                if labels in seen or self._shards.setdefault(labels, shard) != shard:
                    raise BadInput(
                        f"{self.what} returns more than one series for {_shown(labels)}; "
                        f"aggregate it by ({', '.join(self._names)})"
                    )
                row = self._row(labels)
                row[(span.start - self._span.start) // span.step + steps] = values
                if repeated:
                    self._duplicates[labels] = self._duplicates.get(labels, 0) + repeated
            seen.add(labels)
        with self._lock:
            self._warnings.update(warnings)

    def grid(self) -> Grid:
        """Return all of it, once."""
        labels = tuple(sorted(self._by_labels))
        values = np.empty((len(labels), self._span.points))
        for i, key in enumerate(labels):
            values[i] = self._by_labels.pop(key)  # so that it is not all there twice
        duplicates = {key: self._duplicates[key] for key in labels if key in self._duplicates}
        return Grid(labels, values, tuple(sorted(self._warnings)), duplicates)

    def _row(self, labels: Labels) -> FloatArray:
        if labels not in self._by_labels:
            self._by_labels[labels] = np.full(self._span.points, np.nan)
        return self._by_labels[labels]

    def _points(
        self, series: Mapping[str, Any], labels: Labels, span: Span
    ) -> tuple[FloatArray, FloatArray, int]:
        """Return each instant once, as its place in the piece, with how many came again."""
        points = series.get("values")
        if not isinstance(points, _Points) or series.get("histograms"):
            raise BadInput(
                f"{self.what} returns {_shown(labels)} without plain numbers (a native histogram "
                "has none); override its PromQL text"
            )
        exact = (points.stamps - span.start) / span.step
        steps = np.rint(exact)
        with np.errstate(invalid="ignore"):
            on_grid = np.abs(exact - steps) <= _TOLERANCE  # false for infinity too
        if not (on_grid & (steps >= 0) & (steps < span.points)).all():
            raise BadInput(f"the answer to {self.what} holds instants that were not asked for")
        steps = steps.astype(np.intp)
        if (np.diff(steps) > 0).all():
            return steps, points.values, 0
        order = np.argsort(steps, kind="stable")
        steps, values = steps[order], points.values[order]
        again = np.diff(steps) == 0
        same = (values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))
        if (again & ~same).any():
            at = span.start + span.step * int(steps[1:][again & ~same][0])
            raise BadInput(
                f"{self.what} returns two values for {_shown(labels)} at {at}; look for two "
                "sources of one series, or aggregate them in its PromQL text"
            )
        return steps, values, int(again.sum())


def _packed(found: dict[str, Any], *, what: str) -> dict[str, Any]:
    """Make arrays of a series' points at once: as Python's objects they take ten times as much."""
    points = found.get("values")
    if not isinstance(points, list) or not points:
        return found
    try:
        stamps, values = zip(*points, strict=True)
        found["values"] = _Points(
            np.array(stamps, dtype=np.float64),
            np.fromiter(map(float, values), np.float64, len(values)),  # "NaN", "+Inf" too
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise BadInput(f"the answer to {what} holds a point that is no number") from error
    return found


def _matrix(data: Any, *, what: str) -> list[dict[str, Any]]:  # noqa: ANN401  # parsed JSON
    if not isinstance(data, dict) or data.get("resultType") != "matrix":
        raise BadInput(f"expected a matrix for {what}, got {_kind(data)}")
    result = data.get("result")
    if not isinstance(result, list) or not all(isinstance(s, dict) for s in result):
        raise BadInput(f"expected a list of series for {what}, got {_kind(result)}")
    return result


def _labels(series: Mapping[str, Any], names: tuple[str, ...], *, what: str) -> Labels:
    found = series.get("metric") or {}
    if not isinstance(found, dict):
        raise BadInput(f"expected the labels of a series for {what}, got {_kind(found)}")
    missing = [name for name in names if not found.get(name)]
    if missing:
        raise BadInput(
            f"{what} returns a series without the label {', '.join(missing)}; override it with a "
            f"text that sums by ({', '.join(names)})"
        )
    return tuple((name, _name(str(found[name]), of=name, what=what)) for name in names)


def _name(value: str, *, of: str, what: str) -> str:
    try:
        size = len(value.encode())
    except UnicodeEncodeError as error:  # half a surrogate pair, which JSON can hold
        raise BadInput(
            f"{what} returns a series whose label {of} is no text ({value[:40]!a}); drop it where "
            "it is scraped"
        ) from error
    if size > MAX_LABEL_BYTES:
        raise BadInput(
            f"{what} returns a series whose label {of} has {size} bytes ({value[:40]!a}...), "
            f"expected at most {MAX_LABEL_BYTES}; drop it where it is scraped"
        )
    return value


def _shown(labels: Labels) -> str:
    return ", ".join(f"{name}={value}" for name, value in labels) or "the total"


def _kind(value: object) -> str:
    if isinstance(value, dict):
        return str(value.get("resultType", "another object"))[:40]
    return type(value).__name__
