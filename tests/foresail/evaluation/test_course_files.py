"""What is learnt from a panel, in files: another process forecasts the same bits with it."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from factories.panels import panel_of

from foresail.contenders import (
    Contender,
    HourQuantiles,
    Median28d,
    PanelBooster,
    RecentQuantiles,
    SeasonalNaive,
)
from foresail.errors import BadInput
from foresail.evaluation import layout
from foresail.evaluation.block import Course, contest_of
from foresail.evaluation.contest import prepare
from foresail.evaluation.course_files import read_course, series_of, write_course
from foresail.evaluation.layout import Layout
from foresail.horizons import NEXT_DAY, NEXT_WEEK
from foresail.panel import Panel

CONTENDERS: tuple[Contender, ...] = (
    SeasonalNaive(24),
    RecentQuantiles(2),
    HourQuantiles(7),
    Median28d(),
    PanelBooster(),
)


def noisy_rhythms() -> Panel:
    """Return thirty days of twenty series, of which half began late."""
    random, hours = np.random.default_rng(0), np.arange(30 * 24)
    values = 10 + np.sin(hours / 24 * 2 * np.pi) + random.normal(0, 0.3, (20, hours.size))
    values[1::2, : 9 * 24] = np.nan
    return panel_of(values)


@pytest.fixture(scope="module")
def learnt() -> tuple[Course, Layout]:
    """Learn from a first block of twelve series."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "FIRST", 12)
        course, cut, _ = prepare(
            noisy_rhythms(), horizons=(NEXT_DAY, NEXT_WEEK), contenders=CONTENDERS, windows=2
        )
    return course, cut


@pytest.fixture
def folder(learnt: tuple[Course, Layout], tmp_path: Path) -> Path:
    """Write what was learnt."""
    write_course(tmp_path / "learnt", *learnt)
    return tmp_path / "learnt"


def test_a_block_is_forecast_alike_by_what_was_read(
    learnt: tuple[Course, Layout], folder: Path
) -> None:
    """Entries, forecasts and scores of a series that was not learnt from, to the last bit."""
    course, cut = read_course(folder, CONTENDERS)
    assert (cut.series, cut.first.tolist()) == (20, learnt[1].first.tolist())
    block = noisy_rhythms().select(cut.rest[0].tolist())
    ours, theirs = contest_of(learnt[0], block), contest_of(course, block)
    assert theirs.index == ours.index
    np.testing.assert_array_equal(theirs.forecast, ours.forecast)
    np.testing.assert_array_equal(theirs.board.sums, ours.board.sums)


def test_each_lesson_is_written_once(learnt: tuple[Course, Layout], folder: Path) -> None:
    """Windows of neighbouring days share one, and the last one is of all that is known."""
    plain = json.loads((folder / "course.json").read_text())
    lessons = plain["lessons"]["booster"]
    assert len(lessons) == len(learnt[0].lesson.exam.plan)
    written = {path.name for path in (folder / "learners" / "booster").iterdir()}
    assert written == {*map(str, lessons), "final"}
    assert len(written) - 1 < len(lessons)


def test_nothing_in_the_files_is_a_pickle(folder: Path) -> None:
    """JSON, arrays that numpy reads without, and LightGBM's text."""
    suffixes = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert suffixes == {".json", ".npz", ".txt"}
    with np.load(folder / "course.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype.kind in "fi" for name in arrays.files)


def test_how_many_series_there_are_is_read_alone(folder: Path, tmp_path: Path) -> None:
    """Without loading a model."""
    assert series_of(folder) == 20
    with pytest.raises(BadInput, match=r"no course in .*; learn from the panel again"):
        series_of(tmp_path)


def _without_arrays(folder: Path) -> None:
    (folder / "course.npz").unlink()


def _cut_off(folder: Path) -> None:
    (folder / "course.npz").write_bytes((folder / "course.npz").read_bytes()[:100])


def _no_json(folder: Path) -> None:
    (folder / "course.json").write_text("{")


@pytest.mark.parametrize("damage", [_without_arrays, _cut_off, _no_json])
def test_a_damaged_course_is_refused(folder: Path, damage: Callable[[Path], None]) -> None:
    """Whatever is wrong with its files."""
    damage(folder)
    with pytest.raises(BadInput, match=r"no course in .*; learn from the panel again"):
        read_course(folder, CONTENDERS)


def test_a_course_of_other_contenders_is_refused(folder: Path) -> None:
    """Their places on the board would not be the same."""
    with pytest.raises(BadInput, match=r"with the contenders seasonal_naive_24h, recent_2d, got"):
        read_course(folder, CONTENDERS[:2])


def test_a_learner_whose_lessons_cannot_be_written_is_named(
    learnt: tuple[Course, Layout], tmp_path: Path
) -> None:
    """It can take part in a contest that is not shared out."""
    course, cut = learnt
    rule = Course(course.lesson, course.contenders, {"booster": Median28d()}, (NEXT_DAY,), 0)
    with pytest.raises(BadInput, match=r"what median_28d learnt cannot be written to files"):
        write_course(tmp_path, rule, cut)
