"""The steps of a forecast by shards: what they merge is what train writes, to the last byte."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from factories.sharded import files_below, forecast_sharded, simulated_panel, write_panel

from foresail.bundle import Bundle
from foresail.errors import BadInput, UsageError
from foresail.evaluation import layout
from foresail.panel import Panel
from foresail.panel_prophet import PanelProphet
from foresail.steps import shard_learn, shard_merge, shard_train, train

TRAINING = {"horizons": "next_day,next_week", "windows": 2}


@dataclass(frozen=True)
class Whole:
    """A panel, and what train made of it."""

    folder: Path
    panel: Path

    @property
    def model(self) -> dict[str, bytes]:
        """Every file of the model."""
        return files_below(self.folder / "model")


@pytest.fixture(scope="module", autouse=True)
def _small_blocks() -> Iterator[None]:
    """Let 56 series be a first block of 16 and ten others of four."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "FIRST", 16)
        patch.setattr(layout, "BLOCK", 4)
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Train the simulated panel whole."""
    folder = tmp_path_factory.mktemp("whole")
    panel = write_panel(folder / "panel", simulated_panel())
    train.run(panel=panel, model=folder / "model", summary=folder / "summary.md", **TRAINING)
    return Whole(folder, panel)


@pytest.mark.parametrize(("shards", "made"), [(1, 1), (3, 3), (7, 7), (50, 10)])
def test_shards_merge_to_what_train_writes(
    whole: Whole, tmp_path: Path, shards: int, made: int
) -> None:
    """Every file of every bundle, the scores and the summary; no shard is without a block."""
    numbers = forecast_sharded(whole.panel, tmp_path, shards=shards, **TRAINING)
    assert numbers == list(range(made))
    merged = files_below(tmp_path / "model")
    assert [name for name in merged if merged[name] != whole.model.get(name)] == []
    assert merged.keys() == whole.model.keys()
    assert (tmp_path / "summary.md").read_text() == (whole.folder / "summary.md").read_text()


def test_a_bad_series_is_an_entry_with_a_code(whole: Whole) -> None:
    """No value, ended, constant, two days old: each is told, and all others are forecast."""
    entries = [
        entry
        for metric in ("cpu", "memory")
        for entry in Bundle.open(whole.folder / "model" / metric / "bundle").index
    ]
    codes = [entry.horizons["next_day"].code for entry in entries]
    assert len(entries) == 56
    assert sorted(code for code in codes if code) == [101, 203, 205]


def test_models_of_several_blocks_are_one(whole: Whole) -> None:
    """Prophet serves series of more than one block: they lie in one model, in the panel's order."""
    kept = PanelProphet.load(whole.folder / "model" / "cpu" / "bundle" / "models" / "prophet")
    keys = [str(one.series) for one in kept.report]
    assert len(keys) > 1
    assert keys == sorted(keys)


def test_a_panel_smaller_than_its_first_block_has_one_empty_shard(tmp_path: Path) -> None:
    """Nothing is left to share out: the loop runs once, on nothing, and nothing is lost."""
    panel = simulated_panel().select(range(10))
    folder = write_panel(tmp_path / "panel", panel)
    training = {"horizons": "next_day", "windows": 1}
    assert forecast_sharded(folder, tmp_path, shards=7, **training) == [0]
    assert list((tmp_path / "parts" / "0").iterdir()) == []
    assert len(Bundle.open(tmp_path / "model" / "cpu" / "bundle").index) == sum(
        info.metric == "cpu" for info in panel.index
    )


@pytest.fixture(scope="module")
def learnt(whole: Whole, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Learn for two shards, and train both."""
    folder = tmp_path_factory.mktemp("learnt")
    training = {"horizons": "next_day", "windows": 1}
    shard_learn.run(
        panel=whole.panel, learnt=folder / "learnt", part=folder / "first", shards=2, **training
    )
    for shard in (0, 1):
        part = folder / "parts" / str(shard)
        shard_train.run(panel=whole.panel, learnt=folder / "learnt", shard=shard, part=part)
    return folder


def merge(whole: Whole, learnt: Path, parts: list[Path], target: Path) -> None:
    """Merge these parts."""
    shard_merge.run(
        panel=whole.panel,
        learnt=learnt / "learnt",
        first=learnt / "first",
        parts=parts,
        model=target / "model",
        summary=target / "summary.md",
    )


def test_a_missing_part_is_no_bundle(whole: Whole, learnt: Path, tmp_path: Path) -> None:
    """Half of the shards are not the forecast of the panel."""
    with pytest.raises(BadInput, match="each of 56 series in one part, 20 are in none and 0 in"):
        merge(whole, learnt, [learnt / "parts" / "0"], tmp_path)
    assert not (tmp_path / "model").exists()


def test_a_part_that_is_there_twice_is_refused(whole: Whole, learnt: Path, tmp_path: Path) -> None:
    """Which of the two would count is not guessed at."""
    part = learnt / "parts" / "0"
    with pytest.raises(BadInput, match="20 are in none and 20 in several"):
        merge(whole, learnt, [part, part], tmp_path)


def test_a_part_that_is_not_whole_is_named(whole: Whole, learnt: Path, tmp_path: Path) -> None:
    """A block without its forecast says which one it is."""
    part = tmp_path / "0"
    shutil.copytree(learnt / "parts" / "0", part)
    (broken, *_) = sorted(part.iterdir())
    (broken / "forecast.npy").unlink()
    with pytest.raises(BadInput, match=rf"the part 0 of a forecast is not whole \({broken.name}\)"):
        merge(whole, learnt, [part, learnt / "parts" / "1"], tmp_path)


def test_a_shard_trained_again_is_the_same(whole: Whole, learnt: Path, tmp_path: Path) -> None:
    """A retry leaves the same bytes; the number may come as a decimal, as out of a list."""
    folder = tmp_path / "again"
    shard_train.run(panel=whole.panel, learnt=learnt / "learnt", shard=0.0, part=folder)  # type: ignore[arg-type]
    assert files_below(folder) == files_below(learnt / "parts" / "0")


def test_a_shard_that_is_not_there_is_refused(whole: Whole, learnt: Path, tmp_path: Path) -> None:
    """There are two, counted from 0."""
    with pytest.raises(UsageError, match="shard must be 0 to 1, got 2"):
        shard_train.run(
            panel=whole.panel, learnt=learnt / "learnt", shard=2, part=tmp_path / "part"
        )


def test_fewer_than_one_shard_is_refused(whole: Whole, tmp_path: Path) -> None:
    """Before anything is learnt."""
    with pytest.raises(UsageError, match="shards must be 1 or more, got 0"):
        shard_learn.run(
            panel=whole.panel, learnt=tmp_path / "learnt", part=tmp_path / "first", shards=0
        )
    assert not (tmp_path / "learnt").exists()


def test_folders_of_other_steps_are_refused(whole: Whole, learnt: Path, tmp_path: Path) -> None:
    """A panel is nothing that was learnt, and what was learnt is no panel."""
    with pytest.raises(BadInput, match=r"panel holds no task\.json; it is not an output of shard"):
        shard_train.run(panel=whole.panel, learnt=whole.panel, shard=0, part=tmp_path / "part")
    with pytest.raises(BadInput, match=r"no panel in .*expected values"):
        shard_train.run(
            panel=learnt / "learnt", learnt=learnt / "learnt", shard=0, part=tmp_path / "part"
        )


def test_another_panel_is_refused(whole: Whole, learnt: Path, tmp_path: Path) -> None:
    """One with fewer series than was learnt from cannot be this one."""
    other = write_panel(tmp_path / "panel", Panel.load(whole.panel).select(range(9)))
    with pytest.raises(BadInput, match=r"series at least in .*, got 9; learn from this panel"):
        shard_train.run(panel=other, learnt=learnt / "learnt", shard=1, part=tmp_path / "part")
