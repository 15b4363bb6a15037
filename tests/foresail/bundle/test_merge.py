"""Blocks of a forecast as files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from factories.boards import board_of, served_entry

from foresail.bundle.merge import among, check_parts, read_blocks, write_block
from foresail.contenders import Outcome, SeasonalNaive
from foresail.errors import BadInput
from foresail.evaluation import Contest
from foresail.evaluation.outcome import ServedModel
from foresail.panel import Panel


@dataclass(frozen=True)
class Names:
    """A fitted model that is the names of its series."""

    series: tuple[str, ...]

    def select(self, rows: Sequence[int]) -> "Names":
        """Return those of these rows."""
        return Names(tuple(self.series[row] for row in rows))

    def join(self, others: "Sequence[Names]") -> "Names":
        """Return these and the others."""
        return Names(sum((other.series for other in others), self.series))

    def save(self, folder: Path) -> None:
        """Write a line a series."""
        folder.mkdir(parents=True)
        (folder / "names.txt").write_text("\n".join(self.series))


@dataclass(frozen=True)
class Namer:
    """A contender that keeps the names of its series."""

    name: str = "namer"

    def forecast(self, panel: Panel, *, hours: int) -> Outcome:
        """Forecast nothing."""
        return Outcome(np.full((len(panel), hours, 3), np.nan))

    def load_model(self, folder: Path) -> Names:
        """Return the names in the file."""
        return Names(tuple((folder / "names.txt").read_text().split("\n")))


CONTENDERS = (SeasonalNaive(24), Namer())
ROWS = np.array([3, 8])


def contest() -> Contest:
    """Return the outcome of two series, of which a model of the second one is kept."""
    return Contest(
        index=(served_entry("a", ["namer"] * 2), served_entry("b", ["namer"] * 2)),
        forecast=np.random.default_rng(0).normal(size=(2, 888, 3)),
        models={"namer": ServedModel((1,), Names(("b",)))},
        board=board_of(np.random.default_rng(1).uniform(size=(1, 3, 2, 2)), names=["namer"]),
    )


def test_a_block_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Entries, scores and models; the forecast in the 32 bits that a bundle has."""
    write_block(tmp_path, ROWS, contest())
    ((rows, back),) = read_blocks([tmp_path], CONTENDERS)
    assert rows.tolist() == [3, 8]
    assert back.index == contest().index
    np.testing.assert_array_equal(back.forecast, contest().forecast.astype(np.float32))
    assert back.models == contest().models
    np.testing.assert_array_equal(back.board.sums, contest().board.sums)


def test_blocks_of_all_parts_are_read_one_after_the_other(tmp_path: Path) -> None:
    """A part may hold several, or nothing."""
    for name in ("0", "1", "2"):
        (tmp_path / name).mkdir()
    write_block(tmp_path / "0", ROWS, contest())
    write_block(tmp_path / "0", ROWS - 3, contest())
    write_block(tmp_path / "2", ROWS + 10, contest())
    parts = [tmp_path / name for name in ("2", "1", "0")]
    assert [rows.tolist() for rows, _ in read_blocks(parts, CONTENDERS)] == [
        [13, 18],
        [0, 5],
        [3, 8],
    ]


@pytest.mark.parametrize("file", ["rows.npy", "forecast.npy", "index.json", "models.json"])
def test_a_block_without_a_file_is_refused(tmp_path: Path, file: str) -> None:
    """It says which one."""
    write_block(tmp_path / "7", ROWS, contest())
    (tmp_path / "7" / "block-00000003" / file).unlink()
    with pytest.raises(BadInput, match=r"the part 7 of a forecast is not whole \(block-00000003\)"):
        list(read_blocks([tmp_path / "7"], CONTENDERS))


def test_a_model_that_nobody_reads_is_refused(tmp_path: Path) -> None:
    """Of a contender that is not there."""
    write_block(tmp_path / "7", ROWS, contest())
    with pytest.raises(BadInput, match="the part 7 of a forecast is not whole"):
        list(read_blocks([tmp_path / "7"], CONTENDERS[:1]))


def test_a_block_whose_files_do_not_fit_is_refused(tmp_path: Path) -> None:
    """Three rows and two entries are not one block."""
    write_block(tmp_path / "7", ROWS, contest())
    np.save(tmp_path / "7" / "block-00000003" / "rows.npy", np.arange(3))
    with pytest.raises(BadInput, match="the part 7 of a forecast is not whole"):
        list(read_blocks([tmp_path / "7"], CONTENDERS))


def test_series_of_one_metric_are_picked_out_of_all_blocks() -> None:
    """With their places among them; a block that has none is left out."""
    one, other = contest(), contest()
    blocks = [(np.array([3, 8]), one), (np.array([0, 1]), other)]
    ((places, part),) = among(blocks, [2, 5, 8, 11])
    assert places.tolist() == [2]
    assert [entry.series for entry in part.index] == ["b"]
    assert part.models == {"namer": ServedModel((0,), Names(("b",)))}


def test_parts_hold_every_series_once(tmp_path: Path) -> None:
    """One in none or in several is refused, and so is one that the panel does not have."""
    write_block(tmp_path / "0", np.array([0, 2]), contest())
    write_block(tmp_path / "1", np.array([1, 3]), contest())
    parts = [tmp_path / "0", tmp_path / "1"]
    check_parts(parts, 4)
    with pytest.raises(BadInput, match="each of 5 series in one part, 1 are in none and 0 in sev"):
        check_parts(parts, 5)
    with pytest.raises(BadInput, match="2 are in none and 2 in several; merge all parts of one"):
        check_parts([parts[0], parts[0]], 4)
    with pytest.raises(BadInput, match=r"the part 1 of a forecast is not whole \(block-00000001"):
        check_parts(parts, 3)
