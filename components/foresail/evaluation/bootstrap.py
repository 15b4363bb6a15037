"""How sure a ratio of errors is: series, and where they are few their windows, drawn again.

All windows of a series are drawn together, because they are alike. Quantiles of few draws lie too
close to the middle - three windows' own spread holds the truth six times in ten where nine are
promised - so they are moved away from it by what Student's t says of so many units (Hesterberg
2015, "What teachers should know about the bootstrap", the t-adjusted percentiles).
"""

from dataclasses import dataclass

import numpy as np

from foresail.bundle.schema import SOFTENING
from foresail.evaluation.scores import MIN_WINDOWS
from foresail.panel import BoolArray, FloatArray, IntArray

RESAMPLES = 1000
CONFIDENCE = 0.90
MANY_SERIES = 10
"""From so many series on drawing whole series is enough; with fewer their windows are drawn too."""
_BLOCK = 50
"""Draws made at once: of ten thousand series that is 4 MB."""


@dataclass(frozen=True, slots=True)
class Losses:
    """What a forecast lost in each held-out window of each series; zero where it was not scored.

    Attributes:
        loss: Sum over the hours of the scaled quantile loss, shape `(W, N)`.
        hours: Hours scored, same shape.
    """

    loss: FloatArray
    hours: FloatArray

    def where(self, seen: BoolArray) -> "Losses":
        """Return the losses of these cells alone.

        Args:
            seen: Shape `(W, N)`, or `(N,)` for whole series.
        """
        return Losses(np.where(seen, self.loss, 0.0), np.where(seen, self.hours, 0.0))

    def rows(self, places: IntArray) -> "Losses":
        """Return the losses of these series in this order; -1 is one that was not scored."""
        known = places >= 0
        return Losses(self.loss[:, places], self.hours[:, places]).where(known)


@dataclass(frozen=True, slots=True)
class Ratio:
    """A geometric mean over series of one error by another, with its 90 % interval."""

    middle: float
    low: float
    high: float

    @property
    def above_one(self) -> bool:
        """Say whether the whole interval lies above 1, as it is printed: half a per cent is none.

        The panel of a large cluster could prove a difference that nobody would ever notice.
        """
        return round(self.low, 2) > 1.0

    def __str__(self) -> str:
        """Return it as tables show it, such as `0.81 (0.77-0.86)`."""
        return f"{self.middle:.2f} ({self.low:.2f}-{self.high:.2f})"


def geometric_ratio(ours: Losses, theirs: Losses) -> float | None:
    """Return the geometric mean over series of (our error + 0.01) / (their error + 0.01).

    Only windows scored for both count, and only series with three of them; None without such.
    """
    shared, _ = _shared(ours, theirs)
    return float(np.exp(_log_ratio(shared.sum(axis=1)).mean())) if shared.shape[2] else None


def compare(ours: Losses, theirs: Losses, *, seed: int = 0) -> Ratio | None:
    """Return `geometric_ratio` with its interval, or None where nothing can be compared.

    What befalls all series in the same hours is one draw, which the interval cannot know.

    Args:
        ours: Of the forecast in question.
        theirs: Of what it is compared with; the same windows and series.
        seed: Of the draws.
    """
    shared, both = _shared(ours, theirs)
    series = shared.shape[2]
    if not series:
        return None
    logs, random = _log_ratio(shared.sum(axis=1)), np.random.default_rng(seed)
    if series < MANY_SERIES:
        draws, units = _draw_windows(shared, both, random), int(both.sum())
    else:
        draws, units = _draw_series(logs, random), series
    middle, tail = logs.mean(), (1 - CONFIDENCE) / 2
    ends = middle + stretch(units) * (np.quantile(draws, (tail, 1 - tail)) - middle)
    return Ratio(*(float(one) for one in np.exp([middle, *ends])))


def _shared(ours: Losses, theirs: Losses) -> tuple[FloatArray, BoolArray]:
    """Return loss and hours of both, `(4, W, n)`, and where both were scored, `(W, n)`."""
    both = (ours.hours > 0) & (theirs.hours > 0)
    rows = np.flatnonzero(both.sum(axis=0) >= MIN_WINDOWS)
    both = both[:, rows]
    parts = [part[:, rows] for part in (ours.loss, ours.hours, theirs.loss, theirs.hours)]
    return np.stack(parts) * both, both


def _log_ratio(sums: FloatArray) -> FloatArray:
    """Return the logarithms of the ratios; the first axis holds what `_shared` returns."""
    our_loss, our_hours, their_loss, their_hours = sums
    return np.asarray(
        np.log(our_loss / our_hours + SOFTENING) - np.log(their_loss / their_hours + SOFTENING)
    )


def _draw_series(logs: FloatArray, random: np.random.Generator) -> FloatArray:
    picks = (
        random.integers(len(logs), size=(_BLOCK, len(logs))) for _ in range(0, RESAMPLES, _BLOCK)
    )
    return np.concatenate([logs[pick].mean(axis=1) for pick in picks])


def _draw_windows(sums: FloatArray, both: BoolArray, random: np.random.Generator) -> FloatArray:
    """Draw series, and of each as many windows as it has.

    Args:
        sums: Shape `(4, W, n)`, zero where not scored.
        both: Where scored, shape `(W, n)`.
        random: Source of the draws.
    """
    windows, series = both.shape
    # a series' scored windows come first, so that a place among them is drawn by its number
    packed = np.take_along_axis(sums, np.argsort(~both, axis=0, kind="stable")[None], axis=1)
    pick = random.integers(series, size=(RESAMPLES, 1, series))
    held = both.sum(axis=0)[pick]
    place = random.integers(held, size=(RESAMPLES, windows, series))
    drawn = packed[:, place, pick] * (np.arange(windows)[:, None] < held)
    return np.asarray(_log_ratio(drawn.sum(axis=2)).mean(axis=1))


def stretch(units: int) -> float:
    """Return by how much the quantiles of draws from so many units lie too close to the middle.

    1 for a single unit, which draws nothing but itself.
    """
    if units == 1:
        return 1.0
    # a place that only schedules runs checks their values by the gate, and does without scipy
    from scipy.special import ndtri, stdtrit  # noqa: PLC0415  # see above

    level = (1 + CONFIDENCE) / 2
    return float(np.sqrt(units / (units - 1)) * stdtrit(units - 1, level) / ndtri(level))
