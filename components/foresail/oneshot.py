"""A forecast without any server: a history file in, a forecast file out."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from foresail.bundle import Quality, SeriesEntry, promise
from foresail.cells import harmless
from foresail.codes import Code
from foresail.contenders import ProphetSettings
from foresail.errors import UsageError
from foresail.evaluation.contest import run_contest
from foresail.evaluation.field import field
from foresail.features import hourly_panel
from foresail.horizons import Horizon
from foresail.longframe import KEY, with_stat
from foresail.panel import HOUR, SeriesKey, TimeArray
from foresail.quality import Judgement, Refusal, check_some, judge
from foresail.targets import check_file
from foresail.times import to_numpy

COLUMNS = [
    *("series", "metric", "ds", "p10", "p50", "p90", "model", "code", "reason"),
    *("coverage", "vs_naive", "windows"),
]
SUFFIXES = (".parquet", ".csv", ".xlsx")
XLSX_ROWS = 1_048_575
"""What a sheet holds below its header."""


@dataclass(frozen=True, slots=True)
class OneShot:
    """What `forecast_frame` returns.

    Attributes:
        rows: One for every (series, hour): `series`, `metric`, `stat` where the history has one,
            `ds`, `p10`, `p50`, `p90`, `model`, `code`, `reason`, and what is promised of the whole
            horizon: `coverage`, `vs_naive`, `windows`. Empty quantiles where there is no forecast,
            an empty promise where it is unmeasured.
        index: Winner and promise of each series that was not refused.
        refusals: The series that were.
    """

    rows: pd.DataFrame
    index: tuple[SeriesEntry, ...]
    refusals: tuple[Refusal, ...]


def forecast_frame(
    frame: pd.DataFrame,
    *,
    horizon: Horizon,
    now: datetime,
    as_of: datetime | None = None,
    settings: ProphetSettings | None = None,
    seed: int = 0,
    on_series: Callable[[int], None] = lambda _: None,
) -> OneShot:
    """Forecast a long history, using nothing after `as_of`.

    Args:
        frame: `series`, `metric`, `ds` (UTC-aware, hourly or finer), `y`, optionally `stat`,
            `unit`.
        horizon: How far ahead; the forecast starts one hour after `as_of`.
        now: The present; later stamps are refused.
        as_of: The last hour known; None for the last hour of the history.
        settings: Prophet's.
        seed: Of everything drawn at random.
        on_series: Called with the number of series that Prophet fitted since the last call.

    Raises:
        BadInput: The frame is no long frame, or every stamp of it lies in the future.
        UsageError: `as_of` does.
    """
    judgement = judge(frame, now=now, as_of=as_of)
    if judgement.frame.empty:
        contest = None
        last = to_numpy(as_of) if as_of else _last_hour(frame, judgement, now=now)
    else:
        panel = hourly_panel(judgement.frame, as_of=as_of)
        contenders = field(settings or ProphetSettings(), seed=seed, on_series=on_series)
        contest = run_contest(panel, horizons=(horizon,), contenders=contenders, slack=0)
        last = panel.as_of
    ds = last + HOUR * np.arange(1, horizon.hours + 1)
    index = contest.index if contest else ()
    parts = [_served(entry, contest.forecast[i], ds) for i, entry in enumerate(index) if contest]
    refused = {r.key: (r.code, r.reason) for r in judgement.refusals}
    known = {SeriesKey(e.series, e.metric, e.stat) for e in index}
    given = with_stat(frame)[KEY].drop_duplicates().itertuples(index=False)
    for key in sorted(SeriesKey(*map(str, row)) for row in given):
        if key not in known:
            code, reason = refused.get(key, (Code.EMPTY_SERIES, "no value up to the last hour"))
            parts.append(_absent(key, ds, code=code, reason=reason))
    rows = pd.concat(parts, ignore_index=True).sort_values([*KEY, "ds"], kind="stable")
    columns = [*COLUMNS[:2], "stat", *COLUMNS[2:]] if "stat" in frame else COLUMNS
    return OneShot(rows[columns].reset_index(drop=True), index, judgement.refusals)


def _last_hour(frame: pd.DataFrame, judgement: Judgement, *, now: datetime) -> np.datetime64:
    """Return the last hour known where no series is left to tell it."""
    stamps = frame["ds"][frame["ds"] <= now]
    if stamps.empty:
        check_some(judgement)
    return to_numpy(stamps.max().floor("h").to_pydatetime())


def _served(entry: SeriesEntry, quantiles: np.ndarray, ds: TimeArray) -> pd.DataFrame:
    key = SeriesKey(entry.series, entry.metric, entry.stat)
    (horizon,) = entry.horizons.values()
    if not horizon.winner:
        return _absent(key, ds, code=horizon.code, reason=horizon.reason)
    promised = promise(entry, first_lead=1, last_lead=len(ds))
    rows = _rows(key, ds, code=horizon.code, reason=horizon.reason, promised=promised)
    ends = [segment.until_hours for segment in entry.segments]
    models = [entry.segments[s].model for s in np.searchsorted(ends, np.arange(1, len(ds) + 1))]
    return rows.assign(p10=quantiles[:, 0], p50=quantiles[:, 1], p90=quantiles[:, 2], model=models)


def _absent(key: SeriesKey, ds: TimeArray, *, code: int, reason: str) -> pd.DataFrame:
    return _rows(key, ds, code=code, reason=reason).assign(
        p10=np.nan, p50=np.nan, p90=np.nan, model=""
    )


def _rows(
    key: SeriesKey, ds: TimeArray, *, code: int, reason: str, promised: Quality | None = None
) -> pd.DataFrame:
    stamps = pd.DatetimeIndex(ds.astype("datetime64[ms]")).tz_localize("UTC")
    windows = [promised.windows if promised else pd.NA] * len(ds)
    return pd.DataFrame(
        {
            **key._asdict(),
            "ds": stamps,
            "code": int(code),
            "reason": reason,
            "coverage": promised.coverage if promised else np.nan,
            "vs_naive": promised.vs_naive if promised else np.nan,
            "windows": pd.array(windows, dtype="Int64"),  # whole numbers, or nothing
        }
    )


def check_target(path: Path) -> None:
    """Refuse an output that cannot be written, before any work is done.

    Raises:
        UsageError: It has none of the endings .parquet, .csv, .xlsx, is a folder, or lies in one
            that does not exist.
    """
    check_file(path, SUFFIXES)


def write_rows(rows: pd.DataFrame, path: Path) -> None:
    """Write the rows as Parquet, CSV or XLSX, by the file's ending; whole or not at all.

    Raises:
        UsageError: See `check_target`; or there are more rows than a workbook holds.
    """
    check_target(path)
    if path.suffix.lower() == ".xlsx" and len(rows) > XLSX_ROWS:
        raise UsageError(
            f"a workbook holds {XLSX_ROWS} rows, the forecast has {len(rows)}; "
            "write .parquet or .csv instead"
        )
    partial = path.with_name(f".{path.name}.partial{path.suffix}")
    try:
        _write(rows, partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _write(rows: pd.DataFrame, path: Path) -> None:
    if path.suffix.lower() == ".parquet":
        rows.to_parquet(path, index=False)
    elif path.suffix.lower() == ".csv":
        texts = {name: rows[name].map(harmless) for name in ("series", "metric", "reason")}
        stamps = rows["ds"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
        rows.assign(ds=stamps, **texts).to_csv(path, index=False)
    else:
        _write_xlsx(rows, path)


def _write_xlsx(rows: pd.DataFrame, path: Path) -> None:
    # Excel knows no zones; the header says which one it is
    sheet = rows.assign(ds=rows["ds"].dt.tz_localize(None)).rename(columns={"ds": "ds (UTC)"})
    # strings_to_formulas off: a series named =cmd stays text
    options = {"options": {"strings_to_formulas": False, "strings_to_urls": False}}
    with pd.ExcelWriter(
        path, engine="xlsxwriter", datetime_format="yyyy-mm-dd hh:mm", engine_kwargs=options
    ) as writer:
        sheet.to_excel(writer, sheet_name="forecast", index=False, freeze_panes=(1, 0))
        book = writer.sheets["forecast"]
        book.set_column(0, 0, 36)
        book.set_column(2, 2, 17)
        book.autofilter(0, 0, len(sheet), len(sheet.columns) - 1)
