"""What is served now: verified bundles behind one reference that is swapped whole."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from foresail.bundle import Bundle, SeriesEntry
from foresail.errors import BadBundle
from foresail.horizons import QUANTILES
from foresail_serving.cache import (
    CURRENT,
    Stat,
    challenger_of,
    read_current,
    stat_of,
    stats_of,
    version_folder,
)

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


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Snapshot:
    """All bundles at one moment, and where each series stands in them.

    Attributes:
        models: By name, in the order of names.
        series: All series, ordered by id, metric and stat.
        by_id: (series, metric, stat) -> series.
        by_label: (metric, stat, scope, the scope's own label) -> series, as ordered above.
        stats: Metric -> the stats it is forecast in.
        carried_over: Model -> cluster -> how many of its series go on with an earlier forecast.
        challenger: The bundles that may follow these, indexed alike; None where there are none.
    """

    models: Mapping[str, Served]
    series: tuple[Found, ...]
    by_id: Mapping[tuple[str, str, str], Found]
    by_label: Mapping[tuple[str, str, str, str], tuple[Found, ...]]
    stats: Mapping[str, tuple[str, ...]]
    carried_over: Mapping[str, Mapping[str, int]]
    challenger: "Snapshot | None" = None

    def of_alias(self, alias: str) -> "Snapshot":
        """Return these bundles for `champion`, and the challenger's, perhaps none, for another."""
        if alias == "champion":
            return self
        return Snapshot.of({}) if self.challenger is None else self.challenger

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
        trouble: What keeps the server from looking for changes, as a sentence; empty while it
            looks. Told by whoever calls `refresh` again and again.
    """

    def __init__(self, cache: Path) -> None:
        self.current = Snapshot.of({})
        self.refused: Counter[tuple[str, str]] = Counter()
        self.swaps = 0
        self.trouble = ""
        self._cache = cache
        self._seen: Stat = None
        # by what each is told as: a model's name, or its challenger's
        self._wanted: Mapping[str, tuple[str, str]] = {}
        self._before: Mapping[str, str] = {}
        self._sound: dict[str, _Look] = {}
        self._unsound: dict[str, _Look] = {}
        self._told: dict[str, object] = {}
        self._log = structlog.get_logger("foresail.snapshot")

    @property
    def is_incomplete(self) -> bool:
        """Say whether a model that is to be served is not there at all."""
        return any(
            name not in self.current.models and told == name
            for told, (name, _version) in self._wanted.items()
        )

    def refresh(self) -> bool:
        """Look at `current.json` and its folders, return whether something else is served now.

        A bundle that fails its checks is counted and logged; its model's last good one stays. It
        is opened again once its folder has changed; one that could not be read, at every look.
        """
        seen = stat_of(self._cache / CURRENT)
        if seen is None or (seen != self._seen and not self._read(seen)):
            return False
        looks = {told: self._look(*wanted) for told, wanted in self._wanted.items()}
        if seen == self._seen and all(
            look in (self._sound.get(told), self._unsound.get(told)) for told, look in looks.items()
        ):
            return False
        before = _by_told(self.current)
        found = {
            told: self._open(told, look, before) or self._previous(told)
            for told, look in looks.items()
        }
        self._seen = seen
        after = {told: served for told, served in found.items() if served is not None}
        if _same(before, after):
            return False
        self.current = self._snapshot(after)
        self.swaps += 1
        for told, served in after.items():
            if before.get(told) is not served:
                self._log.info("serving", model=told, version=served.version)
        return True

    def _snapshot(self, after: Mapping[str, Served]) -> Snapshot:
        """Return these champions and their challengers as one."""
        models, challengers = (
            self._one_model_per_metric(some)
            for some in (
                {told: served for told, served in after.items() if told == served.name},
                {told: served for told, served in after.items() if told != served.name},
            )
        )
        champions = self.current
        if not _same(champions.models, models):  # to index 10,000 series takes a while
            champions = Snapshot.of(models)
        return replace(champions, challenger=Snapshot.of(challengers) if challengers else None)

    def _read(self, seen: Stat) -> bool:
        try:
            current = read_current(self._cache)
        except BadBundle as error:
            self._refuse(CURRENT, error.check, str(error), of=seen)
            if not _may_pass(error):
                self._seen = seen
            return False
        self._wanted, self._before = current.wanted, current.previous
        return True

    def _look(self, name: str, version: str) -> _Look:
        return version, stats_of(version_folder(self._cache, name, version))

    def _open(self, told: str, look: _Look, before: Mapping[str, Served]) -> Served | None:
        last_good = before.get(told)
        if self._stays(told, look, last_good):
            return last_good
        name, version = self._wanted[told]
        challenger = challenger_of(name)
        if challenger in before and look == self._sound.get(challenger):
            self._sound[told] = look
            return before[challenger]  # promoted: it is mapped already
        try:
            bundle = Bundle.open(version_folder(self._cache, name, version))
            _one_metric(bundle)
        except BadBundle as error:
            self._refuse(told, error.check, str(error), of=look)
            if not _may_pass(error):
                self._unsound[told] = look
            return last_good
        except OSError as error:
            self._refuse(told, "unreadable", str(error.strerror), of=look)
            return last_good
        self._sound[told] = look
        return Served(name, version, bundle)

    def _previous(self, name: str) -> Served | None:
        """Return the version before, where a champion is not sound and none is mapped."""
        version = self._before.get(name)
        if version is None:
            return None
        try:
            bundle = Bundle.open(version_folder(self._cache, name, version))
            _one_metric(bundle)
        except (BadBundle, OSError) as error:
            self._log.warning("the version before is no better", model=name, reason=str(error))
            return None
        return Served(name, version, bundle)

    def _stays(self, told: str, look: _Look, last_good: Served | None) -> bool:
        """Say whether nothing need be opened: it was refused as it stands, or is mapped."""
        version, stats = look
        if look == self._unsound.get(told):
            return True
        if last_good is None or last_good.version != version:
            return False
        if stats[0] is None:  # what is mapped is still there for us
            self._unsound[told] = look
            return True
        return look == self._sound.get(told)

    def _one_model_per_metric(self, models: Mapping[str, Served]) -> dict[str, Served]:
        """Keep the first model of each metric: two would answer the same question differently."""
        kept: dict[str, Served] = {}
        for told, served in sorted(models.items()):
            metric = served.bundle.manifest.metric
            if any(metric == other.bundle.manifest.metric for other in kept.values()):
                text = f"another model serves {metric} already"
                self._refuse(told, "duplicate-metric", text, of=self._sound.get(told))
            else:
                kept[served.name] = served
        return kept

    def _refuse(self, model: str, reason: str, message: str, *, of: object) -> None:
        """Count and log; once for the same trouble `of` the same thing, however often it is met."""
        if self._told.get(model) == (reason, of):
            return
        self._told[model] = (reason, of)
        self.refused[model, reason] += 1
        self._log.warning("bundle refused", model=model, reason=reason, message=message)


def _same(some: Mapping[str, Served], others: Mapping[str, Served]) -> bool:
    """Say whether two hold the very same; equal bundles may be mapped from different files."""
    return len(some) == len(others) and all(some.get(told) is s for told, s in others.items())


def _by_told(snapshot: Snapshot) -> dict[str, Served]:
    """Return what is served by what it is told as."""
    challengers = snapshot.of_alias("challenger").models
    return dict(snapshot.models) | {challenger_of(n): s for n, s in challengers.items()}


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
