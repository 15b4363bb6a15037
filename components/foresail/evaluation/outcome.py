"""What a contest leaves: of one block of series, and of blocks joined to their panel."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from foresail.bundle.schema import SeriesEntry
from foresail.contenders.protocol import FittedModel
from foresail.errors import BadInput
from foresail.evaluation.scores import ScoreBoard
from foresail.panel import FloatArray, IntArray, SeriesKey


@dataclass(frozen=True, slots=True)
class ServedModel:
    """The fitted model of one contender, for the series it serves.

    Attributes:
        rows: Of the contest's panel, ascending: series of which it serves at least one segment.
        model: Its fit of these series, in this order.
    """

    rows: tuple[int, ...]
    model: FittedModel

    def among(self, rows: Sequence[int]) -> FittedModel | None:
        """Return the model of those of its series that are among these rows; None if none is."""
        wanted = set(rows)
        places = [place for place, row in enumerate(self.rows) if row in wanted]
        return self.model.select(places) if places else None

    def at(self, places: IntArray) -> "ServedModel":
        """Return it with the places that its rows have in a larger panel."""
        return ServedModel(tuple(places[list(self.rows)].tolist()), self.model)

    @staticmethod
    def joined(parts: Sequence["ServedModel"]) -> "ServedModel":
        """Return the models of several blocks as one; their rows are those of the whole panel."""
        rows = np.concatenate([np.array(part.rows, dtype=np.int64) for part in parts])
        order = np.argsort(rows)
        first, *others = (part.model for part in parts)
        model = first.join(others) if others else first
        return ServedModel(tuple(rows[order].tolist()), model.select(order.tolist()))


@dataclass(frozen=True, slots=True)
class Contest:
    """Its outcome, ready to be published.

    Attributes:
        index: One entry a series, in the panel's order.
        forecast: Shape `(N, steps, 3)`; zero beyond an entry's `hours`.
        models: Contender's name -> its fit of the series it serves, where it keeps one.
        board: All scores, of the bands as they are served.
    """

    index: tuple[SeriesEntry, ...]
    forecast: FloatArray
    models: Mapping[str, ServedModel]
    board: ScoreBoard

    def rows(self, rows: Sequence[int]) -> "Contest":
        """Return the outcome of these series, ascending; nothing is copied where that is all."""
        if len(rows) == len(self.index):
            return self
        place = {row: i for i, row in enumerate(rows)}
        models = {
            name: ServedModel(tuple(place[row] for row in served.rows if row in place), model)
            for name, served in self.models.items()
            if (model := served.among(rows)) is not None
        }
        return Contest(
            tuple(self.index[row] for row in rows),
            self.forecast[list(rows)],
            models,
            self.board.rows(rows),
        )

    @staticmethod
    def joined(parts: Iterable[tuple[IntArray, "Contest"]], keys: Sequence[SeriesKey]) -> "Contest":
        """Return the outcomes of the blocks of a panel as one.

        Args:
            parts: Each with the rows of its series, every series in one of them; they are taken one
                after the other, so that a large panel's need not be held beside their outcome.
            keys: All series, in the panel's order.

        Raises:
            BadInput: There is no part.
        """
        whole: Contest | None = None
        entries: dict[int, SeriesEntry] = {}
        models: dict[str, list[ServedModel]] = defaultdict(list)
        for rows, part in parts:
            if whole is None:
                forecast = np.zeros((len(keys), *part.forecast.shape[1:]), part.forecast.dtype)
                whole = Contest((), forecast, {}, part.board.of_panel(keys))
            whole.forecast[rows] = part.forecast
            whole.board.put(rows, part.board)
            entries |= dict(zip(rows.tolist(), part.index, strict=True))
            for name, served in part.models.items():
                models[name].append(served.at(rows))
        if whole is None:
            raise BadInput("expected the outcome of one block at least, got none")
        return Contest(
            tuple(entries[row] for row in range(len(keys))),
            whole.forecast,
            {name: ServedModel.joined(served) for name, served in sorted(models.items())},
            whole.board,
        )
