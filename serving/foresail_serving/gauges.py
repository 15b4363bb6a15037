"""The forecast as ordinary gauges, for a Prometheus that scrapes.

Prometheus drops samples stamped more than ten minutes ahead, so the future is in a label.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from foresail.horizons import HORIZONS
from foresail_serving.metrics import Exposition
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
        self._key: tuple[Snapshot, datetime] | None = None
        self._text = ""

    def text(self, snapshot: Snapshot, hour: datetime) -> str:
        """Return the gauges at this hour."""
        key = self._key
        if key is None or key[0] is not snapshot or key[1] != hour:
            page = Exposition()
            page.family(NAME, "gauge", _HELP, _samples(snapshot, hour))
            self._key, self._text = (snapshot, hour), page.text()
        return self._text


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
