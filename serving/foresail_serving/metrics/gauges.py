"""The forecast and its promise as ordinary gauges, for a Prometheus that scrapes.

Prometheus drops samples stamped more than ten minutes ahead, so the future is in a label.
"""

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from foresail.horizons import HORIZONS, QUANTILES
from foresail_serving.answers.window import significant
from foresail_serving.metrics.exposition import Exposition
from foresail_serving.metrics.promised import write_promises
from foresail_serving.promql.selector import NAME as NAME_LABEL
from foresail_serving.promql.selector import Selector, parse_selector
from foresail_serving.snapshot import Found, Snapshot

NAME = "foresail_forecast_ahead"
_SCOPES = ("cluster", "node", "namespace")
_AHEAD_HOURS = (1, 6, 24)
_LEVELS = tuple(f"{q:g}" for q in QUANTILES)
_USUAL_LEVELS = ("0.5", "0.9")
_ON_SAMPLES = ("ahead", "quantile")
_HELP = (
    "Forecast of the hour that lies so far ahead, or the highest hour within so many hours. "
    "Clusters, nodes and namespaces unless match= says otherwise; a series without a forecast has "
    "no sample."
)
_MOST_PAGES = 8
_MOST_BYTES = 40_000_000
"""Of all pages together: the gauges of 10,000 workloads."""


class ForecastGauges:
    """Writes the gauges once per snapshot, hour and choice of series."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._snapshot: Callable[[], Snapshot | None] = lambda: None
        self._hour = datetime.min.replace(tzinfo=UTC)
        self._pages: OrderedDict[tuple[str, ...], bytes] = OrderedDict()

    def kept(self, snapshot: Snapshot, hour: datetime, match: tuple[str, ...] = ()) -> bytes | None:
        """Return a page that is there already, the same object as long as it is kept."""
        with self._lock:
            if self._snapshot() is not snapshot or self._hour != hour:
                self._pages.clear()
                self._snapshot, self._hour = weakref.ref(snapshot), hour
            return self._pages.get(match)

    def page(self, snapshot: Snapshot, hour: datetime, match: tuple[str, ...] = ()) -> bytes:
        """Return the gauges at this hour.

        Args:
            snapshot: What is served.
            hour: The present UTC hour.
            match: Selectors of which a series has to fit one; without any the usual scopes.

        Raises:
            ProblemError: One of them is no selector.
        """
        kept = self.kept(snapshot, hour, match)
        if kept is not None:
            return kept
        page = _written(snapshot, hour, [parse_selector(text) for text in match]).encode()
        with self._lock:
            if self._snapshot() is snapshot and self._hour == hour:
                self._keep(match, page)
        return page

    def _keep(self, match: tuple[str, ...], page: bytes) -> None:
        self._pages[match] = page
        while len(self._pages) > _MOST_PAGES or (sum(map(len, self._pages.values())) > _MOST_BYTES):
            self._pages.popitem(last=False)


def _written(snapshot: Snapshot, hour: datetime, selectors: Sequence[Selector]) -> str:
    page = Exposition()
    page.family(NAME, "gauge", _HELP, _samples(snapshot, hour, selectors))
    write_promises(page, snapshot, hour)
    return page.text()


def _samples(
    snapshot: Snapshot, hour: datetime, selectors: Sequence[Selector]
) -> Iterator[tuple[Mapping[str, str], float]]:
    for found in snapshot.series:
        labels = {
            "series": found.entry.series,
            "metric": found.entry.metric,
            "stat": found.entry.stat,
            **found.entry.labels,
        }
        fitting = [s for s in selectors if _fits(s, labels)]
        if not fitting and (selectors or labels.get("scope") not in _SCOPES):
            continue
        first = (hour - found.served.bundle.manifest.trained_until) // timedelta(hours=1)
        if first < 0:
            continue
        stored = found.served.bundle.forecast[found.row, first : found.entry.hours]
        for ahead, values in _ahead(stored, found):
            for level, value in zip(_LEVELS, values, strict=True):
                on_sample = {"ahead": ahead, "quantile": level}
                if _wanted(fitting, on_sample):
                    yield {**labels, **on_sample}, float(value)


def _fits(selector: Selector, labels: Mapping[str, str]) -> bool:
    """Say whether a series is meant, whatever its samples say."""
    own = {**labels, NAME_LABEL: NAME}
    return all(m.fits(own.get(m.name, "")) for m in selector.matchers if m.name not in _ON_SAMPLES)


def _wanted(selectors: Sequence[Selector], on_sample: Mapping[str, str]) -> bool:
    """Say whether a sample is meant; p10 only where a selector speaks of quantiles."""
    usual = on_sample["quantile"] in _USUAL_LEVELS
    if not selectors:
        return usual
    return any(
        (usual or any(m.name == "quantile" for m in s.matchers))
        and all(m.fits(on_sample[m.name]) for m in s.matchers if m.name in _ON_SAMPLES)
        for s in selectors
    )


def _ahead(stored: NDArray[np.float32], found: Found) -> Iterator[tuple[str, NDArray[np.float64]]]:
    hours = len(stored)
    for lead in _AHEAD_HOURS:
        if lead < hours:
            yield f"{lead}h", significant(stored[lead])
    for horizon in HORIZONS:
        known = found.entry.horizons.get(horizon.name)
        # The highest of fewer hours would promise less than is asked.
        if known is not None and known.winner is not None and horizon.hours <= hours:
            highest = significant(stored[: horizon.hours].max(axis=0))
            yield f"highest_hourly_{horizon.hours}h", highest
