"""The series of a snapshot as a query sees them: two metrics, with their labels by column."""

import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from foresail.horizons import QUANTILES
from foresail.panel import FloatArray
from foresail_serving.answers.window import significant
from foresail_serving.promql.selector import FORECAST, NAME, Selector
from foresail_serving.promql.values import BoolArray, Codes, IntArray, Labels
from foresail_serving.snapshot import Snapshot

CAPACITY = "foresail_capacity"
QUANTILE, BOUND = "quantile", "bound"
HELP = {
    CAPACITY: "What a series may use, or asks for, as it was known at training; bound says which.",
    FORECAST: "Forecast of the hour that contains the time asked, also of hours to come.",
}
_OWN = ("metric", "series", "stat", "unit", "model")
_BOUNDS = ("allocatable", "limit", "request")
_LEVELS = tuple(f"{q:g}" for q in QUANTILES)


@dataclass(frozen=True, slots=True)
class Rows:
    """Series of both metrics, one after the other.

    Attributes:
        is_forecast: bool `(rows,)`; the others are of `foresail_capacity`.
        series: Which series of the table, `(rows,)`.
        column: Which of the quantiles or bounds, `(rows,)`.
        labels: Of each row.
    """

    is_forecast: BoolArray
    series: IntArray
    column: IntArray
    labels: Labels


@dataclass(frozen=True, slots=True)
class Part:
    """The rows that come from one bundle and are of one metric.

    Attributes:
        at: Which of the rows, `(n,)`.
        start: The bundle's first hour, in milliseconds since 1970.
        steps: How many hours are stored.
        hours: How many of them each row has, `(n,)`.
    """

    at: IntArray
    start: int
    steps: int
    hours: IntArray
    _row: IntArray
    _column: IntArray
    _stored: NDArray[np.float32] | FloatArray

    def raw(self, hours: IntArray) -> FloatArray:
        """Return what is stored of these hours, `(n, hours)`."""
        if self._stored.ndim == 2:  # noqa: PLR2004  # a capacity is the same at all hours
            constant = self._stored[self._row, self._column]
            return np.repeat(constant[:, None], len(hours), axis=1)
        found = self._stored[self._row[:, None], hours[None, :], self._column[:, None]]
        return found.astype(np.float64)

    def split(self, rows: int) -> Iterator["Part"]:
        """Return the rows in pieces of so many."""
        for first in range(0, len(self.at), rows):
            some = slice(first, first + rows)
            yield replace(
                self,
                at=self.at[some],
                hours=self.hours[some],
                _row=self._row[some],
                _column=self._column[some],
            )

    def plain(self, values: FloatArray) -> FloatArray:
        """Return published values as all other answers write them."""
        return values if self._stored.ndim == 2 else significant(values.astype(np.float32))  # noqa: PLR2004  # as above


@dataclass(frozen=True, slots=True)
class SeriesTable:
    """All series of a snapshot; it holds on to none of the forecasts.

    Attributes:
        labels: Of each series, in the snapshot's order.
        models: Names of the models.
        model: Which of them, by series.
        row: Row in that model's bundle, by series.
        hours: Hours that are forecast, by series.
        bounds: float64 `(series, 3)`: allocatable, limit, request; NaN where unknown.
    """

    labels: Labels
    models: tuple[str, ...]
    model: IntArray
    row: IntArray
    hours: IntArray
    bounds: FloatArray

    @staticmethod
    def of(snapshot: Snapshot) -> "SeriesTable":
        """Put the series of a snapshot into columns."""
        found = snapshot.series
        models = tuple(snapshot.models)
        rows = [
            {
                **{_named(name): value for name, value in f.entry.labels.items()},
                "metric": f.entry.metric,
                "series": f.entry.series,
                "stat": f.entry.stat,
                "unit": f.entry.unit,
                "model": f.served.name,
            }
            for f in found
        ]
        names = {name for row in rows for name in row}
        return SeriesTable(
            Labels.of({n: [row.get(n, "") for row in rows] for n in names}, rows=len(rows)),
            models,
            np.array([models.index(f.served.name) for f in found], dtype=np.int64),
            np.array([f.row for f in found], dtype=np.int64),
            np.array([f.entry.hours for f in found], dtype=np.int64),
            np.array(
                [[f.entry.capacity.get(b, np.nan) for b in _BOUNDS] for f in found],
                dtype=np.float64,
            ).reshape(-1, len(_BOUNDS)),
        )

    def select(self, selectors: Sequence[Selector]) -> Rows:
        """Return the series of both metrics that fit any of the selectors."""
        fits = [
            self._fitting(selectors, FORECAST, QUANTILE, _LEVELS) & (self.hours > 0)[:, None],
            self._fitting(selectors, CAPACITY, BOUND, _BOUNDS) & ~np.isnan(self.bounds),
        ]
        (first, level), (second, bound) = (np.nonzero(mask) for mask in fits)
        is_forecast = np.repeat([True, False], [len(first), len(second)])
        series, column = np.concatenate([first, second]), np.concatenate([level, bound])
        extra = {
            NAME: ((CAPACITY, FORECAST), is_forecast.astype(np.int64)),
            QUANTILE: (("", *_LEVELS), np.where(is_forecast, column + 1, 0)),
            BOUND: (("", *_BOUNDS), np.where(is_forecast, 0, column + 1)),
        }
        return Rows(is_forecast, series, column, _with(self.labels.take(series), extra))

    def _fitting(
        self, selectors: Sequence[Selector], name: str, own: str, values: Sequence[str]
    ) -> BoolArray:
        found = np.zeros((len(self.hours), len(values)), dtype=bool)
        for selector in selectors:
            mask = np.ones_like(found)
            for m in selector.matchers:
                if m.name == NAME:
                    mask &= m.fits(name)
                elif m.name == own:
                    mask &= np.array([m.fits(value) for value in values])
                else:
                    mask &= self.labels.fitting(m.name, m.fits)[:, None]
            found |= mask
        return found

    def parts(self, rows: Rows, snapshot: Snapshot) -> Iterator[Part]:
        """Return the rows by bundle and metric; the snapshot is the one the table was made of."""
        for number, name in enumerate(self.models):
            bundle = snapshot.models[name].bundle
            start = round(bundle.manifest.trained_until.timestamp() * 1000)
            of_model = self.model[rows.series] == number
            for is_forecast in (True, False):
                at = np.flatnonzero(of_model & (rows.is_forecast == is_forecast))
                if len(at):
                    series = rows.series[at]
                    yield Part(
                        at,
                        start,
                        bundle.manifest.steps,
                        self.hours[series],
                        self.row[series] if is_forecast else series,
                        rows.column[at],
                        bundle.forecast if is_forecast else self.bounds,
                    )


class Tables:
    """Keeps the table of the snapshot that is served, and no snapshot that is not."""

    def __init__(self) -> None:
        self._made: tuple[weakref.ref[Snapshot], SeriesTable] | None = None

    def of(self, snapshot: Snapshot) -> SeriesTable:
        """Return the table of a snapshot, made at the first question."""
        made = self._made  # one read: two questions may be here at once
        if made is not None and made[0]() is snapshot:
            return made[1]
        table = SeriesTable.of(snapshot)
        self._made = (weakref.ref(snapshot), table)
        return table


def _named(label: str) -> str:
    """Return a series' own label under a name that means nothing else here."""
    return f"label_{label}" if label in (*_OWN, NAME, QUANTILE, BOUND) else label


def _with(labels: Labels, extra: dict[str, tuple[tuple[str, ...], IntArray]]) -> Labels:
    columns: dict[str, tuple[tuple[str, ...], IntArray | Codes]] = {
        name: (values, labels.codes[:, at])
        for at, (name, values) in enumerate(zip(labels.names, labels.values, strict=True))
    }
    columns.update(extra)
    names = tuple(sorted(columns))
    codes = np.stack([columns[name][1] for name in names], axis=1).astype(np.int32)
    return Labels(names, tuple(columns[name][0] for name in names), codes)
