"""What a fit leaves: the parameters of every series, as arrays that numpy stores."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from foresail.panel import BoolArray, FloatArray, IntArray

_BY_COLUMN = ("beta", "centre", "spread")


@dataclass(frozen=True, slots=True)
class Fitted:
    """The parameters of N series; scaled as Prophet scales.

    Attributes:
        first: Row of the series' first value: its time 0, shape `(N,)`.
        last: Row of its last value: its time 1.
        floor: Subtracted from its values; 0 unless `scaling="minmax"`.
        scale: Its values were divided by it.
        k: First slope.
        m: Level at time 0.
        sigma: Noise; NaN where the series was not solved.
        delta: Changes of slope, shape `(N, S)`; zero where unused.
        bend_times: Changepoints in its own time, shape `(N, S)`; 1 where unused.
        bends: Number of changepoints, Prophet's dummy counted.
        beta: Coefficients of all columns, shape `(N, K)`; zero for one that the series has not.
        centre: Of each regressor column, shape `(N, K)`; 0 for other columns.
        spread: Of each regressor column, shape `(N, K)`; 1 for other columns.
        log_posterior: As Stan's `lp__`; NaN for a constant series, which Prophet does not optimise.
        kkt: Largest violation of the optimality conditions times tau.
        unique: Whether the optimum is the only one found.
    """

    first: IntArray
    last: IntArray
    floor: FloatArray
    scale: FloatArray
    k: FloatArray
    m: FloatArray
    sigma: FloatArray
    delta: FloatArray
    bend_times: FloatArray
    bends: IntArray
    beta: FloatArray
    centre: FloatArray
    spread: FloatArray
    log_posterior: FloatArray
    kkt: FloatArray
    unique: BoolArray

    @classmethod
    def empty(cls, series: int, *, slots: int, columns: int) -> Self:
        """Return parameters of series of which none is solved."""
        nothing = np.zeros(series)
        return cls(
            first=np.zeros(series, dtype=np.int64),
            last=np.ones(series, dtype=np.int64),
            floor=nothing.copy(),
            scale=np.ones(series),
            k=nothing.copy(),
            m=nothing.copy(),
            sigma=np.full(series, np.nan),
            delta=np.zeros((series, slots)),
            bend_times=np.ones((series, slots)),
            bends=np.ones(series, dtype=np.int64),
            beta=np.zeros((series, columns)),
            centre=np.zeros((series, columns)),
            spread=np.ones((series, columns)),
            log_posterior=np.full(series, np.nan),
            kkt=np.full(series, np.nan),
            unique=np.zeros(series, dtype=bool),
        )

    def arrays(self) -> dict[str, Any]:
        """Return the arrays by name, as `from_arrays` takes them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def select(self, rows: list[int], columns: list[int]) -> Self:
        """Return the parameters of these series for these columns."""
        chosen = {name: values[rows] for name, values in self.arrays().items()}
        # a saved model is the same file whichever way it was put together
        chosen |= {name: np.ascontiguousarray(chosen[name][:, columns]) for name in _BY_COLUMN}
        return type(self)(**chosen)

    @classmethod
    def joined(cls, parts: Sequence[tuple[Self, list[int]]], *, columns: int) -> Self:
        """Return the parameters of several fits, one after the other.

        Args:
            parts: Each with the places that its own columns take.
            columns: How many there are in all.
        """
        series = sum(part.first.size for part, _ in parts)
        whole = cls.empty(series, slots=parts[0][0].delta.shape[1], columns=columns)
        start = 0
        for part, places in parts:
            rows = slice(start, start + part.first.size)
            for name, values in part.arrays().items():
                target = getattr(whole, name)[rows]
                if name in _BY_COLUMN:
                    target[:, places] = values
                else:
                    target[:] = values
            start = rows.stop
        return whole

    @classmethod
    def from_arrays(cls, arrays: Any) -> Self:  # noqa: ANN401  # a mapping, or numpy's npz file
        """Return what `arrays` gave."""
        return cls(**{field.name: arrays[field.name] for field in fields(cls)})
