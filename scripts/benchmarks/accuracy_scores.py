"""The scores of all cells, joined into the tables that `foresail backtest` makes."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.accuracy_cells import Cell
from benchmarks.accuracy_forecasts import Served
from foresail.evaluation.losses import naive_scale
from foresail.evaluation.origins import Origins
from foresail.evaluation.rolling import SERVED, Rolling
from foresail.evaluation.rolling_summary import Line, relative, summary
from foresail.evaluation.scores import REFERENCE
from foresail.evaluation.sums import Sums, measure
from foresail.horizons import Horizon
from foresail.panel import BoolArray, FloatArray, SeriesInfo, SeriesKey

NOBODY = "nobody"
"""Who served a window without a forecast."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What a cell says of L lines and the n series that count.

    Attributes:
        cell: Whose forecasts.
        lines: L names, the served one first.
        sums: Measured, shape `(L, n)`.
        scale: Mean daily change known at the origin, shape `(n,)`; NaN for a constant series.
        served: What was served.
    """

    cell: Cell
    lines: tuple[str, ...]
    sums: Sums
    scale: FloatArray
    served: Served


@dataclass(frozen=True, slots=True)
class Part:
    """All cells of one group at one horizon: a table of the page.

    Attributes:
        group: `VMs` or `pools`.
        horizon: How far ahead.
        cells: In the order of the origins of `rolling`.
        datasets: Name of the dataset of each series.
        rolling: Every line, the yardstick's among them.
    """

    group: str
    horizon: Horizon
    cells: tuple[Scored, ...]
    datasets: tuple[str, ...]
    rolling: Rolling

    @property
    def title(self) -> str:
        """Return `VMs, next_day`."""
        return f"{self.group}, {self.horizon.name}"


def score(
    cell: Cell, served: Served, others: Mapping[str, FloatArray], *, naive: FloatArray
) -> Scored:
    """Measure the forecasts of a cell; a missing hour scores as the naive.

    Args:
        cell: What was known, and what came.
        served: What Foresail answered.
        others: Name -> quantiles of every other line, shape `(n, hours, 3)`.
        naive: The reference, of the same shape.
    """
    scale = naive_scale(cell.counted.values)
    lines = {SERVED: served.quantiles, REFERENCE: naive, **others}
    sums = [measure(cell.y, q, scale=scale, stand_in=naive) for q in lines.values()]
    return Scored(cell, tuple(lines), Sums.stack(sums, axis=0), scale, served)


def joined(cells: Sequence[Scored]) -> Part:
    """Join cells of one group and horizon; a series that does not count at an origin is zero there.

    Args:
        cells: At least one; all with the same lines.
    """
    infos: dict[tuple[str, SeriesKey], SeriesInfo] = {}
    for one in cells:
        infos |= {(one.cell.dataset.name, info.key): info for info in one.cell.index}
    places = {key: place for place, key in enumerate(infos)}
    rows = [[places[c.cell.dataset.name, i.key] for i in c.cell.index] for c in cells]
    shape = (len(cells), len(infos))
    scale, codes = np.full(shape, np.nan), np.zeros(shape, dtype=np.int64)
    winners = np.full(shape, "", dtype=object)
    for k, (one, here) in enumerate(zip(cells, rows, strict=True)):
        scale[k, here], codes[k, here] = one.scale, one.served.codes
        winners[k, here] = one.served.models
    horizon = cells[0].cell.horizon
    spread = [
        one.sums.map(lambda a, here=here: _spread(a, here, series=len(infos)))  # type: ignore[misc]
        for one, here in zip(cells, rows, strict=True)
    ]
    rolling = Rolling(
        horizon=horizon,
        # planned by hand, and over several datasets: only their number is told
        plan=Origins((), 0, asked=len(cells), hours=horizon.hours),
        origins=np.array([one.cell.as_of for one in cells]),
        lines=cells[0].lines,
        index=tuple(infos.values()),
        sums=Sums.stack(spread, axis=1),
        scale=scale,
        winners=tuple(map(tuple, winners)),
        codes=codes,
        served=np.empty((*shape, 0, 3), dtype=np.float32),  # no figure needs the forecasts
    )
    return Part(
        cells[0].cell.dataset.group,
        horizon,
        tuple(cells),
        tuple(name for name, _ in infos),
        rolling,
    )


def _spread(array: FloatArray, rows: Sequence[int], *, series: int) -> FloatArray:
    """Return `(L, n, ...)` widened to `(L, series, ...)`, zero for the others."""
    wide = np.zeros((len(array), series, *array.shape[2:]))
    wide[:, rows] = array
    return wide


def among(rolling: Rolling, series: BoolArray) -> Rolling:
    """Return what it says of some of the series, given as a mask of shape `(N,)`."""
    return replace(rolling, sums=rolling.sums.where(series))


def without(rolling: Rolling, names: Sequence[str]) -> Rolling:
    """Return it without some of its lines."""
    kept = [i for i, name in enumerate(rolling.lines) if name not in names]
    return replace(
        rolling,
        lines=tuple(rolling.lines[i] for i in kept),
        sums=rolling.sums.map(lambda array: array[kept]),
    )


def cuts(part: Part) -> dict[str, float | None]:
    """Return the served error, relative to the naive's, of parts of the series."""
    index = part.rolling.index
    masks: dict[str, BoolArray] = {"all": np.ones(len(index), dtype=bool)}
    masks |= {
        f"machines of half {name}": _mask(index, lambda i, name=name: half(i.series) == name)  # type: ignore[misc]
        for name in "AB"
    }
    for metric in sorted({info.metric for info in index}):
        masks[metric] = _mask(index, lambda i, metric=metric: i.metric == metric)  # type: ignore[misc]
    if len(set(part.datasets)) > 1:
        for name in dict.fromkeys(part.datasets):
            masks[name] = np.array([one == name for one in part.datasets])
    found = {
        name: summary(among(part.rolling, mask))[0].relative_sql for name, mask in masks.items()
    }
    return {**found, "each window counted alone": by_window(part.rolling)}


def _mask(index: Sequence[SeriesInfo], rule: Callable[[SeriesInfo], bool]) -> BoolArray:
    return np.array([rule(info) for info in index])


def half(series: str) -> str:
    """Return A or B, by a hash of the machine's name: half of the machines each."""
    return "AB"[hashlib.sha256(series.encode()).digest()[0] % 2]


def by_window(rolling: Rolling) -> float | None:
    """Return the served error as the geometric mean over (series, window) instead of series."""
    sql = rolling.scored.sql
    ratios = relative(sql[0], sql[rolling.lines.index(REFERENCE)])
    known = ratios[np.isfinite(ratios)]
    return float(np.exp(np.log(known).mean())) if len(known) else None


def shares(rolling: Rolling) -> dict[str, float]:
    """Return which share of the windows each model served, the largest first."""
    counts = np.argwhere(rolling.scored.hours[0] > 0).tolist()
    found = Counter(rolling.winners[k][row] or NOBODY for k, row in counts)
    return {name: many / len(counts) for name, many in found.most_common()}


def worse_than_naive(rolling: Rolling) -> float:
    """Return the share of the series on which what was served had more error than the naive."""
    sql = rolling.scored.total(1).sql
    ratios = relative(sql[0], sql[rolling.lines.index(REFERENCE)])
    return float((ratios[np.isfinite(ratios)] > 1).mean())


def beyond(rolling: Rolling, name: str, *, times: float) -> tuple[int, float | None]:
    """Return on how many series a line errs that many times as much as the naive; the rest's error.

    Where a band explodes it decides the mean of all.
    """
    sql = rolling.scored.total(1).sql
    ratios = relative(sql[rolling.lines.index(name)], sql[rolling.lines.index(REFERENCE)])
    known = ratios[np.isfinite(ratios)]
    rest = known[known <= times]
    return len(known) - len(rest), float(np.exp(np.log(rest).mean())) if len(rest) else None


def best_single(lines: Sequence[Line]) -> Line:
    """Return the contender with the least error, of a summary."""
    return next(line for line in lines if line.name != SERVED)


def shown(value: float | None, digits: int = 3) -> str:
    """Return a figure as the page tells it; a dash for what could not be measured."""
    return "-" if value is None else f"{value:.{digits}f}"


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share as per cent; a dash for what could not be measured."""
    return "-" if share is None else f"{100 * share:.{digits}f} %"
