"""`foresail forecast` on the command line: what it prints and what it writes."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from foresail.commands.forecast import app

DAYS = 40


@dataclass(frozen=True)
class Done:
    """What the command has left.

    Attributes:
        lines: Words of each line that it printed, by the series it begins with.
        rows: What it wrote, read as a program would.
    """

    lines: dict[str, list[str]]
    rows: pd.DataFrame


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Forecast the next day of a noisy series, three constant ones and one of two days."""
    folder = tmp_path_factory.mktemp("forecast")
    ds = pd.date_range("2026-01-05", periods=24 * DAYS, freq="h", tz="UTC")
    noise = 5 + np.random.default_rng(0).normal(0, 1, len(ds))
    given = {
        "shop": (ds, noise),
        "flat": (ds, np.full(len(ds), 2.0)),
        "settled": (ds, np.where(np.arange(len(ds)) < 240, noise, 1.0)),
        "lately": (ds[-288:], np.zeros(288)),
        "new": (ds[-48:], noise[:48]),
    }
    frames = [
        pd.DataFrame({"series": name, "metric": "cpu", "ds": when, "y": y})
        for name, (when, y) in given.items()
    ]
    pd.concat(frames).to_csv(folder / "usage.csv", index=False)
    out = folder / "day.csv"
    ran = CliRunner().invoke(
        app,
        ["--history", str(folder / "usage.csv"), "--out", str(out)],
        env={"COLUMNS": "100", "NO_COLOR": "1"},
    )
    assert ran.exit_code == 0, ran.exception
    words = [line.split() for line in ran.stderr.splitlines()]
    return Done({line[0]: line[1:] for line in words if line}, pd.read_csv(out))


@pytest.mark.parametrize("series", ["flat", "settled", "lately"])
def test_a_constant_is_called_constant(done: Done, series: str) -> None:
    """What won the windows from before it settled is not what is served now."""
    assert done.lines[series][-1] == "constant"


def test_a_series_of_two_days_is_unmeasured(done: Done) -> None:
    """There is room for no held-out window."""
    assert done.lines["new"][-1] == "unmeasured"


def test_the_printed_promise_is_the_written_one(done: Done) -> None:
    """Error by the naive's, coverage and windows stand in every row of the series."""
    (promised,) = (
        done.rows[done.rows["series"] == "shop"][["coverage", "vs_naive", "windows"]]
        .drop_duplicates()
        .itertuples(index=False)
    )
    assert 0 < promised.coverage <= 1
    assert done.lines["shop"][-4:] == [
        *(f"{100 * (promised.vs_naive - 1):+.0f}", "%"),
        *(f"{promised.coverage:.0%}", f"{promised.windows:.0f}"),
    ]


def test_what_is_not_measured_is_empty(done: Done) -> None:
    """Of the constants and of the new one nothing is promised in figures."""
    rest = done.rows[done.rows["series"] != "shop"]
    assert len(rest) == 4 * 24
    assert rest["p50"].notna().all()
    assert rest[["coverage", "vs_naive", "windows"]].isna().to_numpy().all()


@pytest.mark.parametrize(
    ("series", "reason"),
    [
        ("flat", "the series has been 2 cores for 28 days"),
        ("settled", "the series has been 1 core for 28 days"),
        ("lately", "the series has been 0 cores for 12 days"),
    ],
)
def test_a_constant_says_which_and_since_when(done: Done, series: str, reason: str) -> None:
    """At most the 28 days that are looked at."""
    rows = done.rows[done.rows["series"] == series]
    assert set(zip(rows["code"], rows["reason"], strict=True)) == {(101, reason)}
