"""The checks of a panel: what a staged history may still have wrong with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from foresail.codes import Code
from foresail.errors import BadInput, UsageError
from foresail.panel import UNITS, BoolArray, Panel
from foresail.quality.checks import FUTURE_TOLERANCE, Refusal, beyond
from foresail.quality.units import MOST
from foresail.times import isoformat, to_numpy


@dataclass(frozen=True, slots=True)
class PanelJudgement:
    """The outcome of `judge_panel`.

    Attributes:
        panel: The accepted series, up to the last hour known.
        refusals: One a refused series, sorted by key.
    """

    panel: Panel
    refusals: tuple[Refusal, ...]


def judge_panel(panel: Panel, *, now: datetime, as_of: datetime | None = None) -> PanelJudgement:
    """Judge every series of a panel by the rules of `judge`, as far as a panel can break them.

    Args:
        panel: As staged.
        now: The present; later hours are refused.
        as_of: The last hour known, or None for all that is there. What lies after it is cut off
            before anything is judged.

    Raises:
        BadInput: Every series is refused, or none has a value yet; tells the first reason.
        UsageError: `as_of` lies in the future.
    """
    if as_of is not None and as_of > now:
        raise UsageError(
            f"the last hour known cannot lie ahead: as-of is {as_of:%Y-%m-%dT%H:%MZ}, now is "
            f"{now:%Y-%m-%dT%H:%MZ}"
        )
    known = panel if as_of is None else panel.until(to_numpy(as_of))
    refusals = {r.key: r for r in reversed(list(_refusals(known, now=now)))}
    rows = [row for row, info in enumerate(known.index) if info.key not in refusals]
    listed = tuple(refusals[key] for key in sorted(refusals))
    if not rows:
        raise BadInput(
            f"all {len(listed)} series are refused; the first is {listed[0]}"
            if listed
            else "there is no value up to the last hour known; nothing can be forecast yet"
        )
    return PanelJudgement(known.select(rows), listed)


def _refusals(panel: Panel, *, now: datetime) -> Iterator[Refusal]:
    """Yield every refusal; of one series the first counts."""
    values = panel.values
    late = ~np.isnan(values) & (panel.ds > to_numpy(now + FUTURE_TOLERANCE))
    for row, hours in _rows(late):
        yield Refusal(
            panel.index[row].key,
            Code.FUTURE_STAMPS,
            f"{len(hours)} values are stamped after the present ({now:%Y-%m-%dT%H:%MZ}), the last "
            f"{isoformat(panel.ds[hours[-1]])}; mend the clock that wrote them",
        )
    for row, hours in _rows(np.isinf(values)):
        yield Refusal(
            panel.index[row].key,
            Code.INFINITE_VALUES,
            f"{len(hours)} values are infinite, the first at {isoformat(panel.ds[hours[0]])}",
        )
    usage = np.array([info.metric in UNITS for info in panel.index], dtype=bool)
    for row, hours in _rows((values < 0) & usage[:, None]):
        yield Refusal(
            panel.index[row].key,
            Code.NEGATIVE_USAGE,
            f"{len(hours)} values are below zero, the least {values[row, hours].min():g}; "
            "usage cannot be negative (is a counter staged without rate?)",
        )
    most = np.array([MOST.get(info.metric, np.inf) for info in panel.index])
    for row, hours in _rows(np.isfinite(values) & (values > most[:, None])):
        info, highest = panel.index[row], float(values[row, hours].max())
        yield Refusal(info.key, Code.OUT_OF_RANGE, beyond(len(hours), highest, info.metric))
    for row in np.flatnonzero(np.isnan(values).all(axis=1)).tolist():
        yield Refusal(
            panel.index[row].key,
            Code.EMPTY_SERIES,
            "the series has no value up to the last hour known",
        )


def _rows(wrong: BoolArray) -> Iterator[tuple[int, list[int]]]:
    """Yield each row that has something wrong, with the hours of it."""
    for row in np.flatnonzero(wrong.any(axis=1)).tolist():
        yield row, np.flatnonzero(wrong[row]).tolist()
