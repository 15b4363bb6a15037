"""The backtest of a history file: rows in, measures out, as a table or as JSON."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from foresail.contenders import ProphetSettings
from foresail.evaluation.field import field
from foresail.evaluation.rolling import Rolling, rolling
from foresail.evaluation.rolling_summary import by_origin, relative, summary
from foresail.evaluation.scores import REFERENCE
from foresail.evaluation.sums import Sums
from foresail.features import hourly_panel
from foresail.horizons import QUANTILES, Horizon
from foresail.panel import FloatArray, Panel
from foresail.quality import Refusal, check_some, judge
from foresail.targets import check_file
from foresail.times import isoformat

SUFFIXES = (".html", ".json", ".parquet")


@dataclass(frozen=True, slots=True)
class Backtest:
    """What `backtest_frame` returns.

    Attributes:
        panel: The history that was judged fit.
        rolling: What was measured on it.
        refusals: The series that were refused before anything was measured.
    """

    panel: Panel
    rolling: Rolling
    refusals: tuple[Refusal, ...]


def backtest_frame(
    frame: pd.DataFrame,
    *,
    horizon: Horizon,
    origins: int,
    now: datetime,
    settings: ProphetSettings | None = None,
    seed: int = 0,
    on_series: Callable[[int], None] = lambda _: None,
    on_origin: Callable[[int], None] = lambda _: None,
) -> Backtest:
    """Measure what would have been served, and every contender, on a long history.

    Args:
        frame: `series`, `metric`, `ds` (UTC-aware, hourly or finer), `y`, optionally `stat`,
            `unit`.
        horizon: How far ahead.
        origins: How many forecasts of each series are wanted.
        now: The present; later stamps are refused.
        settings: Prophet's.
        seed: Of everything drawn at random.
        on_series: Called with the number of series that Prophet fitted since the last call.
        on_origin: Called with 1 after each origin.

    Raises:
        BadInput: The frame is no long frame, every series of it is refused, or the history is too
            short.
        UsageError: Fewer than one origin is wanted.
    """
    judgement = judge(frame, now=now)
    check_some(judgement)
    panel = hourly_panel(judgement.frame)
    measured = rolling(
        panel,
        horizon=horizon,
        origins=origins,
        contenders=field(settings or ProphetSettings(), seed=seed, on_series=on_series),
        on_origin=on_origin,
    )
    return Backtest(panel, measured, judgement.refusals)


def window_rows(result: Rolling) -> pd.DataFrame:
    """Return one row for each series, origin and contender, the served choice among them.

    Columns: `series`, `metric`, `stat`, `unit`; `as_of`, the last hour known; `contender`; `model`,
    who was served (in the served rows); `code`, why nothing was; `hours` observed, of these
    `filled` with the seasonal naive; `scale`; `sql`, `naive_sql`, `relative_sql`, `mase`,
    `coverage`, `pinball_p10`, `pinball_p50`, `pinball_p90`, `bias`, `peak_error`. What could not be
    measured is NaN; sorted by key, origin, and the order of `Rolling.lines`.
    """
    lines, origins, series = result.sums.hours.shape
    row, window, line = (
        a.ravel() for a in np.meshgrid(*map(np.arange, (series, origins, lines)), indexing="ij")
    )
    keys = pd.DataFrame(
        [(i.series, i.metric, i.stat, i.unit) for i in result.index],
        columns=["series", "metric", "stat", "unit"],
    ).iloc[row]
    served = line == 0
    models = np.array(result.winners, dtype=object)[window, row]
    stamps = pd.DatetimeIndex(result.origins.astype("datetime64[ms]")).tz_localize("UTC")
    known: dict[str, Any] = {
        "as_of": stamps[window],
        "contender": np.array(result.lines, dtype=object)[line],
        "model": np.where(served, models, np.array(result.lines, dtype=object)[line]),
        "code": np.where(served, result.codes[window, row], 0),
        "scale": result.scale[window, row],
    }
    measured = {
        name: values[line, window, row] for name, values in _measures(result, result.sums).items()
    }
    return keys.reset_index(drop=True).assign(**known, **measured)


def _measures(result: Rolling, sums: Sums) -> dict[str, FloatArray]:
    """Return the columns of figures, each of the shape of the sums; lines come first."""
    naive = np.broadcast_to(sums.sql[result.lines.index(REFERENCE)], sums.sql.shape)
    pinball = sums.mean_pinball
    return {
        "hours": sums.hours,
        "filled": sums.filled,
        "sql": sums.sql,
        "naive_sql": naive,
        "relative_sql": relative(sums.sql, naive),
        "mase": sums.mase,
        "coverage": sums.coverage,
        **{f"pinball_p{round(100 * q)}": pinball[..., i] for i, q in enumerate(QUANTILES)},
        "bias": sums.bias,
        "peak_error": sums.peak_error,
    }


def as_json(result: Backtest) -> str:
    """Return everything that was measured: summary, per origin, per series, per window.

    A figure that could not be measured is null.
    """
    measured = result.rolling
    windows = window_rows(measured)
    stamps = [isoformat(origin) for origin in measured.origins]
    found = {
        "horizon": measured.horizon.name,
        "hours": measured.horizon.hours,
        "origins": stamps,
        "origins_asked": measured.plan.asked,
        "notes": measured.plan.notes,
        "summary": [asdict(line) for line in summary(measured)],
        "by_origin": [
            {"as_of": stamp, "summary": [asdict(line) for line in lines]}
            for stamp, lines in zip(stamps, by_origin(measured), strict=True)
        ],
        "series": _records(_series_rows(measured)),
        "constant": _constant(measured),
        "refused": [
            {**r.key._asdict(), "code": int(r.code), "reason": r.reason} for r in result.refusals
        ],
        "windows": _records(
            windows.assign(as_of=windows["as_of"].dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
        ),
    }
    return json.dumps(found, allow_nan=False, indent=1)


def _series_rows(result: Rolling) -> pd.DataFrame:
    """Return one row for each series and contender, over the windows that have a scale."""
    measures = _measures(result, result.scored.total(1))
    parts = [
        pd.DataFrame(
            {
                "series": [info.series for info in result.index],
                "metric": [info.metric for info in result.index],
                "stat": [info.stat for info in result.index],
                "contender": name,
                "windows": (result.scored.hours[i] > 0).sum(axis=0),
                **{column: values[i] for column, values in measures.items()},
            }
        )
        for i, name in enumerate(result.lines)
    ]
    return pd.concat(parts, ignore_index=True)


def _constant(result: Rolling) -> dict[str, Any]:
    """Return how the served choice did on the windows without a scale, which no mean counts."""
    apart = result.constant
    served = apart.total(1).total(1)
    return {
        "series": int((apart.hours[0] > 0).any(axis=0).sum()),
        "windows": int((apart.hours[0] > 0).sum()),
        "hours": float(served.hours[0]),
        "coverage": float(served.coverage[0]) if served.hours[0] else None,
    }


def _records(rows: pd.DataFrame) -> Sequence[dict[str, Any]]:
    plain = rows.astype(object)
    records: Sequence[dict[str, Any]] = plain.where(plain.notna(), None).to_dict("records")  # type: ignore[assignment]  # its keys are the columns' names
    return records


def check_report(path: Path) -> None:
    """Refuse a report that cannot be written, before any work is done.

    Raises:
        UsageError: It has none of the endings .html, .json, .parquet, is a folder, or lies in one
            that does not exist.
    """
    check_file(path, SUFFIXES)


def write_report(result: Backtest, path: Path) -> None:
    """Write the backtest as HTML, JSON or Parquet, by the file's ending; whole or not at all.

    Raises:
        UsageError: See `check_report`.
    """
    check_report(path)
    partial = path.with_name(f".{path.name}.partial")
    try:
        if path.suffix.lower() == ".parquet":
            window_rows(result.rolling).to_parquet(partial, index=False)
        elif path.suffix.lower() == ".json":
            partial.write_text(as_json(result), encoding="utf-8")
        else:
            # jinja2 and matplotlib cost a second, which the other two need not
            from foresail.reports.backtest import backtest_report  # noqa: PLC0415  # as above

            partial.write_text(
                backtest_report(result.rolling, panel=result.panel, refusals=result.refusals),
                encoding="utf-8",
            )
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
