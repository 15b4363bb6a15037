"""Many series in one file: which ones, which rows, and how fresh they are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from foresail.capacity import Ceiling, ceiling_of
from foresail.horizons import Horizon, by_name
from foresail.times import isoformat
from foresail_serving.answers.answer import Forecast, forecast, is_stale
from foresail_serving.answers.moment import Moment
from foresail_serving.answers.periods import Periods, periods_of
from foresail_serving.answers.queries import ManyQuery
from foresail_serving.answers.selection import check_metric, matching
from foresail_serving.formats.columns import (
    QUANTILE_NAMES,
    Cell,
    Column,
    answer_cells,
    cell_time,
    period_cells,
    time_of,
)
from foresail_serving.problems import ProblemError
from foresail_serving.promql.selector import parse_selector
from foresail_serving.snapshot import Found, Served, Snapshot

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
LABELS = ("cluster", "scope", "namespace", "workload", "kind", "node")
ORDER = (
    "series",
    *LABELS,
    "metric",
    "stat",
    "unit",
    "ds",
    "ds_local",
    "utc_offset",
    "hours",
    "agg",
    "quantiles_of",
    *QUANTILE_NAMES,
    "planning_low",
    "planning_high",
    "ceiling",
    "ceiling_kind",
    "headroom_p90",
    "full_on_p50",
    "full_on_p90",
    "full_on_p50_local",
    "full_on_p90_local",
    "model",
    "status",
    "code",
    "reason",
    "coverage",
    "vs_naive",
    "windows",
    "lead_hour",
    "trained_until",
)
"""The columns; those that nobody asked for are left out of the whole file."""
_ZONED = frozenset({"ds_local", "utc_offset", "full_on_p50_local", "full_on_p90_local"})
_LONGER = frozenset({"hours", "agg", "quantiles_of"})
_WITH_MIDDLE = frozenset({"planning_low", "planning_high"})


@dataclass(frozen=True, slots=True)
class Many:
    """A file of many series, before any row of it is made.

    Attributes:
        found: The series, in the order of the rows.
        query: What was asked.
        moment: What it is answered from.
        periods: The rows of each series.
        freshness: Of the worst series: `fresh`, `stale` or `expiring`.
        generated: The earliest `trained_until` of the forecasts in it.
        covers_until: The earliest end of the forecasts in it.
    """

    found: Sequence[Found]
    query: ManyQuery
    moment: Moment
    periods: Periods
    freshness: str
    generated: datetime
    covers_until: datetime

    @property
    def horizon(self) -> Horizon:
        """Return how far ahead it looks."""
        return by_name(self.query.horizon)

    @property
    def models(self) -> Mapping[str, Served]:
        """Return the models that may answer, by name."""
        return self.moment.snapshot.of_alias(self.query.alias).models

    @property
    def rows(self) -> int:
        """Return how many rows it has, the header not counted."""
        return len(self.found) * len(self.periods)

    @property
    def names(self) -> list[str]:
        """Return the names of its columns."""
        query = self.query
        unasked = set(QUANTILE_NAMES) - {QUANTILE_NAMES[column] for column in query.columns}
        if "p50" in unasked:
            unasked |= _WITH_MIDDLE
        if not self.zone:
            unasked |= _ZONED
        if query.step == "1h":
            unasked |= _LONGER
        return [name for name in ORDER if name not in unasked]

    @property
    def zone(self) -> str:
        """Return the time zone that was asked for; empty where none was."""
        return self.query.tz or ""

    def blocks(self, rows: int) -> Iterator[list[Column]]:
        """Yield the columns of some series at a time.

        Args:
            rows: How many rows a block has at least, but for the last one.
        """
        names, together = self.names, -(-rows // len(self.periods))
        times = period_cells(self.periods, zoned=bool(self.zone))
        clocks = dict(zip(times["ds"], times.get("ds_local", ()), strict=False))
        for start in range(0, len(self.found), together):
            series = [self._cells(found, clocks) for found in self.found[start : start + together]]
            yield [
                Column(
                    name,
                    list(times[name]) * len(series)
                    if name in times
                    else [cell for cells in series for cell in cells[name]],
                )
                for name in names
            ]

    def _cells(self, found: Found, clocks: Mapping[Cell, Cell]) -> dict[str, Sequence[Cell]]:
        answer = _answer(found, self.query, self.moment)
        said = (
            answer_cells(answer)
            if isinstance(answer, Forecast)
            else _unanswered(found, answer, rows=len(self.periods))
        )
        once = _about(found, answer)
        for name in ("full_on_p50", "full_on_p90"):
            once[f"{name}_local"] = clocks.get(once[name])
        return {**said, **{name: [cell] * len(self.periods) for name, cell in once.items()}}


def prepare(query: ManyQuery, moment: Moment, *, most: int) -> Many:
    """Return a file that is ready to be written.

    Args:
        query: What is asked.
        moment: What it is answered from.
        most: Rows that it may have.

    Raises:
        ProblemError: The selector is none, nothing passes the filters, no series can be answered,
            or the rows are too many.
    """
    snapshot = moment.snapshot.of_alias(query.alias)
    check_metric(snapshot, query.metric, alias=query.alias, expected=moment.settings.models)
    found = _chosen(snapshot, query)
    if not found:
        raise ProblemError(
            "unknown-series", "no series passes all these filters; /v1/series lists what there is"
        )
    periods = periods_of(query, horizon=by_name(query.horizon), hour=moment.hour)
    rows = len(found) * len(periods)
    if rows > most:
        raise ProblemError(
            "too-many-rows",
            f"expected at most {most:,} rows, this file would have {rows:,}: {len(found):,} series "
            f"of {len(periods):,}; give a filter such as scope=namespace, step=1d or 1w, or a "
            "shorter horizon",
            rows=rows,
            most=most,
        )
    _check_answers(found, query, moment)
    return Many(found, query, moment, periods, *_standing(found, query, moment, end=periods.end))


def _chosen(snapshot: Snapshot, query: ManyQuery) -> list[Found]:
    """Return the series that pass every filter and fit the selector."""
    found = matching(snapshot, query, stat=query.stat)
    if query.match is None:
        return found
    selector = parse_selector(query.match)
    return [
        item
        for item in found
        if selector.fits(
            {
                **item.entry.labels,
                "series": item.entry.series,
                "metric": item.entry.metric,
                "stat": item.entry.stat,
            }
        )
    ]


def _answer(found: Found, query: ManyQuery, moment: Moment) -> Forecast | ProblemError:
    try:
        return forecast(
            found,
            query,
            horizon=by_name(query.horizon),
            hour=moment.hour,
            settings=moment.settings,
        )
    except ProblemError as error:
        return error


def _check_answers(found: Sequence[Found], query: ManyQuery, moment: Moment) -> None:
    """Raise the first series' problem where every series has one."""
    problem: ProblemError | None = None
    for item in found:
        answer = _answer(item, query, moment)
        if isinstance(answer, Forecast):
            return
        problem = problem or answer
    if problem is not None:
        raise problem


def _unanswered(found: Found, error: ProblemError, *, rows: int) -> dict[str, Sequence[Cell]]:
    """Return the rows of a series whose own page is a problem: its name stands in `status`."""
    entry = found.entry
    once: dict[str, Cell] = dict.fromkeys(ORDER)
    once |= {"unit": entry.unit, "series": entry.series, "metric": entry.metric}
    once |= {"stat": entry.stat, "status": error.slug, "reason": error.detail}
    return {name: [cell] * rows for name, cell in once.items()}


def _about(found: Found, answer: Forecast | ProblemError) -> dict[str, Cell]:
    """Return what is the same in every row of a series and does not stand in a file of one."""
    entry = found.entry
    once: dict[str, Cell] = {name: entry.labels.get(name, "") for name in LABELS}
    ceiling = ceiling_of(entry.capacity, scope=entry.labels.get("scope", ""))
    once["ceiling"] = ceiling.value if isinstance(ceiling, Ceiling) else None
    once["ceiling_kind"] = ceiling.kind if isinstance(ceiling, Ceiling) else ""
    once["trained_until"] = time_of(found.trained_until)
    room = answer.body.capacity if isinstance(answer, Forecast) else None
    once["headroom_p90"] = room.headroom.p90 if room else None
    once["full_on_p50"] = cell_time(room.full_on.p50) if room else None
    once["full_on_p90"] = cell_time(room.full_on.p90) if room else None
    return once


def _standing(
    found: Sequence[Found], query: ManyQuery, moment: Moment, *, end: datetime
) -> tuple[str, datetime, datetime]:
    """Return the freshness of the worst forecast, the oldest one's begin, the earliest end."""
    begins, ends = [], []
    for item in found:
        known = item.entry.horizons.get(query.horizon)
        if known is not None and known.winner is not None:
            begins.append(item.trained_until)
            ends.append(item.served.bundle.manifest.trained_until + item.entry.hours * _HOUR)
    if not begins:
        begins = [item.trained_until for item in found]
        return "fresh", min(begins), min(begins)
    stale = is_stale(min(begins), hour=moment.hour, settings=moment.settings)
    expiring = min(ends) < end + _DAY
    freshness = "expiring" if expiring else "stale" if stale else "fresh"
    return freshness, min(begins), min(ends)


def headers_of(many: Many) -> dict[str, str]:
    """Return what stands beside the body."""
    return {
        "Forecast-Status": many.freshness,
        "Forecast-Generated": isoformat(many.generated),
        "Forecast-Covers-Until": isoformat(many.covers_until),
    }
