"""What every contender scored on every held-out window, kept as sums so that they can be joined.

The leads are cut into segments at the horizons' lengths: (0, 24], (24, 168], (168, 720]. A served
forecast is a composite - the segment's winner serves the segment - and because the board keeps sums
a composite's own score over a whole horizon is exact, not an average of averages.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from foresail.errors import BadInput
from foresail.evaluation.losses import inside, quantile_loss
from foresail.evaluation.windows import MIN_SHARE
from foresail.horizons import Horizon
from foresail.panel import FloatArray, IntArray, SeriesKey

MIN_WINDOWS = 3
"""Fewer held-out windows than this and a forecast counts as unmeasured."""
REFERENCE = "seasonal_naive_24h"
LOSS, ERROR, COVERED, HOURS = range(4)


@dataclass(frozen=True, slots=True)
class ScoreBoard:
    """Sums over the hours of each segment of each window.

    Attributes:
        contenders: C names.
        keys: N series.
        horizons: Those measured, shortest first; segment s ends with horizon s.
        sums: Shape `(C, W, N, S, 4)`: scaled quantile loss, scaled absolute error, hours inside the
            band, hours seen. All zero where a window does not count.
        naive: The same of the reference with the band that it came with, shape `(W, N, S, 4)`:
            what all are compared with, however bands are calibrated.
    """

    contenders: tuple[str, ...]
    keys: tuple[SeriesKey, ...]
    horizons: tuple[Horizon, ...]
    sums: FloatArray
    naive: FloatArray

    @staticmethod
    def empty(
        contenders: Sequence[str],
        keys: Sequence[SeriesKey],
        horizons: Sequence[Horizon],
        *,
        windows: int,
    ) -> "ScoreBoard":
        """Return a board without a score."""
        shape = (len(contenders), windows, len(keys), len(horizons), 4)
        return ScoreBoard(
            tuple(contenders), tuple(keys), tuple(horizons), np.zeros(shape), np.zeros(shape[1:])
        )

    def rows(self, rows: Sequence[int]) -> "ScoreBoard":
        """Return the board of these series."""
        keys = tuple(self.keys[i] for i in rows)
        some = list(rows)
        return ScoreBoard(
            self.contenders, keys, self.horizons, self.sums[:, :, some], self.naive[:, some]
        )

    def record(  # one cell of the board has this many coordinates
        self,
        contender: int,
        window: int,
        rows: IntArray,
        *,
        y: FloatArray,
        quantiles: FloatArray,
        scale: FloatArray,
    ) -> None:
        """Add one contender's forecast of one window.

        Args:
            contender: Its place in `contenders`.
            window: 0 for the latest.
            rows: Which series; n of them.
            y: What came, shape `(n, hours)`.
            quantiles: What was forecast, shape `(n, hours, 3)`; NaN where it failed.
            scale: Shape `(n,)`; NaN where the series has none.
        """
        per_hour = np.stack(
            [
                quantile_loss(y, quantiles) / scale[:, None],
                np.abs(y - quantiles[:, :, 1]) / scale[:, None],
                inside(y, quantiles),
                np.ones_like(y),
            ],
            axis=2,
        )
        per_hour[~np.isfinite(per_hour).all(axis=2)] = 0.0
        start = 0
        for segment, horizon in enumerate(self.horizons):
            if horizon.hours > y.shape[1]:
                break
            sums = per_hour[:, start : horizon.hours].sum(axis=1)
            enough = sums[:, HOURS] >= MIN_SHARE * (horizon.hours - start)
            self.sums[contender, window, rows, segment] = np.where(enough[:, None], sums, 0.0)
            if self.contenders[contender] == REFERENCE:
                self.naive[window, rows, segment] = self.sums[contender, window, rows, segment]
            start = horizon.hours

    def save(self, path: Path) -> None:
        """Write the board as one npz file."""
        meta = {
            "contenders": self.contenders,
            "keys": self.keys,
            "horizons": [(h.name, h.hours, h.min_history_hours) for h in self.horizons],
        }
        with path.open("wb") as file:
            np.savez_compressed(
                file, sums=self.sums, naive=self.naive, meta=np.array(json.dumps(meta))
            )

    @staticmethod
    def load(path: Path) -> "ScoreBoard":
        """Read what `save` wrote.

        Raises:
            BadInput: The file is no score board.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                sums, naive = stored["sums"], stored["naive"]
                meta = json.loads(str(stored["meta"]))
        except (OSError, ValueError, KeyError) as error:
            raise BadInput(f"{path.name} is no score board; run train again") from error
        return ScoreBoard(
            tuple(meta["contenders"]),
            tuple(SeriesKey(*key) for key in meta["keys"]),
            tuple(Horizon(*h) for h in meta["horizons"]),
            sums,
            naive,
        )
