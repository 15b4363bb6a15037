"""A backtest in the figures that people compare."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from foresail.bundle.schema import SOFTENING
from foresail.evaluation.rolling import Rolling
from foresail.evaluation.scores import REFERENCE
from foresail.evaluation.sums import Sums
from foresail.panel import FloatArray, SeriesInfo


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: the served choice or one contender, over all series and origins.

    None stands for what could not be measured.

    Attributes:
        name: `served`, or the contender's.
        series: How many series were measured (those without a scale are not).
        relative_sql: Geometric mean over the series of (sql + 0.01) / (seasonal naive's + 0.01).
        relative_mase: The same of `mase`.
        coverage: Share of all hours inside [p10, p90].
        low_coverage: The coverage that nine tenths of the (series, window) pairs exceed.
        mase: Of the middle series, as are the next two.
        bias: Mean (p50 - y) / scale: positive means too high.
        peak_error: Relative error of the daily maximum; see `Sums.peak_error`.
        filled: Share of hours at which the seasonal naive stood in for a missing forecast.
    """

    name: str
    series: int
    relative_sql: float | None
    relative_mase: float | None
    coverage: float | None
    low_coverage: float | None
    mase: float | None
    bias: float | None
    peak_error: float | None
    filled: float | None


@dataclass(frozen=True, slots=True)
class Served:
    """What was served for one series over all origins.

    Attributes:
        info: The series.
        row: Its place in the panel.
        relative_sql: Error relative to the seasonal naive's.
        coverage: Share of hours inside [p10, p90].
        peak_error: Relative error of the daily maximum.
        windows: How many were measured.
        winner: Who served most of these.
    """

    info: SeriesInfo
    row: int
    relative_sql: float
    coverage: float
    peak_error: float
    windows: int
    winner: str


def summary(result: Rolling) -> tuple[Line, ...]:
    """Return the served line, then the contenders from the least error to the largest."""
    lines = _lines(result, result.scored)
    rest = sorted(lines[1:], key=lambda line: (line.relative_sql is None, line.relative_sql or 0.0))
    return (lines[0], *rest)


def by_origin(result: Rolling) -> tuple[tuple[Line, ...], ...]:
    """Return the lines of each origin alone, in the order of `Rolling.lines`."""
    only = np.eye(len(result.origins), dtype=bool)[:, :, None]
    return tuple(tuple(_lines(result, result.scored.where(mask))) for mask in only)


def ranking(result: Rolling) -> tuple[Served, ...]:
    """Return the served series from the least error to the largest, relative to the naive's."""
    windows = result.scored
    per_series = windows.total(1)
    error = relative(per_series.sql, _naive(result, per_series.sql))[0]
    measured = windows.hours[0] > 0
    found = []
    for row in np.argsort(error, kind="stable"):
        if np.isfinite(error[row]):
            served = [result.winners[k][row] or "none" for k in np.flatnonzero(measured[:, row])]
            found.append(
                Served(
                    info=result.index[row],
                    row=int(row),
                    relative_sql=float(error[row]),
                    coverage=float(per_series.coverage[0, row]),
                    peak_error=float(per_series.peak_error[0, row]),
                    windows=len(served),
                    winner=Counter(served).most_common(1)[0][0],
                )
            )
    return tuple(found)


def relative(error: FloatArray, naive: FloatArray) -> FloatArray:
    """Return (error + 0.01) / (naive + 0.01): below 1 beats yesterday's shape."""
    return np.asarray((error + SOFTENING) / (naive + SOFTENING))


def _lines(result: Rolling, windows: Sums) -> list[Line]:
    per_series, overall = windows.total(1), windows.total(1).total(1)
    sql = relative(per_series.sql, _naive(result, per_series.sql))
    mase = relative(per_series.mase, _naive(result, per_series.mase))
    filled = np.divide(
        overall.filled, overall.hours, out=np.zeros_like(overall.hours), where=overall.hours > 0
    )
    return [
        Line(
            name=name,
            series=int((per_series.hours[i] > 0).sum()),
            relative_sql=_geometric(sql[i]),
            relative_mase=_geometric(mase[i]),
            coverage=_middle(overall.coverage[i : i + 1]),
            low_coverage=_quantile(windows.coverage[i], 0.1),
            mase=_middle(per_series.mase[i]),
            bias=_middle(per_series.bias[i]),
            peak_error=_middle(per_series.peak_error[i]),
            filled=float(filled[i]),
        )
        for i, name in enumerate(result.lines)
    ]


def _naive(result: Rolling, measured: FloatArray) -> FloatArray:
    return np.asarray(measured[result.lines.index(REFERENCE)])


def _geometric(ratios: FloatArray) -> float | None:
    known = ratios[np.isfinite(ratios)]
    return float(np.exp(np.log(known).mean())) if len(known) else None


def _middle(values: FloatArray) -> float | None:
    return _quantile(values, 0.5)


def _quantile(values: FloatArray, level: float) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.quantile(known, level)) if len(known) else None
