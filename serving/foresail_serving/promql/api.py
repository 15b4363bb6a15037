"""The questions of Prometheus' HTTP API, each a function from what is asked to a body."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import promql_parser as ast

from foresail import __version__
from foresail_serving.answers.moment import Moment
from foresail_serving.promql import render, spans
from foresail_serving.promql.errors import bad_data
from foresail_serving.promql.evaluate import Query
from foresail_serving.promql.parameters import Parameters
from foresail_serving.promql.parse import parse
from foresail_serving.promql.samples import Samples
from foresail_serving.promql.selector import Selector, selector_of
from foresail_serving.promql.table import HELP, Rows, SeriesTable, Tables
from foresail_serving.promql.values import IntArray, Scalar, Vector

MOST_STEPS = 11_000
PROMETHEUS = "2.45.0"
"""The version whose language and API these are, as far as they go."""
_ALL = (Selector(()),)
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


@dataclass(frozen=True, slots=True)
class Asked:
    """One question.

    Attributes:
        parameters: What was sent.
        moment: What is served, and the present hour.
        now: The present.
        tables: Of the snapshots.
        samples: What the answer may take, and has taken.
        label: The label in the path, where there is one.
    """

    parameters: Parameters
    moment: Moment
    now: datetime
    tables: Tables
    samples: Samples
    label: str = ""

    @property
    def table(self) -> SeriesTable:
        """Return the series that are served, by column."""
        return self.tables.of(self.moment.snapshot)

    def query(self, times: IntArray) -> Query:
        """Return what evaluates at these times."""
        moment = self.moment
        return Query(moment.snapshot, self.table, moment.hour, moment.settings, self.samples, times)

    def rows(self) -> Rows:
        """Return the series that `match[]` means, all without it; start and end must be times.

        A forecast is listed whatever the times are: it lies ahead of the range of most dashboards.
        """
        for name in ("start", "end"):
            self.parameters.time(name, self.now)
        selectors = self.parameters.matches() or _ALL
        self.samples.look_at(len(selectors) * len(self.table.hours))
        return self.table.select(selectors)


Question = Callable[[Asked], bytes]


def query(asked: Asked) -> bytes:
    """Answer for one time, the present without one."""
    time = asked.parameters.time("time", asked.now)
    limit = asked.parameters.limit()
    _check_span(asked.parameters, "lookback_delta")
    expr = parse(asked.parameters.text("query"))
    if isinstance(expr, ast.MatrixSelector):
        return _stored_hours(asked, expr, time)
    found, truncated = _limited(asked.query(np.array([time])).evaluate(expr), limit)
    return render.success(render.instant(found, time), truncated=truncated)


def query_range(asked: Asked) -> bytes:
    """Answer for the times from start to end, step by step."""
    parameters = asked.parameters
    start, end = parameters.time("start"), parameters.time("end")
    if end < start:
        raise bad_data('invalid parameter "end": end timestamp must not be before start time')
    step = parameters.span("step")
    if step <= 0:
        raise bad_data(
            'invalid parameter "step": zero or negative query resolution step widths are not '
            "accepted. Try a positive integer"
        )
    if (end - start) // step > MOST_STEPS:
        raise bad_data(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
            "resolution (?step=XX)"
        )
    limit = parameters.limit()
    _check_span(parameters, "lookback_delta")
    times = np.arange(start, end + 1, step, dtype=np.int64)
    expr = parse(parameters.text("query"))
    found, truncated = _limited(asked.query(times).evaluate(expr), limit)
    return render.success(render.matrix(found, times), truncated=truncated)


def labels(asked: Asked) -> bytes:
    """Answer with the names of the labels."""
    found = asked.rows().labels
    names = [
        name
        for at, (name, values) in enumerate(zip(found.names, found.values, strict=True))
        if any(values[code] for code in np.unique(found.codes[:, at]))
    ]
    return _listed(names, asked)


def label_values(asked: Asked) -> bytes:
    """Answer with the values of one label."""
    if not _LABEL.fullmatch(asked.label):
        raise bad_data(f'invalid label name: "{asked.label[:100]}"')
    found = asked.rows().labels.keep([asked.label])
    values = [found.values[0][code] for code in np.unique(found.codes)] if found.names else []
    return _listed([value for value in values if value], asked)


def series(asked: Asked) -> bytes:
    """Answer with the label sets of the series."""
    if not asked.parameters.values.get("match[]"):
        raise bad_data("no match[] parameter provided")
    rows = asked.rows()
    limit = asked.parameters.limit() or len(rows.series)
    found = rows.labels.take(np.arange(min(limit, len(rows.series)))).dicts()
    return render.success(found, truncated=limit < len(rows.series))


def metadata(asked: Asked) -> bytes:
    """Answer with the type and help of the metrics."""
    wanted = asked.parameters.text("metric")
    known = {name: text for name, text in HELP.items() if wanted in ("", name)}
    names = list(known)[: asked.parameters.limit()]
    return render.success(
        {name: [{"type": "gauge", "help": known[name], "unit": ""}] for name in names}
    )


def build_info(_: Asked) -> bytes:
    """Answer with the version of Prometheus that this is as good as."""
    return render.success(
        {
            "version": PROMETHEUS,
            "revision": f"foresail-{__version__}",
            "branch": "",
            "buildUser": "",
            "buildDate": "",
            "goVersion": "",
        }
    )


def _stored_hours(asked: Asked, expr: ast.MatrixSelector, time: int) -> bytes:
    """Answer with the hours that start within the range, stamped with their start."""
    selector = expr.vector_selector
    offset = (selector.offset or timedelta(0)) // timedelta(milliseconds=1)
    last = (time - offset) // spans.HOUR
    first = (time - offset - expr.range // timedelta(milliseconds=1)) // spans.HOUR + 1
    first = max(first, last - MOST_STEPS)
    times = np.arange(first, last + 1, dtype=np.int64) * spans.HOUR
    asking = asked.query(times)
    rows = asking.rows(selector_of(selector))
    found = spans.at(asking.table, rows, asking.snapshot, times)
    return render.success(render.matrix(found, times))


def _check_span(parameters: Parameters, name: str) -> None:
    if parameters.text(name):
        parameters.span(name)


def _limited(value: Vector | Scalar, limit: int | None) -> tuple[Vector | Scalar, bool]:
    """Return at most so many series that have a value, and whether some were left out."""
    if isinstance(value, Scalar) or limit is None:
        return value, False
    some = np.flatnonzero(value.there.any(axis=1))
    rows = some[:limit]
    cut = Vector(value.labels.take(rows), value.values[rows], value.there[rows])
    return cut, len(some) > limit


def _listed(texts: Sequence[str], asked: Asked) -> bytes:
    limit = asked.parameters.limit() or len(texts)
    return render.success(texts[:limit], truncated=limit < len(texts))
