"""What is served now: verified bundles behind one reference that is swapped whole."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from foresail.bundle import Bundle, SeriesEntry
from foresail.errors import BadBundle
from foresail.horizons import QUANTILES
from foresail_serving.cache import CURRENT, Stat, read_current, stat_of, stats_of, version_folder

_HOUR = timedelta(hours=1)
_HOUR_SECONDS = 3600

_Look = tuple[str, tuple[Stat, ...]]
"""A version, and its folder and files as they were when it was opened."""


@dataclass(frozen=True, slots=True)
class Served:
    """One model's bundle as it is served.

    Attributes:
        name: Registered model.
        version: Its version.
        bundle: Verified and mapped.
    """

    name: str
    version: str
    bundle: Bundle


@dataclass(frozen=True, slots=True)
class Found:
    """One series within what is served.

    Attributes:
        served: The model that holds it.
        row: Its row in the bundle's arrays.
        entry: Its entry in the bundle's index.
    """

    served: Served
    row: int
    entry: SeriesEntry

    @property
    def trained_until(self) -> datetime:
        """Return the first hour of its own forecast: nothing at or after it was known."""
        return self.entry.trained_until(self.served.bundle.manifest.trained_until)

    @property
    def age_hours(self) -> int:
        """Return by how much that is before the bundle's first hour; 0 unless carried over."""
        return (self.served.bundle.manifest.trained_until - self.trained_until) // _HOUR


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All bundles at one moment, and where each series stands in them.

    Attributes:
        models: By name, in the order of names.
        series: All series, ordered by id, metric and stat.
        by_id: (series, metric, stat) -> series.
        by_label: (metric, stat, scope, the scope's own label) -> series, as ordered above.
        stats: Metric -> the stats it is forecast in.
        carried_over: Model -> cluster -> how many of its series go on with an earlier forecast.
    """

    models: Mapping[str, Served]
    series: tuple[Found, ...]
    by_id: Mapping[tuple[str, str, str], Found]
    by_label: Mapping[tuple[str, str, str, str], tuple[Found, ...]]
    stats: Mapping[str, tuple[str, ...]]
    carried_over: Mapping[str, Mapping[str, int]]

    @staticmethod
    def of(models: Mapping[str, Served]) -> "Snapshot":
        """Index these bundles."""
        found = sorted(
            (
                Found(served, row, entry)
                for _, served in sorted(models.items())
                for row, entry in enumerate(served.bundle.index)
            ),
            key=lambda f: (f.entry.series, f.entry.metric, f.entry.stat),
        )
        by_label: dict[tuple[str, str, str, str], list[Found]] = {}
        stats: dict[str, set[str]] = {}
        carried_over: dict[str, Counter[str]] = {name: Counter() for name in models}
        for item in found:
            entry = item.entry
            stats.setdefault(entry.metric, set()).add(entry.stat)
            scope = entry.labels.get("scope", "")
            own = entry.labels.get(scope, "")  # the label that names a scope is called like it
            by_label.setdefault((entry.metric, entry.stat, scope, own), []).append(item)
            if scope == "cluster":
                by_label.setdefault((entry.metric, entry.stat, scope, ""), []).append(item)
            if entry.is_carried_over:
                carried_over[item.served.name][entry.labels.get("cluster", "")] += 1
        return Snapshot(
            dict(sorted(models.items())),
            tuple(found),
            {(f.entry.series, f.entry.metric, f.entry.stat): f for f in found},
            {key: tuple(items) for key, items in by_label.items()},
            {metric: tuple(sorted(names)) for metric, names in sorted(stats.items())},
            carried_over,
        )


class SnapshotStore:
    """Keeps the current snapshot, and replaces it when sync has brought something that is sound.

    Attributes:
        current: Read it once per request; it never changes under a reader.
        refused: How many bundles were refused, by (model, reason).
        swaps: How often the snapshot was replaced.
    """

    def __init__(self, cache: Path) -> None:
        self.current = Snapshot.of({})
        self.refused: Counter[tuple[str, str]] = Counter()
        self.swaps = 0
        self._cache = cache
        self._seen: Stat = None
        self._wanted: Mapping[str, str] = {}
        self._sound: dict[str, _Look] = {}
        self._unsound: dict[str, _Look] = {}
        self._told: dict[str, object] = {}
        self._log = structlog.get_logger("foresail.snapshot")

    def refresh(self) -> bool:
        """Look at `current.json` and its folders, return whether something else is served now.

        A bundle that fails its checks is counted and logged; its model's last good one stays. It
        is opened again once its folder has changed; one that could not be read, at every look.
        """
        seen = stat_of(self._cache / CURRENT)
        if seen is None or (seen != self._seen and not self._read(seen)):
            return False
        looks = {name: self._look(name, version) for name, version in self._wanted.items()}
        if seen == self._seen and all(
            look in (self._sound.get(name), self._unsound.get(name)) for name, look in looks.items()
        ):
            return False
        before = self.current.models
        models: dict[str, Served] = {}
        for name, look in looks.items():
            served = self._open(name, look, before.get(name))
            if served is not None:
                models[name] = served
        self._seen = seen
        if all(before.get(n) is s for n, s in models.items()) and len(models) == len(before):
            return False
        self.current = Snapshot.of(self._one_model_per_metric(models))
        self.swaps += 1
        for name, served in models.items():
            if before.get(name) is not served:
                self._log.info("serving", model=name, version=served.version)
        return True

    def _read(self, seen: Stat) -> bool:
        try:
            self._wanted = read_current(self._cache).models
        except BadBundle as error:
            self._refuse(CURRENT, error.check, str(error), of=seen)
            if not _may_pass(error):
                self._seen = seen
            return False
        return True

    def _look(self, name: str, version: str) -> _Look:
        return version, stats_of(version_folder(self._cache, name, version))

    def _open(self, name: str, look: _Look, last_good: Served | None) -> Served | None:
        version, stats = look
        if look == self._unsound.get(name):
            return last_good
        if last_good is not None and last_good.version == version:
            if look == self._sound.get(name):
                return last_good
            if stats[0] is None:  # what is mapped is still there for us
                self._unsound[name] = look
                return last_good
        try:
            bundle = Bundle.open(version_folder(self._cache, name, version))
            _one_metric(bundle)
        except BadBundle as error:
            self._refuse(name, error.check, str(error), of=look)
            if not _may_pass(error):
                self._unsound[name] = look
            return last_good
        except OSError as error:
            self._refuse(name, "unreadable", str(error.strerror), of=look)
            return last_good
        self._sound[name] = look
        return Served(name, version, bundle)

    def _one_model_per_metric(self, models: Mapping[str, Served]) -> dict[str, Served]:
        """Keep the first model of each metric: two would answer the same question differently."""
        kept: dict[str, Served] = {}
        for name, served in sorted(models.items()):
            metric = served.bundle.manifest.metric
            if any(metric == other.bundle.manifest.metric for other in kept.values()):
                text = f"another model serves {metric} already"
                self._refuse(name, "duplicate-metric", text, of=self._sound.get(name))
            else:
                kept[name] = served
        return kept

    def _refuse(self, model: str, reason: str, message: str, *, of: object) -> None:
        """Count and log; once for the same trouble `of` the same thing, however often it is met."""
        if self._told.get(model) == (reason, of):
            return
        self._told[model] = (reason, of)
        self.refused[model, reason] += 1
        self._log.warning("bundle refused", model=model, reason=reason, message=message)


def _may_pass(error: BadBundle) -> bool:
    """Say whether a file was there and could not be read: a machine out of handles may recover."""
    cause = error.__cause__
    return isinstance(cause, OSError) and not isinstance(cause, FileNotFoundError)


def _one_metric(bundle: Bundle) -> None:
    metric = bundle.manifest.metric
    keys = {(entry.series, entry.stat) for entry in bundle.index}
    if len(keys) != len(bundle.index) or any(entry.metric != metric for entry in bundle.index):
        raise BadBundle(
            f"the index names a series twice or holds more than the metric {metric}", check="index"
        )
    if bundle.manifest.quantiles != QUANTILES or bundle.manifest.step_seconds != _HOUR_SECONDS:
        raise BadBundle(
            f"expected hourly p10, p50, p90, found steps of {bundle.manifest.step_seconds} s and "
            f"quantiles {bundle.manifest.quantiles}",
            check="quantiles",
        )
