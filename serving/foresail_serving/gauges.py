"""The forecast and its promise as ordinary gauges, for a Prometheus that scrapes.

Prometheus drops samples stamped more than ten minutes ahead, so the future is in a label.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from foresail.horizons import HORIZONS
from foresail_serving.metrics import Exposition
from foresail_serving.promised import write_promises
from foresail_serving.snapshot import Found, Snapshot
from foresail_serving.window import significant

NAME = "foresail_forecast_ahead"
_SCOPES = ("cluster", "node", "namespace")
_AHEAD_HOURS = (1, 6, 24)
_QUANTILES = {1: "0.5", 2: "0.9"}
_HELP = (
    "Forecast of the hour that lies so far ahead, or the highest hour within so many hours. "
    "Clusters, nodes and namespaces; a series without a forecast has no sample."
)


class ForecastGauges:
    """Writes the gauges once per snapshot and hour."""

    def __init__(self) -> None:
        self._written: tuple[Snapshot, datetime, str] | None = None

    def text(self, snapshot: Snapshot, hour: datetime) -> str:
        """Return the gauges at this hour."""
        written = self._written  # one read: two scrapes may be here at once
        if written is not None and written[0] is snapshot and written[1] == hour:
            return written[2]
        page = Exposition()
        page.family(NAME, "gauge", _HELP, _samples(snapshot, hour))
        write_promises(page, snapshot, hour)
        text = page.text()
        self._written = (snapshot, hour, text)
        return text


def _samples(snapshot: Snapshot, hour: datetime) -> Iterator[tuple[Mapping[str, str], float]]:
    for found in snapshot.series:
        if found.entry.labels.get("scope") not in _SCOPES:
            continue
        first = (hour - found.served.bundle.manifest.trained_until) // timedelta(hours=1)
        if first < 0:
            continue
        stored = found.served.bundle.forecast[found.row, first : found.entry.hours]
        labels = {
            "series": found.entry.series,
            "metric": found.entry.metric,
            "stat": found.entry.stat,
            **found.entry.labels,
        }
        for ahead, values in _ahead(stored, found):
            for column, quantile in _QUANTILES.items():
                yield {**labels, "ahead": ahead, "quantile": quantile}, float(values[column])


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
