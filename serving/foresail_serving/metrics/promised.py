"""What is promised of all that is served now, as gauges: a few for each metric and horizon.

The promise of one series stands beside its forecast; one gauge for each would be as many as there
are workloads.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from statistics import fmean, geometric_mean

from foresail.bundle import Quality, promise
from foresail.horizons import HORIZONS, Horizon
from foresail_serving.answers.window import plain, rows_of
from foresail_serving.metrics.exposition import Exposition
from foresail_serving.snapshot import Found, Snapshot

_STATES = ("measured", "unmeasured", "constant", "no-forecast")
_FIGURES: dict[str, tuple[str, Callable[[list[Quality]], float]]] = {
    "coverage": (
        "Share of held-out hours inside p10 to p90, mean over the series.",
        lambda found: fmean(q.coverage for q in found),
    ),
    "sql": (
        "Scaled quantile loss, mean over the series.",
        lambda found: fmean(q.sql for q in found),
    ),
    "sql_vs_naive": (
        "Loss by that of the same hour yesterday, geometric mean over the series.",
        lambda found: geometric_mean(q.vs_naive for q in found),
    ),
    "windows": (
        "Held-out windows of the series that has the least.",
        lambda found: min(q.windows for q in found),
    ),
}


@dataclass(slots=True)
class _Told:
    """The series of one metric at one horizon: how many stand how, and the measured promises."""

    states: Counter[str] = field(default_factory=Counter)
    measured: list[Quality] = field(default_factory=list)


def write_promises(page: Exposition, snapshot: Snapshot, hour: datetime) -> None:
    """Add the promise of the hours that are answered at this hour, over all series of a metric.

    A figure without a measured series has no sample.
    """
    told = _collect(snapshot, hour)
    for name, (text, figure) in _FIGURES.items():
        measured = ((labels, t.measured) for labels, t in _labelled(told) if t.measured)
        samples = ((labels, plain(figure(found))) for labels, found in measured)
        page.family(f"foresail_promised_{name}", "gauge", text, samples)
    page.family(
        "foresail_promised_series",
        "gauge",
        "Series by how their promise stands.",
        (
            ({**labels, "promise": state}, t.states[state])
            for labels, t in _labelled(told)
            for state in _STATES
        ),
    )


def _collect(snapshot: Snapshot, hour: datetime) -> Mapping[tuple[str, Horizon], _Told]:
    told: dict[tuple[str, Horizon], _Told] = defaultdict(_Told)
    for found in snapshot.series:
        for horizon in HORIZONS:
            if horizon.name in found.entry.horizons:
                state, quality = _standing(found, horizon, hour)
                at = told[found.entry.metric, horizon]
                at.states[state] += 1
                if quality is not None:
                    at.measured.append(quality)
    return told


def _standing(found: Found, horizon: Horizon, hour: datetime) -> tuple[str, Quality | None]:
    known = found.entry.horizons[horizon.name]
    rows = rows_of(found, hours=horizon.hours, start=hour)
    if known.winner is None or rows is None:
        return "no-forecast", None
    quality = promise(found.entry, first_lead=rows[0], last_lead=rows[1])
    if quality is not None:
        return "measured", quality
    return ("constant" if known.is_constant else "unmeasured"), None


def _labelled(
    told: Mapping[tuple[str, Horizon], _Told],
) -> Iterator[tuple[Mapping[str, str], _Told]]:
    for metric, horizon in sorted(told, key=lambda key: (key[0], key[1].hours)):
        yield {"metric": metric, "horizon": horizon.name}, told[metric, horizon]
