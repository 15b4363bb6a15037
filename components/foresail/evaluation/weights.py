"""Weights of a blend, learnt from what its members said of hours that were held out."""

from dataclasses import dataclass

import numpy as np

from foresail.horizons import QUANTILES
from foresail.panel import FloatArray, IntArray

STEPS = 30
RATE = 0.5
"""Of the first step; later ones are shorter."""
FAITH = 100.0
"""How many (series, window) pairs the first weights count as."""
SOFTENING = 0.01
"""Loss, in the series' scale, below which a better forecast is not worth much."""
MAX_PAIRS = 200
LEADS = 24
"""Hours drawn of each pair."""
_LEVELS = np.array(QUANTILES)


@dataclass(frozen=True, slots=True)
class Sample:
    """Forecasts of some hours of some series in one window and segment, in the series' scales.

    Attributes:
        quantiles: Shape `(M, n, leads, 3)`: what each member said.
        y: What came, shape `(n, leads)`; NaN for gaps.
    """

    quantiles: FloatArray
    y: FloatArray

    @staticmethod
    def joined(samples: "list[Sample]") -> "Sample":
        """Return the samples of several windows as one."""
        return Sample(
            np.concatenate([s.quantiles for s in samples], axis=1),
            np.concatenate([s.y for s in samples]),
        )

    def some(self, rows: IntArray) -> "Sample":
        """Return some of its pairs."""
        return Sample(self.quantiles[:, rows], self.y[rows])


def learn_weights(sample: Sample, first: FloatArray, *, seed: int = 0) -> FloatArray:
    """Return the weights that would have lost least, shape `(M,)`; at least 0, their sum is 1.

    What is minimised is the mean log of the pinball loss of each pair: a series counts as much as
    any other, whatever its noise. Exponentiated gradient (Kivinen and Warmuth 1997), held to the
    first weights by their relative entropy.

    Args:
        sample: What the members said and what came.
        first: Weights to begin with, shape `(M,)`.
        seed: Of which pairs are drawn where there are many.
    """
    kept = np.flatnonzero(np.isfinite(sample.y).any(axis=1))
    if not len(kept):
        return first
    pull = FAITH / len(kept)
    if len(kept) > MAX_PAIRS:
        kept = np.sort(np.random.default_rng(seed).choice(kept, MAX_PAIRS, replace=False))
    sample = sample.some(kept)
    known = np.isfinite(sample.y)
    y = np.where(known, sample.y, 0.0)
    share = known / known.sum(axis=1, keepdims=True)
    weights, believed = first, np.log(first)
    for step in range(STEPS):
        said = np.tensordot(weights, sample.quantiles, axes=1)
        miss = y[:, :, None] - said
        slope = np.where(miss >= 0, -_LEVELS, 1 - _LEVELS) * share[:, :, None] * (2 / 3)
        loss = (np.where(miss >= 0, _LEVELS, _LEVELS - 1) * miss * share[:, :, None]).sum((1, 2))
        slope /= (loss * (2 / 3) + SOFTENING)[:, None, None] * len(y)
        gradient = np.einsum("nlq,mnlq->m", slope, sample.quantiles)
        gradient -= weights @ gradient
        rate = RATE / np.sqrt(1 + step / 10)
        # the pull is taken in full within the step: as a gradient it would overshoot
        moved = np.log(np.maximum(weights, 1e-300)) - rate * np.clip(gradient, -3, 3)
        moved = (moved + rate * pull * believed) / (1 + rate * pull)
        weights = np.exp(moved - moved.max())
        weights /= weights.sum()
    return np.asarray(weights)
