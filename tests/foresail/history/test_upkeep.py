"""Looking after a history: verify, compact, drop."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from foresail.errors import NotFound, UsageError
from foresail.history import read_history
from foresail.history.block import make_block
from foresail.history.frames import typed
from foresail.history.manifest import HistoryManifest, RunEntry
from foresail.history.naming import full_labels, series_id
from foresail.history.plan import Family
from foresail.history.staging import Stager, publish
from foresail.history.upkeep import compact, drop, verify
from foresail.objects.local import LocalStore
from foresail.settings import Settings

NOW = datetime(2025, 3, 10, tzinfo=UTC)
FAMILY = Family("history", "cpu", "node", "0123")


def stage(
    store: LocalStore,
    *,
    first: date = date(2025, 1, 30),
    days: int = 40,
    value: float = 1.0,
    at: datetime = NOW,
    cluster: str = "c",
) -> HistoryManifest:
    """Stage some days of one node, with a capacity a day."""
    labels = full_labels("node", {"node": "a"}, cluster=cluster)
    name = series_id("node", {"node": "a"}, cluster=cluster)
    ds = np.datetime64(first, "s") + np.arange(24 * days) * np.timedelta64(3600, "s")
    values = np.full((1, len(ds)), value)
    stager = Stager(store, cluster, "https://prometheus.example")
    stager.add_usage(
        make_block(ds, {name: tuple(labels.values())}, mean=values), metric="cpu", scope="node"
    )
    rows = pd.DataFrame({"ds": pd.to_datetime(ds[::24], utc=True), "value": value})
    stager.add_capacity(
        typed(
            rows.assign(series=name, metric="cpu", kind="allocatable")[
                ["series", "metric", "kind", "ds", "value"]
            ]
        ),
        cluster=cluster,
        metric="cpu",
    )
    stager.cover(FAMILY, [first + timedelta(days=i) for i in range(days)], until=at)
    entry = RunEntry(staged_at=at, source="p", cluster=cluster, since=None, until=at)
    return publish(store, [stager], [entry])


def add_day(stager: Stager, day: date, *, value: float) -> None:
    """Add one day of the node."""
    labels = full_labels("node", {"node": "a"}, cluster="c")
    ds = np.datetime64(day, "s") + np.arange(24) * np.timedelta64(3600, "s")
    block = make_block(ds, {"c/node/a": tuple(labels.values())}, mean=np.full((1, 24), value))
    stager.add_usage(block, metric="cpu", scope="node")


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """Return an empty store."""
    return LocalStore(tmp_path)


def test_a_whole_history_is_verified(store: LocalStore) -> None:
    """Every part is read; nothing is damaged, nothing is left over."""
    manifest = stage(store)
    found = verify(store)
    assert (found.parts, found.rows) == (80, 40 * 25)
    assert found.size == sum(part.size for part in manifest.parts)
    assert (found.damaged, found.orphans) == ((), ())


def test_every_damage_is_named_at_once(store: LocalStore, tmp_path: Path) -> None:
    """A missing part, a flipped bit, and one that nobody names."""
    parts = stage(store).parts
    (tmp_path / parts[0].key).unlink()
    data = bytearray((tmp_path / parts[1].key).read_bytes())
    data[-20] ^= 1
    (tmp_path / parts[1].key).write_bytes(data)
    (tmp_path / "history" / "stray").write_bytes(b"x")
    found = verify(store)
    assert [parts[0].key in found.damaged[0], parts[1].key in found.damaged[1]] == [True, True]
    assert len(found.damaged) == 2
    assert found.orphans == ("history/stray",)


def test_compacting_joins_the_days_of_past_months_and_loses_no_row(
    store: LocalStore, tmp_path: Path
) -> None:
    """February becomes one part; this month's days, and a lone day, stay as they are."""
    stage(store)
    before = read_history(str(tmp_path), settings=Settings())
    done = compact(store, now=NOW)
    after = read_history(str(tmp_path), settings=Settings())
    assert (done.joined, done.months) == (2 * (2 + 28), 2 * 2)
    assert after.manifest.digest == done.digest
    np.testing.assert_array_equal(after.panel.values, before.panel.values)
    pd.testing.assert_frame_equal(after.capacity, before.capacity)
    months = [part.key for part in after.manifest.parts if part.days > 1]
    assert months[2].startswith("history/cluster=c/metric=cpu/scope=node/month=2025-01/part-")
    assert len(after.manifest.parts) == 4 + 2 * 10
    assert verify(store).damaged == ()
    assert compact(store, now=NOW).joined == 0


def test_a_late_day_goes_into_its_month(store: LocalStore, tmp_path: Path) -> None:
    """A month part is replaced as a whole, as a day's part is."""
    stage(store)
    compact(store, now=NOW)
    manifest = stage(store, first=date(2025, 2, 3), days=1, value=7.0)
    panel = read_history(str(tmp_path), settings=Settings()).panel
    assert panel.values[0].sum() == 40 * 24 + 24 * 6
    assert len(manifest.parts) == 4 + 2 * 10


def test_older_states_stay_readable_as_long_as_they_are_kept(
    store: LocalStore, tmp_path: Path
) -> None:
    """Afterwards their parts go, and nothing else."""
    old = stage(store, at=NOW - timedelta(days=20))
    stage(store, days=1, value=2.0, at=NOW - timedelta(days=15))
    assert compact(store, now=NOW).removed == 0
    kept = read_history(str(tmp_path), settings=Settings(), digest=old.digest).manifest
    assert (kept.parts, kept.published_at) == (old.parts, NOW - timedelta(days=20))
    done = compact(store, now=NOW, keep_days=10)
    assert done.removed > 2
    assert verify(store).orphans == ()
    assert read_history(str(tmp_path), settings=Settings()).panel.values[0, 0] == 2.0


def test_a_journals_parts_are_not_removed(store: LocalStore) -> None:
    """A run that was stopped goes on from them."""
    stage(store)
    stager = Stager(store, "d", "https://other.example")
    labels = tuple(full_labels("node", {"node": "a"}, cluster="d").values())
    ds = np.array(["2025-03-01T00"], dtype="datetime64[s]")
    block = make_block(ds, {"d/node/a": labels}, mean=np.ones((1, 1)))
    stager.add_usage(block, metric="cpu", scope="node")
    stager.checkpoint()
    assert compact(store, now=NOW).removed == 0
    assert Stager(store, "d", "https://other.example").resumes


def test_days_before_a_date_are_dropped_and_not_asked_for_again(
    store: LocalStore, tmp_path: Path
) -> None:
    """Retention: the parts leave the history, the memory of having asked stays."""
    stage(store)
    manifest, gone = drop(store, now=NOW, before=date(2025, 2, 1))
    assert gone == 4
    assert manifest.covered[0].days.keys() >= {date(2025, 1, 30)}
    panel = read_history(str(tmp_path), settings=Settings()).panel
    assert panel.ds[0] == np.datetime64("2025-02-01")


def test_a_dropped_cluster_can_be_staged_anew(store: LocalStore, tmp_path: Path) -> None:
    """Its days are asked for again; the other cluster is untouched."""
    stage(store)
    stage(store, cluster="d")
    manifest, gone = drop(store, now=NOW, clusters=("d",))
    assert gone == 80
    assert {c.cluster: len(c.days) for c in manifest.covered} == {"c": 40}
    assert len(read_history(str(tmp_path), settings=Settings()).panel) == 1
    assert len(stage(store, cluster="d").parts) == 160


def test_dropping_nothing_or_everything_by_mistake_is_refused(store: LocalStore) -> None:
    """What goes must be said, and be there."""
    stage(store, days=1)
    with pytest.raises(UsageError, match="say what to drop"):
        drop(store, now=NOW)
    with pytest.raises(NotFound, match=r"nothing in .* is of that kind; nothing was dropped"):
        drop(store, now=NOW, metrics=("memory",))


def test_several_days_of_a_joined_month_are_staged_at_once(
    store: LocalStore, tmp_path: Path
) -> None:
    """Their part is read and written once; days after the month get parts of their own."""
    stage(store)
    compact(store, now=NOW)
    stage(store, first=date(2025, 2, 26), days=5, value=3.0)
    history = read_history(str(tmp_path), settings=Settings())
    assert history.panel.values[0].sum() == 40 * 24 + 5 * 24 * 2
    assert history.capacity["value"].sum() == 40 + 5 * 2
    assert verify(store).damaged == ()


def test_days_that_a_journal_names_are_not_joined(store: LocalStore, tmp_path: Path) -> None:
    """The run that was stopped goes on, and nothing of the month is lost."""
    stage(store)
    stager = Stager(store, "c", "https://prometheus.example")
    add_day(stager, date(2025, 2, 1), value=9.0)
    stager.checkpoint()
    assert compact(store, now=NOW).months == 3
    again = Stager(store, "c", "https://prometheus.example")
    entry = RunEntry(staged_at=NOW, source="p", cluster="c", since=None, until=NOW)
    publish(store, [again], [entry])
    panel = read_history(str(tmp_path), settings=Settings()).panel
    assert panel.values[0].sum() == 40 * 24 + 24 * 8


def test_a_run_that_began_before_the_days_were_joined_is_joined_with_them(
    store: LocalStore, tmp_path: Path
) -> None:
    """Its day goes into the month's part instead of standing beside it."""
    stage(store)
    stager = Stager(store, "c", "https://prometheus.example")
    compact(store, now=NOW)
    add_day(stager, date(2025, 2, 1), value=9.0)
    entry = RunEntry(staged_at=NOW, source="p", cluster="c", since=None, until=NOW)
    manifest = publish(store, [stager], [entry])
    assert len(manifest.parts) == 4 + 2 * 10
    panel = read_history(str(tmp_path), settings=Settings()).panel
    assert panel.values[0].sum() == 40 * 24 + 24 * 8


def test_months_too_large_to_be_read_at_once_are_left_as_days(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part is read whole."""
    stage(store)
    monkeypatch.setattr("foresail.history.upkeep.MAX_ROWS", 100)
    assert compact(store, now=NOW).months == 2 + 1


def test_a_torn_journal_or_older_state_stops_nobody(store: LocalStore, tmp_path: Path) -> None:
    """They are left aside; the history itself is whole."""
    stage(store, days=2)
    stage(store, days=3)
    for key in ("staging/0123.json", *[str(k) for k in store.keys("manifests/")][:1]):
        file = tmp_path / key
        file.parent.mkdir(exist_ok=True)
        file.write_text("{")
    assert verify(store).damaged == ()
    assert compact(store, now=NOW).removed == 0


def test_a_cluster_of_a_source_of_several_can_be_staged_anew(store: LocalStore) -> None:
    """What was asked of the source under its own name is asked again."""
    stage(store, cluster="east")
    stager = Stager(store, "thanos", "https://thanos.example")
    stager.cover(FAMILY, [date(2025, 2, 1)], until=NOW)
    entry = RunEntry(staged_at=NOW, source="t", cluster="thanos", since=None, until=NOW)
    publish(store, [stager], [entry])
    manifest, _ = drop(store, now=NOW, clusters=("east",), scopes=("node",))
    assert manifest.covered == ()
