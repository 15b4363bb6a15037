"""Carry series over into a newer bundle: where a cluster did not answer, its forecast goes on.

Nothing is forecast here. A row moves to the newer bundle's grid as it is, without the hours that
have passed; its segments move with it, so that every reader finds hours, contenders and promises
where it finds those of other series. Only its `as_of` tells that its leads began earlier.
"""

import json
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from foresail.bundle.promises import promise
from foresail.bundle.reader import Bundle, verify_file, verify_folder
from foresail.bundle.schema import (
    HISTORY_HOURS,
    MODELS,
    RECIPE,
    HorizonEntry,
    Manifest,
    Segment,
    SeriesEntry,
)
from foresail.bundle.writer import Publication, write_bundle
from foresail.codes import Code
from foresail.errors import BadInput
from foresail.times import isoformat

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Carried:
    """Series of an older bundle on the grid of a newer one.

    Attributes:
        index: One entry a series, each with its own `as_of`.
        forecast: float32, shape `(n, steps, quantiles)`; zero beyond an entry's `hours`.
        history: float32, shape `(n, 672)`; the hours that nobody has staged since are gaps.
        ended: How many more series there were, whose forecast has run out.
    """

    index: tuple[SeriesEntry, ...]
    forecast: NDArray[np.float32]
    history: NDArray[np.float32]
    ended: int


def carry(older: Bundle, newer: Bundle, *, clusters: Collection[str]) -> Carried:
    """Return the series of some clusters as the newer bundle may hold them.

    A series that the newer bundle has a row for is not among them. One without a forecast goes on
    with its reason for as long as it would have had a forecast.

    Args:
        older: Served until now; its own carried series keep the `as_of` that they have.
        newer: Whose grid it is.
        clusters: Values of the label `cluster`.

    Raises:
        BadInput: The bundles have another metric or other quantiles, or the older one begins later.
    """
    shift = _shift(older.manifest, newer.manifest)
    known = {(entry.series, entry.stat) for entry in newer.index}
    rows: list[int] = []
    index: list[SeriesEntry] = []
    ended = 0
    for row, entry in enumerate(older.index):
        if entry.labels.get("cluster") not in clusters or (entry.series, entry.stat) in known:
            continue
        moved = _moved(entry, older.manifest, newer.manifest, shift=shift)
        if moved is None:
            ended += 1
        else:
            rows.append(row)
            index.append(moved)
    steps = newer.manifest.steps
    hours = np.array([entry.hours for entry in index], dtype=np.int64)
    forecast = np.zeros((len(rows), steps, len(newer.manifest.quantiles)), dtype="<f4")
    left = older.forecast[rows, shift : shift + steps]
    forecast[:, : left.shape[1]] = left
    forecast[np.arange(steps) >= hours[:, None]] = 0.0
    history = np.full((len(rows), HISTORY_HOURS), np.nan, dtype="<f4")
    kept = older.history[rows, shift:]
    history[:, : kept.shape[1]] = kept
    return Carried(tuple(index), forecast, history, ended)


def complete(source: Path, target: Path, carried: Carried) -> Manifest:
    """Write a bundle with carried series after its own, and return its manifest.

    Models stay those of its own series. As always the manifest is written last, so that what
    breaks off is no bundle.

    Args:
        source: The bundle; every file is verified first, and none is changed.
        target: Folder to write; empty or not there.
        carried: From `carry`, for this bundle.

    Raises:
        BadBundle: The bundle fails its checks.
        BadInput: The target is not empty.
    """
    own = Bundle.open(source)
    manifest = own.manifest
    for name in manifest.files:
        verify_file(source, name, manifest)
    verify_folder(source, MODELS, manifest)
    fitted = sorted({n.split("/")[1] for n in manifest.files if n.startswith(f"{MODELS}/")})
    return write_bundle(
        target,
        Publication(
            metric=manifest.metric,
            trained_until=manifest.trained_until,
            quantiles=manifest.quantiles,
            horizons=manifest.horizons,
            index=(*own.index, *carried.index),
            forecast=np.concatenate([own.forecast, carried.forecast]),
            history=np.concatenate([own.history, carried.history]),
            history_digest=manifest.history_digest,
            recipe=json.loads((source / RECIPE).read_bytes()),
            models={name: _Stored(source / MODELS / name) for name in fitted},
            versions=manifest.versions,
        ),
    )


@dataclass(frozen=True, slots=True)
class _Stored:
    """A fitted model that lies in a bundle already."""

    folder: Path

    def save(self, folder: Path) -> None:
        shutil.copytree(self.folder, folder)


def _shift(older: Manifest, newer: Manifest) -> int:
    """Return how many hours later the newer bundle begins."""
    theirs = (older.metric, older.quantiles, older.step_seconds)
    ours = (newer.metric, newer.quantiles, newer.step_seconds)
    if theirs != ours:
        raise BadInput(
            f"expected a bundle of {newer.metric} with quantiles {newer.quantiles}, "
            f"got {older.metric} with {older.quantiles}"
        )
    if older.trained_until > newer.trained_until:
        raise BadInput(
            f"the forecast to carry over begins at {isoformat(older.trained_until)}, after the "
            f"newer one ({isoformat(newer.trained_until)})"
        )
    return (newer.trained_until - older.trained_until) // _HOUR


def _moved(
    entry: SeriesEntry, older: Manifest, newer: Manifest, *, shift: int
) -> SeriesEntry | None:
    """Return an entry on the newer grid; None where it has run out, or would have by now."""
    start = entry.trained_until(older.trained_until)
    would_have = older.steps - (older.trained_until - start) // _HOUR
    left = (entry.hours or would_have) - shift
    lengths = {name: n for name, n in newer.horizons.items() if name in entry.horizons}
    if left <= 0 or not lengths:
        return None
    hours = min(left, newer.steps) if entry.hours else 0
    segments = tuple(_segments(entry, shift=shift, hours=hours))
    as_of = start - _HOUR
    return entry.model_copy(
        update={
            "hours": hours,
            "segments": segments,
            "horizons": _horizons(entry, lengths, segments, shift=shift, as_of=as_of),
            "as_of": as_of,
        }
    )


def _segments(entry: SeriesEntry, *, shift: int, hours: int) -> Iterator[Segment]:
    """Yield who serves the hours that are left, counted from the newer bundle's first."""
    before = 0
    for segment in entry.segments:
        until = min(segment.until_hours - shift, hours)
        if until > before:
            yield segment.model_copy(update={"until_hours": until})
            before = until


def _horizons(
    entry: SeriesEntry,
    lengths: Mapping[str, int],
    segments: tuple[Segment, ...],
    *,
    shift: int,
    as_of: datetime,
) -> dict[str, HorizonEntry]:
    """Return the horizons with the promise of the leads that are answered with now."""
    found = {}
    for name, length in lengths.items():
        known = entry.horizons[name]
        if known.winner is not None and segments:
            last = min(length, segments[-1].until_hours)
            known = known.model_copy(
                update={
                    "winner": next(s.model for s in segments if last <= s.until_hours),
                    "quality": promise(entry, first_lead=shift + 1, last_lead=shift + last),
                }
            )
            if not entry.is_carried_over:  # the sentence of a chain is that of its first link
                told = f"; {known.reason}" if known.reason else ""
                known = known.model_copy(
                    update={"code": int(Code.CARRIED_OVER), "reason": _why(entry, as_of) + told}
                )
        found[name] = known
    return found


def _why(entry: SeriesEntry, as_of: datetime) -> str:
    return (
        f"cluster {entry.labels['cluster']} did not answer; the forecast as of {isoformat(as_of)} "
        "goes on serving"
    )
