"""The blend of a contest: who its members are and how they are weighed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from foresail.evaluation.asking import Answers, Float32Array
from foresail.evaluation.experience import first_weights
from foresail.evaluation.mixture import Mixture
from foresail.evaluation.weights import LEADS, Sample, learn_weights
from foresail.evaluation.windows import Window
from foresail.horizons import Horizon
from foresail.panel import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Blending:
    """A blend of the contenders of a board, with weights per group of series and segment.

    Attributes:
        members: Names.
        names: Of all contenders.
        horizons: Of the board.
        groups: How many groups of alike series there are.
        series: How many series the panel has.
    """

    members: tuple[str, ...]
    names: Sequence[str]
    horizons: Sequence[Horizon]
    groups: int
    series: int

    def unlearnt(self) -> FloatArray:
        """Return the weights where nothing was measured, shape `(G, S, M)`."""
        segments = range(len(self.horizons))
        if not self.members:
            return np.zeros((self.groups, len(segments), 0))
        one = np.stack(
            [first_weights(self.members, segment=s, series=self.series) for s in segments]
        )
        return np.broadcast_to(one, (self.groups, *one.shape)).copy()

    def teach(
        self,
        seen: Sequence[Answers],
        plan: Sequence[Window],
        alike: IntArray,
        *,
        seed: int,
        run: Callable[..., Iterable[Any]],
    ) -> tuple[list[FloatArray], FloatArray]:
        """Return the weights for each window, learnt from the others, and those from all."""
        final = self.unlearnt()
        windows = [final.copy() for _ in plan]

        def lesson(place: tuple[int, int]) -> None:
            group, s = place
            samples = {
                w: sample
                for w, window in enumerate(plan)
                if window.hours >= self.horizons[s].hours
                and len((sample := self._sample(seen[w], alike, group=group, segment=s)).y)
            }
            first = final[group, s].copy()
            for w in samples:
                others = [one for v, one in samples.items() if v != w]
                if others:
                    windows[w][group, s] = learn_weights(Sample.joined(others), first, seed=seed)
            if samples:
                joined = Sample.joined(list(samples.values()))
                final[group, s] = learn_weights(joined, first, seed=seed)

        if self.members:
            places = [(g, s) for g in range(self.groups) for s in range(len(self.horizons))]
            list(run(lesson, places))
        return windows, final

    def _sample(self, seen: Answers, alike: IntArray, *, group: int, segment: int) -> Sample:
        start = self.horizons[segment - 1].hours if segment else 0
        stop = self.horizons[segment].hours
        leads = np.unique(np.linspace(start, stop - 1, LEADS).astype(np.int64))
        rows = np.flatnonzero((alike[seen.rows] == group) & np.isfinite(seen.scale))
        places = np.array([self.names.index(name) for name in self.members])
        scale = seen.scale[rows, None]
        said = seen.said[np.ix_(places, rows, leads)].astype(np.float64) / scale[:, :, None]
        y = seen.y[np.ix_(rows, leads)] / scale
        whole = np.isfinite(said).all(axis=(0, 2, 3))
        return Sample(said[:, whole], y[whole])

    def blend(self, said: Float32Array, weights: FloatArray, alike: IntArray) -> Float32Array:
        """Return the blend of one window, shape `(n, hours, 3)`; NaN without any member.

        Args:
            said: By all contenders, shape `(C, n, hours, 3)`.
            weights: Shape `(G, S, M)`.
            alike: Group of each series, shape `(n,)`.
        """
        mixed = np.full(said.shape[1:], np.nan, dtype=np.float32)
        places = [self.names.index(name) for name in self.members]
        start = 0
        for s, horizon in enumerate(self.horizons):
            part = slice(start, min(horizon.hours, said.shape[2]))
            if part.start < part.stop:
                blended = Mixture.of(said[0, :, part].shape)
                for m, place in enumerate(places):
                    blended.add(said[place, :, part], weights[alike, s, m])
                mixed[:, part] = blended.quantiles()
            start = horizon.hours
        return mixed
