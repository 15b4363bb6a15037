"""What a run adds to a history, and how it is read back."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from foresail.errors import BadInput, ForesailError, NotFound, UsageError
from foresail.history import read_history
from foresail.history.block import Block, make_block
from foresail.history.frames import typed
from foresail.history.manifest import HistoryManifest, Partition, RunEntry, part_key
from foresail.history.naming import full_labels, series_id
from foresail.history.plan import Family
from foresail.history.staging import Stager, publish
from foresail.objects import ObjectStore, open_store
from foresail.objects.local import LocalStore
from foresail.settings import Settings

NAN = np.nan
NOW = datetime(2025, 1, 3, tzinfo=UTC)
SETTINGS = Settings()
SOURCE = "https://prometheus.example"
FAMILY = Family("history", "cpu", "node", "0123")


def block(
    *values: float, start: str = "2025-01-01T22", cluster: str = "c", **others: float
) -> Block:
    """Return hourly means of node a, and one value each of other nodes in the first hour."""
    rows = {"a": list(values)} | {
        name: [value, *[NAN] * (len(values) - 1)] for name, value in others.items()
    }
    labels = {
        series_id("node", {"node": name}, cluster=cluster): tuple(
            full_labels("node", {"node": name}, cluster=cluster).values()
        )
        for name in rows
    }
    ds = np.datetime64(start, "s") + np.arange(len(values)) * np.timedelta64(3600, "s")
    return make_block(ds, labels, mean=np.array(list(rows.values())))


def stager(folder: Path | ObjectStore, *, cluster: str = "c") -> Stager:
    """Return a stager of one source."""
    store = open_store(str(folder), SETTINGS) if isinstance(folder, Path) else folder
    return Stager(store, cluster, SOURCE)


def run_of(staged: Stager, **more: object) -> RunEntry:
    """Return what a run's entry says of it."""
    known = {"added": staged.added, "changed": staged.changed}
    return RunEntry(
        staged_at=NOW,
        source=SOURCE,
        cluster=staged.cluster,
        since=NOW - timedelta(days=2),
        until=NOW,
        **(known | more),
    )


def stage(folder: Path | ObjectStore, usage: Block) -> HistoryManifest:
    """Add a block to a history."""
    staged = stager(folder)
    staged.add_usage(usage, metric="cpu", scope="node")
    return publish(staged.store, [staged], [run_of(staged)])


def values(folder: Path) -> list[float]:
    """Return all values of the history in a folder."""
    return list(read_history(str(folder), settings=SETTINGS).frame["y"])


def test_there_is_one_part_a_cluster_metric_scope_and_day(tmp_path: Path) -> None:
    """The layout is the one that the documentation shows."""
    manifest = stage(tmp_path, block(1, 2, 3))
    place = "history/cluster=c/metric=cpu/scope=node"
    assert [part.key for part in manifest.parts] == [
        f"{place}/day=2025-01-01/part-{manifest.parts[0].sha256}.parquet",
        f"{place}/day=2025-01-02/part-{manifest.parts[1].sha256}.parquet",
    ]
    assert [part.rows for part in manifest.parts] == [2, 1]


def test_what_was_staged_comes_back_typed(tmp_path: Path) -> None:
    """UTC stamps, floats, plain strings, all labels."""
    digest = stage(tmp_path, block(1.5)).digest
    frame = read_history(str(tmp_path), settings=SETTINGS, digest=digest).frame
    assert frame.iloc[0].to_dict() == {
        "series": "c/node/a",
        "metric": "cpu",
        "stat": "mean",
        "ds": pd.Timestamp("2025-01-01T22:00Z"),
        "y": 1.5,
        "cluster": "c",
        "scope": "node",
        "node": "a",
        "namespace": "",
        "kind": "",
        "workload": "",
    }


def test_the_same_again_changes_nothing(tmp_path: Path) -> None:
    """Digest and parts stay, so that cached steps stay cached; the run itself is noted."""
    first = stage(tmp_path, block(1, 2))
    second = stage(tmp_path, block(1, 2 * (1 + 1e-13)))
    assert second.digest == first.digest
    assert second.parts == first.parts
    assert [(run.added, run.changed) for run in second.runs] == [(2, 0), (0, 0)]


def test_what_the_source_forgot_stays(tmp_path: Path) -> None:
    """A later run adds its hours and deletes none."""
    stage(tmp_path, block(1, 2, 3))
    stage(tmp_path, block(3, 4, start="2025-01-02T00"))
    assert values(tmp_path) == [1, 2, 3, 4]


def test_late_data_replace_a_part_as_a_whole(tmp_path: Path) -> None:
    """The older part stays where it is, for whoever reads the older state."""
    first = stage(tmp_path, block(1, 2))
    second = stage(tmp_path, block(NAN, 5, b=7))
    assert values(tmp_path) == [1, 5, 7]
    assert [part.rows for part in second.parts] == [3]
    assert (tmp_path / first.parts[0].key).exists()
    assert (second.runs[1].added, second.runs[1].changed) == (1, 1)


def test_an_older_state_is_read_by_its_digest(tmp_path: Path) -> None:
    """So that a forecast can be made again from what it was made of."""
    first = stage(tmp_path, block(1, 2))
    stage(tmp_path, block(1, 5))
    old = read_history(str(tmp_path), settings=SETTINGS, digest=first.digest)
    assert list(old.frame["y"]) == [1, 2]
    assert old.manifest.parts == first.parts
    assert [run.cluster for run in old.manifest.runs] == ["c"]


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1]])
def test_the_digest_does_not_depend_on_how_the_days_came(tmp_path: Path, order: list[int]) -> None:
    """One run or three, in whatever order: the same data are the same history."""
    whole = block(*range(60), start="2025-01-01T00")
    once = stage(tmp_path / "once", whole)
    pieces = [whole.hours(start, stop) for start, stop in ((0, 20), (20, 50), (50, 60))]
    for place in order:
        last = stage(tmp_path / "often", pieces[place])
    assert last.digest == once.digest
    assert last.parts == once.parts


class FullDisk(LocalStore):
    """A folder that takes one object and no more."""

    taken = 0

    def put(self, key: str, data: bytes) -> None:
        """Write the first object only."""
        if self.taken:
            raise ForesailError("no space left")
        self.taken += 1
        super().put(key, data)


def test_a_store_that_fails_half_way_leaves_the_history_as_it_was(tmp_path: Path) -> None:
    """Parts without a manifest do not count; the next run writes the same ones again."""
    first = stage(tmp_path, block(1))
    with pytest.raises(ForesailError, match="no space left"):
        stage(FullDisk(tmp_path), block(5, 6, 7))
    assert read_history(str(tmp_path), settings=SETTINGS).manifest == first
    stage(tmp_path, block(5, 6, 7))
    assert values(tmp_path) == [5, 6, 7]


def test_a_run_that_was_stopped_goes_on_from_its_journal(tmp_path: Path) -> None:
    """What it had written is known to the next one, and to nobody else until it is published."""
    stage(tmp_path, block(1, start="2025-01-01T00"))
    before = stager(tmp_path)
    before.add_usage(block(2, start="2025-01-02T00"), metric="cpu", scope="node")
    before.cover(FAMILY, [date(2025, 1, 2)], until=NOW)
    before.checkpoint()
    assert values(tmp_path) == [1]
    again = stager(tmp_path)
    assert again.resumes
    assert again.asked(FAMILY) == {date(2025, 1, 2): NOW}
    publish(again.store, [again], [run_of(again)])
    assert values(tmp_path) == [1, 2]
    assert not list((tmp_path / "staging").iterdir())


def test_another_source_does_not_take_a_journal_up(tmp_path: Path) -> None:
    """Nor does another cluster of the same address."""
    before = stager(tmp_path)
    before.add_usage(block(2), metric="cpu", scope="node")
    before.checkpoint()
    other = stager(tmp_path, cluster="d")
    assert not other.resumes
    publish(other.store, [other], [run_of(other)])
    assert values(tmp_path) == []
    assert stager(tmp_path).resumes


def test_a_journal_that_cannot_be_read_is_left_aside(tmp_path: Path) -> None:
    """Its work is done again."""
    before = stager(tmp_path)
    before.checkpoint()
    (tmp_path / before.journal_key).write_text('{"parts": 3}')
    assert not stager(tmp_path).resumes


def test_what_another_published_meanwhile_stays(tmp_path: Path) -> None:
    """A run that was stopped does not bring back the day as it was when it read it."""
    before = stager(tmp_path)
    before.add_usage(block(1, start="2025-01-02T00"), metric="cpu", scope="node")
    before.checkpoint()
    stage_of_another = Stager(before.store, "c", "https://other.example")
    stage_of_another.add_usage(
        block(5, 6, 7, start="2025-01-02T00", b=8), metric="cpu", scope="node"
    )
    publish(before.store, [stage_of_another], [run_of(stage_of_another)])
    again = stager(tmp_path)
    publish(again.store, [again], [run_of(again)])
    assert values(tmp_path) == [1, 6, 7, 8]


def test_another_address_is_asked_for_all_days(tmp_path: Path) -> None:
    """It may remember more: a Thanos after a Prometheus of 15 days."""
    first = stager(tmp_path)
    first.cover(FAMILY, [date(2025, 1, 1)], until=NOW)
    publish(first.store, [first], [run_of(first)])
    assert Stager(first.store, "c", "https://thanos.example").asked(FAMILY) == {}


def test_other_queries_are_another_measurement(tmp_path: Path) -> None:
    """A preset that was changed asks for all its days again."""
    first = stager(tmp_path)
    first.cover(FAMILY, [date(2025, 1, 1)], until=NOW)
    publish(first.store, [first], [run_of(first)])
    assert stager(tmp_path).asked(FAMILY) == {date(2025, 1, 1): NOW}
    assert stager(tmp_path).asked(Family("history", "cpu", "node", "4567")) == {}


def test_two_sources_that_are_staged_at_once_both_stay(tmp_path: Path) -> None:
    """The manifest is read again just before it is written."""
    one, two = stager(tmp_path), stager(tmp_path, cluster="d")
    one.add_usage(block(1), metric="cpu", scope="node")
    two.add_usage(block(2, cluster="d"), metric="cpu", scope="node")
    publish(one.store, [one], [run_of(one)])
    publish(two.store, [two], [run_of(two)])
    assert values(tmp_path) == [1, 2]


def test_a_source_that_did_not_answer_is_named_until_it_does(tmp_path: Path) -> None:
    """Its rows stay as they were."""
    one = stager(tmp_path)
    one.add_usage(block(1), metric="cpu", scope="node")
    publish(one.store, [one], [run_of(one)])
    down = publish(one.store, [], [run_of(stager(tmp_path), failure="no answer")])
    assert down.silent == ("c",)
    assert values(tmp_path) == [1]
    back = stager(tmp_path)
    assert publish(back.store, [back], [run_of(back)]).silent == ()


def test_series_that_appear_and_vanish_are_counted(tmp_path: Path) -> None:
    """The last day is held to the last day that was there before."""
    stage(tmp_path, block(1, 2, start="2025-01-01T00", b=1, old=3))
    later = stager(tmp_path)
    assert later.turnover() == (0, 0)
    later.add_usage(block(1, start="2025-01-02T00", b=1, new=3), metric="cpu", scope="node")
    assert later.turnover() == (1, 1)


def capacity(value: float, hour: int) -> pd.DataFrame:
    """Return one row of node a's allocatable memory."""
    row = {"series": "c/node/a", "metric": "memory", "kind": "allocatable", "value": value}
    return typed(pd.DataFrame([row | {"ds": f"2025-01-01T{hour:02}:00Z"}]))


def test_capacity_rows_of_a_day_are_joined(tmp_path: Path) -> None:
    """A later value of the same hour counts."""
    for value, hour in ((4, 3), (5, 7), (6, 3)):
        one = stager(tmp_path)
        one.add_capacity(capacity(value, hour), cluster="c", metric="memory")
        manifest = publish(one.store, [one], [run_of(one)])
    assert len(manifest.parts) == 1
    assert list(read_history(str(tmp_path), settings=SETTINGS).capacity["value"]) == [6, 5]
    late = read_history(str(tmp_path), settings=SETTINGS, capacity_at=NOW + timedelta(3)).capacity
    assert list(late.columns) == ["series", "metric", "kind", "ds", "value"]
    assert len(late) == 0
    stage(tmp_path, block(1))
    latest = read_history(str(tmp_path), settings=SETTINGS, capacity_at="latest").capacity
    assert list(latest["value"]) == [6, 5]


def test_a_changed_part_is_refused_by_name(tmp_path: Path) -> None:
    """One flipped bit is found by the checksum."""
    part = stage(tmp_path, block(1)).parts[0]
    data = bytearray((tmp_path / part.key).read_bytes())
    data[50] ^= 1
    (tmp_path / part.key).write_bytes(data)
    with pytest.raises(BadInput, match=rf"part-{part.sha256}.parquet .* sha256 differs"):
        values(tmp_path)


def test_a_missing_part_is_refused_by_name(tmp_path: Path) -> None:
    """A manifest that names what is not there is no history."""
    part = stage(tmp_path, block(1)).parts[0]
    (tmp_path / part.key).unlink()
    with pytest.raises(BadInput, match=f"lacks {part.key}"):
        values(tmp_path)


def test_a_state_that_is_not_kept_is_refused(tmp_path: Path) -> None:
    """A step never reads another history than it was told to; a digest is never a path."""
    stage(tmp_path, block(1))
    with pytest.raises(BadInput, match=r"the state 000000000000 of the history in .* is not kept"):
        read_history(str(tmp_path), settings=SETTINGS, digest="0" * 64)
    with pytest.raises(UsageError, match=r"expected a digest of 64 hexadecimal digits, got '\.\."):
        read_history(str(tmp_path), settings=SETTINGS, digest="../x")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 3}, "has schema 3, this Foresail reads 2; upgrade it"),
        ({"schema_version": 1, "parts": [{"key": "x"}]}, "has schema 1, .*; stage into another"),
        ({"parts": []}, "does not match its own digest"),
        ({"parts": [{"key": "x"}]}, "is damaged"),
    ],
)
def test_a_damaged_or_other_manifest_is_refused(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    """Neither read nor written over."""
    stage(tmp_path, block(1))
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(BadInput, match=message):
        values(tmp_path)
    with pytest.raises(BadInput, match=message):
        stage(tmp_path, block(2))


def test_no_history_is_said_so(tmp_path: Path) -> None:
    """An empty folder is no error of the store."""
    with pytest.raises(NotFound, match=r"no history in .*; stage one first"):
        values(tmp_path)


def test_metrics_and_scopes_can_be_chosen(tmp_path: Path) -> None:
    """Parts of others are not even opened."""
    stage(tmp_path, block(1))
    (tmp_path / stage(tmp_path, block(2)).parts[0].key).write_bytes(b"broken")
    history = read_history(str(tmp_path), settings=SETTINGS, metrics={"memory"})
    assert len(history.frame) == 0
    assert list(history.frame.columns)[:5] == ["series", "metric", "stat", "ds", "y"]
    assert len(read_history(str(tmp_path), settings=SETTINGS, scopes={"cluster"}).frame) == 0


def test_hours_and_statistics_can_be_chosen(tmp_path: Path) -> None:
    """Days before are not opened; a part that begins earlier is cut."""
    stage(tmp_path, block(*range(50), start="2025-01-01T00"))
    since = datetime(2025, 1, 2, 12, tzinfo=UTC)
    panel = read_history(str(tmp_path), settings=SETTINGS, since=since).panel
    assert panel.values.tolist() == [list(range(36, 50))]
    assert panel.ds[0] == np.datetime64("2025-01-02T12")
    other = read_history(str(tmp_path), settings=SETTINGS, stats=("p95",)).panel
    assert len(other) == 0


def test_a_name_from_outside_is_no_path() -> None:
    """A metric called like a way out becomes a harmless folder name."""
    partition = Partition(table="history", cluster="..", metric="../x", scope="a/b", day=NOW.date())
    key = part_key(partition, sha256="0")
    assert key == ("history/cluster=../metric=..%2Fx/scope=a%2Fb/day=2025-01-03/part-0.parquet")
