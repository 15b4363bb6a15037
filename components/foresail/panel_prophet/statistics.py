"""What a fit needs of the rows: Gram matrices and moments, shared or of each series' own.

Parameters stand in the order (smooth | bends): first the `smooth` ones (slope, level, seasonal and
regressor coefficients; normal priors), then the trend changes (Laplace priors). Series stand on the
last axis everywhere.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from foresail.panel import FloatArray, IntArray


def inverse_each(matrices: FloatArray) -> FloatArray:
    """Return the inverse of each matrix, NaN for a singular one; shape `(B, n, n)`."""
    try:
        return np.asarray(np.linalg.inv(matrices), dtype=np.float64)
    except np.linalg.LinAlgError:
        found = np.full(matrices.shape, np.nan)
    for i, matrix in enumerate(matrices):
        with suppress(np.linalg.LinAlgError):
            found[i] = np.linalg.inv(matrix)
    return found


class Elimination(Protocol):
    """The smooth parameters solved for, given the trend changes, at one noise level a series."""

    def smooth(self, right: FloatArray, variance: FloatArray) -> FloatArray:
        """Solve (G_uu + variance Lambda) u = right; exactly or nearly, shapes `(U, B)`."""

    def form(self) -> FloatArray:
        """Return what is left for the trend changes: S, shape `(S, S, B)`."""


class Gram(Protocol):
    """Z'Z of a block of series, split into smooth and bend parameters."""

    def times(self, theta: FloatArray) -> FloatArray:
        """Return G theta, shape `(P, B)`."""

    def to_bends(self, smooth: FloatArray) -> FloatArray:
        """Return G_du u, shape `(S, B)`."""

    def to_smooth(self, bends: FloatArray) -> FloatArray:
        """Return G_ud delta, shape `(U, B)`."""

    def eliminate(self, variance: FloatArray) -> Elimination:
        """Prepare the elimination of the smooth parameters at these noise levels, shape `(B,)`."""

    def least(self, moments: FloatArray, power: FloatArray) -> FloatArray:
        """Return a lower bound of every residual sum of squares, shape `(B,)`."""

    def select(self, which: IntArray) -> Self:
        """Return the Gram matrix of these series of the block."""


class SharedGram:
    """One Gram matrix for all series: they have the same rows.

    In the basis in which the smooth block, scaled by its prior, is diagonal, adding
    variance * Lambda only adds to that diagonal: one eigendecomposition serves every noise level.
    """

    def __init__(self, matrix: FloatArray, precision: FloatArray) -> None:
        smooth = precision.size
        self.matrix = matrix
        self.cross = np.ascontiguousarray(matrix[:smooth, smooth:])
        self.precision = precision
        scale = precision**-0.5
        self.values, vectors = np.linalg.eigh((matrix[:smooth, :smooth] * scale).T * scale)
        self.basis = scale[:, None] * vectors
        self.mixed = self.basis.T @ self.cross
        bends = self.cross.shape[1]
        products = self.mixed[:, :, None] * self.mixed[:, None, :]
        self.products = np.ascontiguousarray(products.reshape(smooth, bends * bends).T)
        self.block = matrix[smooth:, smooth:]
        values, self.whole = np.linalg.eigh(matrix)
        self.spread = np.maximum(values, 0.0) + 1e-13 * values[-1]

    def times(self, theta: FloatArray) -> FloatArray:
        """See `Gram.times`."""
        return np.asarray(self.matrix @ theta)

    def to_bends(self, smooth: FloatArray) -> FloatArray:
        """See `Gram.to_bends`."""
        return np.asarray(self.cross.T @ smooth)

    def to_smooth(self, bends: FloatArray) -> FloatArray:
        """See `Gram.to_smooth`."""
        return np.asarray(self.cross @ bends)

    def eliminate(self, variance: FloatArray) -> "SharedElimination":
        """See `Gram.eliminate`."""
        return SharedElimination(self, variance)

    def least(self, moments: FloatArray, power: FloatArray) -> FloatArray:
        """See `Gram.least`."""
        seen = self.whole.T @ moments
        return np.asarray(power - (seen**2 / self.spread[:, None]).sum(axis=0))

    def select(self, which: IntArray) -> "SharedGram":
        """See `Gram.select`."""
        del which  # one matrix serves any of them
        return self


@dataclass(frozen=True, slots=True)
class SharedElimination:
    """Exact at any noise level."""

    gram: SharedGram
    variance: FloatArray

    def smooth(self, right: FloatArray, variance: FloatArray) -> FloatArray:
        """See `Elimination.smooth`."""
        gram = self.gram
        turned = gram.basis.T @ right
        turned /= gram.values[:, None] + variance
        return np.asarray(gram.basis @ turned)

    def form(self) -> FloatArray:
        """See `Elimination.form`."""
        gram = self.gram
        weight = 1.0 / (gram.values[:, None] + self.variance)
        bends = gram.block.shape[0]
        taken = (gram.products @ weight).reshape(bends, bends, self.variance.size)
        return gram.block[:, :, None] - taken


@dataclass(frozen=True, slots=True)
class OwnGram:
    """A Gram matrix of its own for each series, shape `(P, P, B)`."""

    matrix: FloatArray
    precision: FloatArray

    def times(self, theta: FloatArray) -> FloatArray:
        """See `Gram.times`."""
        return np.asarray(np.einsum("pqb,qb->pb", self.matrix, theta))

    def to_bends(self, smooth: FloatArray) -> FloatArray:
        """See `Gram.to_bends`."""
        u = self.precision.size
        return np.asarray(np.einsum("dub,ub->db", self.matrix[u:, :u], smooth))

    def to_smooth(self, bends: FloatArray) -> FloatArray:
        """See `Gram.to_smooth`."""
        u = self.precision.size
        return np.asarray(np.einsum("udb,db->ub", self.matrix[:u, u:], bends))

    def eliminate(self, variance: FloatArray) -> "OwnElimination":
        """See `Gram.eliminate`."""
        u = self.precision.size
        ridge = np.diag(self.precision)[None] * variance[:, None, None]
        block = np.moveaxis(self.matrix[:u, :u], 2, 0) + ridge
        return OwnElimination(self, inverse_each(block))

    def least(self, moments: FloatArray, power: FloatArray) -> FloatArray:
        """See `Gram.least`."""
        whole = np.moveaxis(self.matrix, 2, 0).copy()
        size = whole.shape[1]
        diagonal = np.arange(size)
        whole[:, diagonal, diagonal] += 1e-13 * np.trace(whole, axis1=1, axis2=2)[:, None] + 1e-300
        seen = np.matmul(inverse_each(whole), moments.T[:, :, None])[:, :, 0]
        least = power - (seen.T * moments).sum(axis=0)
        return np.where(np.isfinite(least), least, 0.0)

    def select(self, which: IntArray) -> "OwnGram":
        """See `Gram.select`."""
        return OwnGram(self.matrix[:, :, which], self.precision)


@dataclass(frozen=True, slots=True)
class OwnElimination:
    """Exact at the noise level it was prepared for, near elsewhere."""

    gram: OwnGram
    inverse: FloatArray  # (B, U, U)

    def smooth(self, right: FloatArray, variance: FloatArray) -> FloatArray:
        """See `Elimination.smooth`."""
        del variance  # the solver's refinement corrects for what it changed
        return np.asarray(np.matmul(self.inverse, right.T[:, :, None])[:, :, 0].T)

    def form(self) -> FloatArray:
        """See `Elimination.form`."""
        u = self.gram.precision.size
        cross = np.ascontiguousarray(np.moveaxis(self.gram.matrix[:u, u:], 2, 0))
        taken = np.matmul(cross.transpose(0, 2, 1), np.matmul(self.inverse, cross))
        return np.asarray(self.gram.matrix[u:, u:] - np.moveaxis(taken, 0, 2))
