"""What a query is made of while it is evaluated: columns of labels, values by series and step."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foresail.panel import FloatArray

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Codes = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of many series, by column.

    Attributes:
        names: Of the labels, ascending.
        values: Of each label the values that there are, ascending; empty where it is missing.
        codes: int32 `(series, labels)`: which of the values.
    """

    names: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    codes: Codes

    @staticmethod
    def of(columns: dict[str, Sequence[str]], *, rows: int) -> "Labels":
        """Return the labels that are given by column, each with a value for every row."""
        names = tuple(sorted(columns))
        values = tuple(tuple(sorted(set(columns[name]))) for name in names)
        codes = np.zeros((rows, len(names)), dtype=np.int32)
        for at, name in enumerate(names):
            code = {value: i for i, value in enumerate(values[at])}
            codes[:, at] = [code[value] for value in columns[name]]
        return Labels(names, values, codes)

    def take(self, rows: IntArray) -> "Labels":
        """Return those of some series."""
        return Labels(self.names, self.values, self.codes[rows])

    def keep(self, names: Collection[str]) -> "Labels":
        """Return only the labels of these names."""
        at = [i for i, name in enumerate(self.names) if name in names]
        return Labels(
            tuple(self.names[i] for i in at), tuple(self.values[i] for i in at), self.codes[:, at]
        )

    def drop(self, names: Collection[str]) -> "Labels":
        """Return all but the labels of these names."""
        return self.keep([name for name in self.names if name not in names])

    def fitting(self, name: str, fits: Callable[[str], bool]) -> BoolArray:
        """Say of each series whether its label fits; one that it does not have is empty."""
        if name not in self.names:
            return np.full(len(self.codes), fits(""))
        at = self.names.index(name)
        return np.array([fits(value) for value in self.values[at]], dtype=bool)[self.codes[:, at]]

    def groups(self) -> tuple["Labels", IntArray]:
        """Return the label sets that differ, in their order, and which one each series has."""
        if not self.names:
            one = np.zeros(len(self.codes), dtype=np.int64)
            return Labels((), (), self.codes[:1]), one
        codes, which = np.unique(self.codes, axis=0, return_inverse=True)
        return Labels(self.names, self.values, codes), which.reshape(-1)

    def dicts(self) -> list[dict[str, str]]:
        """Return the labels of each series, without those that it does not have."""
        columns = [
            [values[code] for code in self.codes[:, at].tolist()]
            for at, values in enumerate(self.values)
        ]
        rows = zip(*columns, strict=True) if columns else [()] * len(self.codes)
        return [
            {name: value for name, value in zip(self.names, row, strict=True) if value}
            for row in rows
        ]


@dataclass(frozen=True, slots=True)
class Scalar:
    """One number for each step, shape `(steps,)`."""

    values: FloatArray


@dataclass(frozen=True, slots=True)
class Vector:
    """Series with a value at some of the steps.

    Attributes:
        labels: Of each series.
        values: float64 `(series, steps)`.
        there: bool `(series, steps)`: where there is a value.
    """

    labels: Labels
    values: FloatArray
    there: BoolArray
