"""Staging a file that someone already has."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from foresail.errors import BadInput
from foresail.history.files import Collected, block_of_rows, collect_from_file
from foresail.history.manifest import Troubles
from foresail.settings import Settings

NOW = datetime(2025, 1, 1, 5, 30, tzinfo=UTC)


def collect(tmp_path: Path, text: str, *, until: datetime | None = None) -> Collected:
    """Collect from a file of that text."""
    file = tmp_path / "usage.csv"
    file.write_text(text)
    return collect_from_file(
        str(file),
        settings=Settings(),
        cluster="prod",
        metrics=("cpu", "memory"),
        scopes=("cluster", "node", "namespace", "workload"),
        now=NOW,
        until=until,
    )


def long(*lines: str) -> str:
    """Return a long CSV of these lines."""
    return "\n".join(["series,metric,ds,y", *lines, ""])


def hourly(series: str, *values: float) -> list[str]:
    """Return lines of one value an hour from midnight on."""
    return [f"{series},cpu,2025-01-01T{h:02d}:00:00Z,{y}" for h, y in enumerate(values)]


def test_a_wide_file_is_staged_as_the_cluster(tmp_path: Path) -> None:
    """With its name and labels."""
    usage = collect(tmp_path, "timestamp,cpu,memory\n2025-01-01T00:00:00Z,1,2\n").usage
    assert usage[["series", "metric", "mean", "scope"]].to_numpy().tolist() == [
        ["prod/cluster", "cpu", 1.0, "cluster"],
        ["prod/cluster", "memory", 2.0, "cluster"],
    ]


def test_finer_rows_become_mean_and_maximum(tmp_path: Path) -> None:
    """An hour with far fewer rows than usual is a gap, and the open hour is never staged."""
    stamps = [f"{h:02d}:{m:02d}" for h in range(4) for m in range(0, 60, 15)]
    stamps.remove("02:15")
    stamps.remove("02:30")
    stamps += ["05:00", "05:15"]
    lines = [f"x,cpu,2025-01-01T{s}:00Z,{i}" for i, s in enumerate(stamps)]
    collected = collect(tmp_path, long(*lines))
    rows = collected.usage.itertuples()
    assert [(f"{r.ds:%H}", r.mean, r.max, round(r.p95, 9), r.points) for r in rows] == [
        ("00", 1.5, 3.0, 2.85, 4),
        ("01", 5.5, 7.0, 6.85, 4),
        ("03", 11.5, 13.0, 12.85, 4),
    ]


def test_one_row_an_hour_is_the_mean_only(tmp_path: Path) -> None:
    """A maximum that nobody measured is not made up."""
    usage = collect(tmp_path, long(*hourly("x", 1, 2))).usage
    assert usage["mean"].tolist() == [1, 2]
    assert usage[["max", "p95"]].isna().all(axis=None)


def test_ids_of_our_own_form_get_their_labels_and_others_are_workloads(tmp_path: Path) -> None:
    """A series is never taken for the cluster's total by its name alone."""
    text = long(
        *hourly("c/node/n1", 1), *hourly("c/workload/shop/Deployment/web", 1), *hourly("my db", 1)
    )
    usage = collect(tmp_path, text).usage.set_index("series")
    assert usage.loc["c/node/n1", ["scope", "node", "cluster"]].tolist() == ["node", "n1", "c"]
    web = usage.loc["c/workload/shop/Deployment/web"]
    assert web[["namespace", "kind", "workload"]].tolist() == ["shop", "Deployment", "web"]
    other = usage.loc["my db"]
    assert other[["scope", "workload", "cluster"]].tolist() == ["workload", "my db", "prod"]


def test_identical_duplicates_are_dropped_and_conflicting_ones_refused(tmp_path: Path) -> None:
    """The refused series is named with its code; the others go on."""
    text = long(*hourly("good", 1, 2), *hourly("good", 1), *hourly("bad", 1, 2), *hourly("bad", 9))
    collected = collect(tmp_path, text)
    assert set(collected.usage["series"]) == {"good"}
    assert [(r.series, r.code) for r in collected.refused] == [("bad", 301)]
    assert collected.query.duplicates == 1
    assert collected.query.troubled == {"good cpu": Troubles(duplicates=1)}


def test_future_negative_and_infinite_series_are_refused(tmp_path: Path) -> None:
    """Each with its own code."""
    text = long(
        *hourly("good", 1),
        "late,cpu,2025-01-01T06:00:00Z,1",
        "minus,cpu,2025-01-01T01:00:00Z,-1",
        "inf,cpu,2025-01-01T01:00:00Z,inf",
    )
    refused = {r.series: r.code for r in collect(tmp_path, text).refused}
    assert refused == {"late": 304, "minus": 303, "inf": 302}


def test_nothing_after_until_is_staged(tmp_path: Path) -> None:
    """`until` is exclusive and floored to the hour."""
    until = datetime(2025, 1, 1, 2, 59, tzinfo=UTC)
    usage = collect(tmp_path, long(*hourly("x", 1, 2, 3)), until=until).usage
    assert list(usage["mean"]) == [1.0, 2.0]
    assert usage["ds"].max() == pd.Timestamp("2025-01-01T01:00Z")


def test_other_metrics_alone_are_an_error(tmp_path: Path) -> None:
    """It says what the file holds."""
    with pytest.raises(BadInput, match="it holds disk by cluster"):
        collect(tmp_path, "timestamp,disk\n2025-01-01T00:00:00Z,1\n")


def test_the_order_of_rows_and_repeats_change_nothing(tmp_path: Path) -> None:
    """Chunks that overlap, in any order, give the same hours."""
    rows = hourly("a", 1, 2, 3, 4) + hourly("b", 5, 6, 7)
    expected = collect(tmp_path, long(*rows)).usage
    shuffled = collect(tmp_path, long(*rows[5:], *rows[2:6][::-1], *rows[:3])).usage
    pd.testing.assert_frame_equal(shuffled, expected)


def test_a_spreadsheet_is_staged_as_a_plain_file_is(tmp_path: Path) -> None:
    """Semicolons, decimal commas, local days first: the same hours."""
    plain = "timestamp,cpu,memory\n2025-01-01T00:00Z,0.25,3\n2025-01-01T01:00Z,1.5,\n"
    sheet = "\ufeff Timestamp;CPU;Memory;\r\n1.1.2025 00:00Z;0,25;3;\r\n1.1.2025 01:00Z;1,5;;\r\n"
    expected = collect(tmp_path, plain).usage
    pd.testing.assert_frame_equal(collect(tmp_path, sheet).usage, expected)


def test_flat_short_and_idle_series_go_on(tmp_path: Path) -> None:
    """Whether they can be forecast is judged later, series by series."""
    rows = hourly("flat", 3, 3, 3) + hourly("idle", 0, 0, 0) + hourly("short", 1, 2)
    rows += [hourly("gaps", 1, 2, 3, 4)[hour] for hour in (0, 3)]
    collected = collect(tmp_path, long(*rows))
    assert set(collected.usage["series"]) == {"flat", "idle", "short", "gaps"}
    assert collected.refused == ()


def test_rows_become_a_block(tmp_path: Path) -> None:
    """Hours that a series does not have are gaps; the statistics and labels are its own."""
    text = long(*hourly("c/node/b", 1, 2, 3), "c/node/a,cpu,2025-01-01T02:00:00Z,7")
    block = block_of_rows(collect(tmp_path, text).usage)
    assert block.series == ("c/node/a", "c/node/b")
    assert block.labels[0] == ("c", "node", "a", "", "", "")
    np.testing.assert_array_equal(block.mean, [[np.nan, np.nan, 7], [1, 2, 3]])
    np.testing.assert_array_equal(block.points, [[0, 0, 1], [1, 1, 1]])


def test_a_stray_stamp_is_refused(tmp_path: Path) -> None:
    """It would make a panel of every hour since."""
    lines = [*hourly("x", 1, 2), "x,cpu,1971-01-01T00:00:00Z,1"]
    with pytest.raises(BadInput, match="reaches from 1971-01-01 to 2025-01-01, more than 20 years"):
        collect(tmp_path, long(*lines))
