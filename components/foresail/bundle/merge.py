"""The outcome of blocks of series as files, to be merged into one forecast of their panel.

A part is a folder that holds a folder a block:

- `rows.npy`      places of its series in the panel.
- `forecast.npy`  float32 `(series, steps, 3)`, as it goes into the bundle.
- `index.json`    a `SeriesEntry` a series.
- `scores.npz`    its scores.
- `models.json`, `models/<contender>/`: places in the block of the series that a contender's fit
  speaks of, and this fit.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from foresail.bundle.schema import FORECAST, INDEX, MODELS, SeriesEntry
from foresail.contenders.protocol import Contender, Keeper
from foresail.errors import BadInput
from foresail.evaluation.outcome import Contest, ServedModel
from foresail.evaluation.scores import ScoreBoard
from foresail.panel import IntArray

ROWS, SCORES, KEPT = "rows.npy", "scores.npz", "models.json"
_ENTRIES = TypeAdapter(tuple[SeriesEntry, ...])


def write_block(part: Path, rows: IntArray, contest: Contest) -> None:
    """Write the outcome of one block into a part, as a folder of its own.

    Args:
        part: Of a shard.
        rows: Places of the block's series in the panel, ascending.
        contest: Its outcome.
    """
    folder = part / f"block-{rows[0] if len(rows) else 0:08d}"
    folder.mkdir(parents=True)
    np.save(folder / ROWS, rows.astype(np.int64), allow_pickle=False)
    np.save(folder / FORECAST, contest.forecast.astype("<f4"), allow_pickle=False)
    entries = [entry.model_dump(mode="json") for entry in contest.index]
    _write_json(folder / INDEX, entries)
    contest.board.save(folder / SCORES)
    _write_json(folder / KEPT, {name: one.rows for name, one in contest.models.items()})
    for name, served in contest.models.items():
        served.model.save(folder / MODELS / name)


def check_parts(parts: Iterable[Path], series: int) -> None:
    """Hold the parts of a forecast to their panel, before any of them is read.

    Args:
        parts: What the shards wrote.
        series: How many there are in the panel.

    Raises:
        BadInput: Not every series is in one of them.
    """
    taken = np.zeros(series, dtype=np.int64)
    for part in parts:
        for folder in _blocks(part):
            try:
                np.add.at(taken, np.load(folder / ROWS, allow_pickle=False), 1)
            except (OSError, ValueError, IndexError) as error:
                raise _not_whole(folder) from error
    if (taken != 1).any():
        raise BadInput(
            f"expected each of {series} series in one part, {(taken == 0).sum()} are in none and "
            f"{(taken > 1).sum()} in several; merge all parts of one run"
        )


def read_blocks(
    parts: Iterable[Path], contenders: Sequence[Contender]
) -> Iterator[tuple[IntArray, Contest]]:
    """Yield rows and outcome of every block in these parts, one at a time.

    Args:
        parts: What the shards wrote; one may hold nothing.
        contenders: Who fitted the models.

    Raises:
        BadInput: A block is not whole.
    """
    keepers = {one.name: one for one in contenders if isinstance(one, Keeper)}
    for part in parts:
        for folder in _blocks(part):
            try:
                yield _read(folder, keepers)
            except (OSError, ValueError, KeyError, ValidationError) as error:
                raise _not_whole(folder) from error


def _blocks(part: Path) -> list[Path]:
    return sorted(path for path in part.glob("block-*") if path.is_dir())


def _not_whole(folder: Path) -> BadInput:
    return BadInput(
        f"the part {folder.parent.name} of a forecast is not whole ({folder.name}); train this "
        "shard again"
    )


def among(
    blocks: Iterable[tuple[IntArray, Contest]], rows: Sequence[int]
) -> Iterator[tuple[IntArray, Contest]]:
    """Yield of each block the series that are among these rows, with their places among them.

    Args:
        blocks: Rows and outcome of each.
        rows: Of the panel, ascending.
    """
    wanted = np.array(rows, dtype=np.int64)
    for held, contest in blocks:
        places = np.flatnonzero(np.isin(held, wanted))
        if len(places):
            yield np.searchsorted(wanted, held[places]), contest.rows(places.tolist())


def _read(folder: Path, keepers: dict[str, Keeper]) -> tuple[IntArray, Contest]:
    rows = np.load(folder / ROWS, allow_pickle=False)
    kept = json.loads((folder / KEPT).read_text(encoding="utf-8"))
    contest = Contest(
        index=_ENTRIES.validate_python(json.loads((folder / INDEX).read_text(encoding="utf-8"))),
        forecast=np.load(folder / FORECAST, allow_pickle=False),
        models={
            name: ServedModel(tuple(places), keepers[name].load_model(folder / MODELS / name))
            for name, places in kept.items()
        },
        board=ScoreBoard.load(folder / SCORES),
    )
    if len(contest.index) != len(rows) or contest.forecast.shape[0] != len(rows):
        raise ValueError(folder.name)
    return rows, contest


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, sort_keys=True, allow_nan=False), encoding="utf-8")
