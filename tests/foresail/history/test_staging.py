"""What a run adds to a history, and how it is read back."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from foresail.errors import BadInput, ForesailError, NotFound
from foresail.history import read_history
from foresail.history.frames import empty_capacity, typed
from foresail.history.manifest import HistoryManifest, part_key
from foresail.history.naming import full_labels, series_id
from foresail.history.staging import Collected, add_to_history
from foresail.objects import ObjectStore, open_store
from foresail.objects.local import LocalStore
from foresail.settings import Settings

NOW = datetime(2025, 1, 3, tzinfo=UTC)
SETTINGS = Settings()


def rows(*values: float, start: str = "2025-01-01T22:00Z", node: str = "a") -> pd.DataFrame:
    """Return hourly rows of one node."""
    labels = {"node": node}
    frame = pd.DataFrame(
        {"ds": pd.date_range(start, periods=len(values), freq="h", tz="UTC"), "y": list(values)}
    ).assign(
        series=series_id("node", labels, cluster="c"),
        metric="cpu",
        stat="mean",
        **full_labels("node", labels, cluster="c"),
    )
    return typed(frame)


def stage(
    folder: Path, usage: pd.DataFrame, *, edge: str = "", store: ObjectStore | None = None
) -> HistoryManifest:
    """Add rows to the history in a folder."""
    collected = Collected(
        source="https://prometheus.example",
        cluster="c",
        usage=usage,
        capacity=empty_capacity(),
        queries=(),
        since=NOW - timedelta(days=2),
        until=NOW,
        edges={("cpu", "node"): pd.Timestamp(edge)} if edge else {},
    )
    return add_to_history(store or open_store(str(folder), SETTINGS), collected, now=NOW)


def values(folder: Path) -> list[float]:
    """Return all values of the history in a folder."""
    return list(read_history(str(folder), settings=SETTINGS).frame["y"])


def test_rows_lie_in_one_part_a_metric_scope_and_day(tmp_path: Path) -> None:
    """The layout is the one that the documentation shows."""
    manifest = stage(tmp_path, rows(1, 2, 3))
    assert [part.key for part in manifest.parts] == [
        f"history/metric=cpu/scope=node/day=2025-01-01/part-{manifest.parts[0].sha256}.parquet",
        f"history/metric=cpu/scope=node/day=2025-01-02/part-{manifest.parts[1].sha256}.parquet",
    ]
    assert [part.rows for part in manifest.parts] == [2, 1]


def test_what_was_staged_comes_back_typed(tmp_path: Path) -> None:
    """UTC stamps, floats, plain strings, all labels."""
    digest = stage(tmp_path, rows(1.5)).digest
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
    first = stage(tmp_path, rows(1, 2))
    second = stage(tmp_path, rows(1, 2 * (1 + 1e-13)))
    assert second.digest == first.digest
    assert second.parts == first.parts
    assert [(run.added, run.changed) for run in second.runs] == [(2, 0), (0, 0)]


def test_what_the_source_forgot_stays(tmp_path: Path) -> None:
    """A later run adds its hours and deletes none."""
    stage(tmp_path, rows(1, 2))
    stage(tmp_path, rows(3, 4, start="2025-01-02T00:00Z"))
    assert values(tmp_path) == [1, 2, 3, 4]


def test_late_data_replace_older_values_by_a_new_part(tmp_path: Path) -> None:
    """Only the rows that changed are written; the older part stays where it is."""
    first = stage(tmp_path, rows(1, 2))
    second = stage(tmp_path, rows(1, 5))
    assert values(tmp_path) == [1, 5]
    assert second.parts[:1] == first.parts
    assert [part.rows for part in second.parts] == [2, 1]
    assert (tmp_path / first.parts[0].key).exists()


def test_where_the_source_begins_to_remember_nothing_is_replaced(tmp_path: Path) -> None:
    """Its first hours are not whole; a value that was staged when they were is better."""
    stage(tmp_path, rows(1, 2, 3))
    stage(tmp_path, rows(0.5, 2.5, 3.5), edge="2025-01-02T00:00Z")
    assert values(tmp_path) == [1, 2, 3.5]


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
    first = stage(tmp_path, rows(1))
    with pytest.raises(ForesailError, match="no space left"):
        stage(tmp_path, rows(5, 6, 7), store=FullDisk(tmp_path))
    assert read_history(str(tmp_path), settings=SETTINGS).manifest == first
    stage(tmp_path, rows(5, 6, 7))
    assert values(tmp_path) == [5, 6, 7]


def test_a_changed_part_is_refused_by_name(tmp_path: Path) -> None:
    """One flipped bit is found by the checksum."""
    part = stage(tmp_path, rows(1)).parts[0]
    data = bytearray((tmp_path / part.key).read_bytes())
    data[50] ^= 1
    (tmp_path / part.key).write_bytes(data)
    with pytest.raises(BadInput, match=rf"part-{part.sha256}.parquet .* sha256 differs"):
        values(tmp_path)


def test_a_missing_part_is_refused_by_name(tmp_path: Path) -> None:
    """A manifest that names what is not there is no history."""
    part = stage(tmp_path, rows(1)).parts[0]
    (tmp_path / part.key).unlink()
    with pytest.raises(BadInput, match=f"lacks {part.key}"):
        values(tmp_path)


def test_another_digest_is_refused(tmp_path: Path) -> None:
    """A cached step never reads a history that was staged again behind its back."""
    stage(tmp_path, rows(1))
    with pytest.raises(BadInput, match="expected the history 0123456789ab in"):
        read_history(str(tmp_path), settings=SETTINGS, digest="0123456789abcdef")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 2}, "has schema 2, this Foresail reads up to 1; upgrade it"),
        ({"parts": []}, "does not match its own digest"),
        ({"parts": [{"key": "x"}]}, "is damaged"),
    ],
)
def test_a_damaged_or_newer_manifest_is_refused(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    """Neither read nor written over."""
    stage(tmp_path, rows(1))
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(BadInput, match=message):
        values(tmp_path)
    with pytest.raises(BadInput, match=message):
        stage(tmp_path, rows(2))


def test_no_history_is_said_so(tmp_path: Path) -> None:
    """An empty folder is no error of the store."""
    with pytest.raises(NotFound, match=r"no history in .*; stage one first"):
        values(tmp_path)


def test_metrics_and_scopes_can_be_chosen(tmp_path: Path) -> None:
    """Parts of others are not even opened."""
    stage(tmp_path, rows(1))
    (tmp_path / stage(tmp_path, rows(2)).parts[0].key).write_bytes(b"broken")
    history = read_history(str(tmp_path), settings=SETTINGS, metrics={"memory"})
    assert len(history.frame) == 0
    assert list(history.frame.columns)[:5] == ["series", "metric", "stat", "ds", "y"]
    assert len(read_history(str(tmp_path), settings=SETTINGS, scopes={"cluster"}).frame) == 0


def test_a_name_from_outside_is_no_path() -> None:
    """A metric called like a way out becomes a harmless folder name."""
    key = part_key("history", metric="../x", scope="a/b", day=NOW.date(), sha256="0")
    assert key == "history/metric=..%2Fx/scope=a%2Fb/day=2025-01-03/part-0.parquet"
