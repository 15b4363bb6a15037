"""What every contender scored on every held-out window, kept as sums so that they can be joined.

The leads are cut into segments at the horizons' lengths: (0, 24], (24, 168], (168, 720]. A served
forecast is a composite - the segment's winner serves the segment - and because the board keeps sums
a composite's own score over a whole horizon is exact, not an average of averages.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from foresail.errors import BadInput
from foresail.evaluation.losses import inside, quantile_loss
from foresail.evaluation.pools import Pool
from foresail.evaluation.windows import MIN_SHARE
from foresail.horizons import Horizon
from foresail.panel import FloatArray, IntArray, SeriesKey

MIN_WINDOWS = 3
"""Fewer held-out windows than this and a forecast counts as unmeasured."""
REFERENCE = "seasonal_naive_24h"
LOSS, ERROR, COVERED, HOURS = range(4)
_POOLED = ("series", "windows", "ratios")


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
        pool: What the panel that these series are part of says of the contenders; None where the
            series here are all there is to go by.
    """

    contenders: tuple[str, ...]
    keys: tuple[SeriesKey, ...]
    horizons: tuple[Horizon, ...]
    sums: FloatArray
    naive: FloatArray
    pool: Pool | None = None

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
        return replace(self, keys=keys, sums=self.sums[:, :, some], naive=self.naive[:, some])

    def of_panel(self, keys: Sequence[SeriesKey]) -> "ScoreBoard":
        """Return an empty board like this one, for other series."""
        windows = self.naive.shape[0]
        empty = ScoreBoard.empty(self.contenders, keys, self.horizons, windows=windows)
        return replace(empty, pool=self.pool)

    def put(self, rows: IntArray, part: "ScoreBoard") -> None:
        """Take over the scores of some series.

        Args:
            rows: Their places here.
            part: Their board, with the same contenders and windows.
        """
        self.sums[:, :, rows] = part.sums
        self.naive[:, rows] = part.naive

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
        meta: dict[str, Any] = {
            "contenders": self.contenders,
            "keys": self.keys,
            "horizons": [(h.name, h.hours, h.min_history_hours) for h in self.horizons],
        }
        pool: dict[str, Any] = {}
        if self.pool:
            meta["groups"] = self.pool.groups
            pool = {f"pool_{name}": getattr(self.pool, name) for name in _POOLED}
        with path.open("wb") as file:
            np.savez_compressed(
                file, sums=self.sums, naive=self.naive, meta=np.array(json.dumps(meta)), **pool
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
                pool = None
                if "groups" in meta:
                    groups = tuple((metric, stat) for metric, stat in meta["groups"])
                    pool = Pool(groups, *(stored[f"pool_{name}"] for name in _POOLED))
        except (OSError, ValueError, KeyError) as error:
            raise BadInput(f"{path.name} is no score board; run train again") from error
        return ScoreBoard(
            tuple(meta["contenders"]),
            tuple(SeriesKey(*key) for key in meta["keys"]),
            tuple(Horizon(*h) for h in meta["horizons"]),
            sums,
            naive,
            pool,
        )
