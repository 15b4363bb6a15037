"""The checks of one long frame. Nothing is mended silently; every refusal has a code."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from foresail.codes import Code
from foresail.errors import BadInput, UsageError
from foresail.longframe import KEY, check_columns, with_stat
from foresail.panel import UNITS, FloatArray, SeriesKey
from foresail.quality.units import FACTORS, MOST

FUTURE_TOLERANCE = timedelta(minutes=10)
"""Clocks differ; a stamp further ahead than this is no measurement."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One series that may not go on.

    Attributes:
        key: The series.
        code: Why.
        reason: One sentence with this series' figures.
    """

    key: SeriesKey
    code: Code
    reason: str

    def __str__(self) -> str:
        """Return it as people read it in messages."""
        return f"{self.key}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The outcome of `judge`.

    Attributes:
        frame: Rows of the accepted series, sorted, without repeats, in the metric's own unit; empty
            where none is left.
        refusals: One a refused series, sorted by key.
        repeats_dropped: Rows dropped because the same stamp and value stood twice.
        repeats: The same by series; only those that had any.
    """

    frame: pd.DataFrame
    refusals: tuple[Refusal, ...]
    repeats_dropped: int
    repeats: Mapping[SeriesKey, int]


def judge(frame: pd.DataFrame, *, now: datetime, as_of: datetime | None = None) -> Judgement:
    """Judge every series of a long frame.

    Rows after `as_of` are cut off before anything is judged, so that nothing later than it can
    change a forecast.

    Args:
        frame: Columns `series`, `metric`, `ds` (UTC-aware), `y`, optionally `stat` and `unit`; at
            any step.
        now: The present; later stamps are refused.
        as_of: The last hour known, or None for all that is there.

    Raises:
        BadInput: The columns are not those of a long frame.
        UsageError: `as_of` lies in the future.
    """
    problems = check_columns(frame)
    if problems:
        raise BadInput(problems)
    if as_of is not None and as_of > now:
        raise UsageError(
            f"the last hour known cannot lie ahead: as-of is {as_of:%Y-%m-%dT%H:%MZ}, now is "
            f"{now:%Y-%m-%dT%H:%MZ}"
        )
    frame = with_stat(frame)
    if as_of is not None:
        frame = frame[frame["ds"] < as_of + timedelta(hours=1)]
    repeated = frame.duplicated([*KEY, "ds", "y"])
    repeats = {key: len(rows) for key, rows in _by_key(frame[repeated])}
    frame = frame[~repeated].sort_values([*KEY, "ds"], kind="stable")
    refusals: dict[SeriesKey, Refusal] = {}
    for refusal in _refusals(frame, now=now):
        refusals.setdefault(refusal.key, refusal)
    keys = pd.MultiIndex.from_frame(frame[KEY])
    refused = keys.isin([tuple(key) for key in refusals])
    accepted = _in_metric_unit(frame[~refused])
    return Judgement(
        accepted.reset_index(drop=True),
        tuple(refusals[key] for key in sorted(refusals)),
        int(repeated.sum()),
        repeats,
    )


def check_some(judgement: Judgement) -> None:
    """Refuse a history of which nothing is left.

    Raises:
        BadInput: Every series is refused, or none has a value yet; tells the first reason.
    """
    if len(judgement.frame):
        return
    if not judgement.refusals:
        raise BadInput("there is no value up to the last hour known; nothing can be forecast yet")
    first = judgement.refusals[0]
    raise BadInput(f"all {len(judgement.refusals)} series are refused; the first is {first}")


def _refusals(frame: pd.DataFrame, *, now: datetime) -> Iterator[Refusal]:
    yield from _unknown_units(frame)
    y = frame["y"].to_numpy(dtype=np.float64)
    late = (frame["ds"] > now + FUTURE_TOLERANCE).to_numpy()
    for key, rows in _by_key(frame[late]):
        yield Refusal(
            key,
            Code.FUTURE_STAMPS,
            f"{len(rows)} values are stamped after the present ({now:%Y-%m-%dT%H:%MZ}), the last "
            f"{rows['ds'].max():%Y-%m-%dT%H:%MZ}; mend the clock that wrote them",
        )
    valued = frame[~np.isnan(y)]  # a gap beside a value is no conflict
    conflicting = valued.duplicated([*KEY, "ds"], keep=False)
    for key, rows in _by_key(valued[conflicting]):
        yield Refusal(
            key,
            Code.CONFLICTING_DUPLICATES,
            f"{rows['ds'].iloc[0]:%Y-%m-%dT%H:%MZ} has the values {rows['y'].iloc[0]:g} and "
            f"{rows['y'].iloc[1]:g}; keep one of them",
        )
    for key, rows in _by_key(frame[np.isinf(y)]):
        yield Refusal(
            key,
            Code.INFINITE_VALUES,
            f"{len(rows)} values are infinite, the first at {rows['ds'].iloc[0]:%Y-%m-%dT%H:%MZ}",
        )
    usage = frame["metric"].isin(UNITS).to_numpy()
    for key, rows in _by_key(frame[usage & (y < 0)]):
        yield Refusal(
            key,
            Code.NEGATIVE_USAGE,
            f"{len(rows)} values are below zero, the least {rows['y'].min():g}; "
            "usage cannot be negative (is a counter staged without rate?)",
        )
    most = frame["metric"].map(MOST).to_numpy(dtype=np.float64)
    own = y * _factors(frame)
    high = frame.assign(y=own)[np.isfinite(y) & (own > most)]
    for key, rows in _by_key(high):
        yield Refusal(key, Code.OUT_OF_RANGE, beyond(len(rows), rows["y"].max(), key.metric))
    counts = frame.groupby(KEY, sort=True, observed=True)["y"].count()
    for key in counts.index[counts == 0]:
        yield Refusal(SeriesKey(*key), Code.EMPTY_SERIES, "the series has rows but no value")


def beyond(count: int, highest: float, metric: str) -> str:
    """Return the sentence about values that no cluster can reach."""
    return (
        f"{count} values are above {MOST[metric]:g}, the highest {highest:g}; "
        f"{metric} is measured in {UNITS[metric]} (is the unit another, or a counter staged "
        "without rate?)"
    )


def _unknown_units(frame: pd.DataFrame) -> Iterator[Refusal]:
    if "unit" not in frame:
        return
    for (metric, unit), rows in frame.groupby(["metric", "unit"], observed=True):
        if metric in UNITS and unit not in FACTORS[metric]:
            for key, _ in _by_key(rows):
                yield Refusal(
                    key,
                    Code.UNKNOWN_UNIT,
                    f"expected {metric} in one of {', '.join(FACTORS[metric])}, got {unit!r}",
                )


def _in_metric_unit(frame: pd.DataFrame) -> pd.DataFrame:
    if "unit" not in frame:
        return frame
    y = frame["y"].to_numpy(dtype=np.float64) * _factors(frame)
    return frame.assign(y=y).drop(columns="unit")


def _factors(frame: pd.DataFrame) -> FloatArray:
    """Return what each row's value is multiplied with to be in its metric's unit, shape `(n,)`."""
    factor = np.ones(len(frame))
    for metric, factors in FACTORS.items() if "unit" in frame else ():
        here = (frame["metric"] == metric).to_numpy()
        factor[here] = frame["unit"][here].map(factors).fillna(1.0).to_numpy(dtype=np.float64)
    return factor


def _by_key(rows: pd.DataFrame) -> Iterator[tuple[SeriesKey, pd.DataFrame]]:
    for key, group in rows.groupby(KEY, sort=True, observed=True):
        yield SeriesKey(*map(str, key)), group
