"""A panel that stays on disk: a shard reads the series that it works on."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from foresail.errors import BadInput
from foresail.panel import FloatArray, IntArray, Panel, SeriesInfo, TimeArray

_BETWEEN = " \t\r\n,"


@dataclass(frozen=True, slots=True)
class StoredPanel:
    """What `Panel.save` wrote, with the index of some of its series.

    Attributes:
        ds: Bucket starts.
        values: Of all series, mapped: what is not looked at is not read.
        index: Row -> what is known of a series.
    """

    ds: TimeArray
    values: FloatArray
    index: Mapping[int, SeriesInfo]

    @staticmethod
    def open(folder: Path, rows: IntArray) -> "StoredPanel":
        """Return the panel in a folder, ready to give these rows.

        Raises:
            BadInput: The folder holds no panel, or one without such a row.
        """
        wanted = set(rows.tolist())
        try:
            values = np.load(folder / "values.npy", mmap_mode="r", allow_pickle=False)
            seconds = np.load(folder / "ds.npy", allow_pickle=False)
            text = (folder / "index.json").read_text(encoding="utf-8")
            index = {
                row: SeriesInfo(**one) for row, one in enumerate(_items(text)) if row in wanted
            }
        except (OSError, ValueError, TypeError) as error:
            raise BadInput(
                f"no panel in {folder}: expected values.npy, ds.npy, index.json"
            ) from error
        if len(index) != len(wanted) or max(wanted, default=-1) >= len(values):
            raise BadInput(
                f"expected {max(wanted) + 1} series at least in {folder}, got {len(values)}; "
                "learn from this panel first"
            )
        return StoredPanel(seconds.astype("datetime64[s]"), values, index)

    def select(self, rows: IntArray) -> Panel:
        """Return the panel of these rows, in this order."""
        index = tuple(self.index[row] for row in rows.tolist())
        return Panel(self.ds, np.array(self.values[rows]), index)

    def last(self, hours: int) -> Panel:
        """Return the last hours of the whole panel, all of whose rows it must hold; unread."""
        index = tuple(self.index[row] for row in range(len(self.values)))
        return Panel(self.ds[-hours:], self.values[:, -hours:], index)


def _items(text: str) -> Iterator[dict[str, Any]]:
    """Yield the items of a JSON list, one at a time: a million of them at once fill gigabytes."""
    decoder, place = json.JSONDecoder(), text.index("[") + 1
    while True:
        while place < len(text) and text[place] in _BETWEEN:
            place += 1
        if text[place : place + 1] == "]":
            return
        item, place = decoder.raw_decode(text, place)
        yield item
