"""Time stamps of files: with a zone, or in a zone that the user names; never guessed."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
import structlog

from foresail.errors import BadInput, UsageError
from foresail.history.repeated_hours import first_passes
from foresail.history.sheet import Place, first_place
from foresail.history.stamp_forms import hint, iso_text, slashed_order
from foresail.panel import IntArray

_log = structlog.get_logger(__name__)

_KEYS = ("series", "metric", "stat")


def parse_stamps(
    column: pd.Series, *, timezone: str, within: pd.DataFrame, place: Place
) -> pd.Series:
    """Return the stamps in UTC.

    Args:
        column: Text in ISO 8601 or as spreadsheets write it, or datetimes.
        timezone: Zone of stamps that carry none; empty where that is an error.
        within: The frame of the column: an hour that the clocks repeat is told apart by its place
            among the rows of its series.
        place: For messages.

    Raises:
        BadInput: A stamp is empty, of an unknown form, without a zone, or at an hour that the
            clocks of the zone skip or repeat; tells the first of them.
        UsageError: There is no such zone.
    """
    zone = checked_zone(timezone)
    is_text = not pd.api.types.is_datetime64_any_dtype(column.dtype)
    cells = column.astype("str").str.strip() if is_text else column
    empty = cells.isna() | (cells == "") if is_text else cells.isna()
    if empty.any():
        raise BadInput(
            f"{int(empty.sum())} stamps are empty, first in {first_place(empty, place)}; "
            "give each row its time, or leave the row out"
        )
    if is_text:
        return _of_texts(cells, zone, within, place)
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        aware: pd.Series = column.dt.tz_convert("UTC")
        return aware
    return _localized(column, zone, within, place)


def checked_zone(timezone: str) -> ZoneInfo | None:
    """Return the zone of that name, None for an empty name.

    Raises:
        UsageError: There is no such zone.
    """
    if not timezone:
        return None
    try:
        return ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(
            f"unknown time zone {timezone!r}; use a name such as Europe/Berlin or UTC"
        ) from error


def _of_texts(
    cells: pd.Series, zone: ZoneInfo | None, within: pd.DataFrame, place: Place
) -> pd.Series:
    codes, unique = pd.factorize(cells)  # the series of a file share their stamps
    order = slashed_order(unique)
    if order.fault:
        raise BadInput(f"nobody can tell day from month: {order.fault}")
    if order.proof:
        written = "day/month/year" if order.day_first else "month/day/year"
        _log.info(
            "dates with slashes are read by what one of them proves",
            order=written,
            proof=order.proof,
        )
    forms = [iso_text(text, day_first=order.day_first) for text in unique]
    texts = pd.Series([text for text, _ in forms], dtype="str")
    parsed = pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce")
    stamps = pd.Series(parsed.array[codes], index=cells.index)
    wrong = stamps.isna()
    if wrong.any():
        text = str(cells[wrong].iloc[0])
        raise BadInput(
            f"{int(wrong.sum())} stamps are not like 2026-11-21T08:00:00Z, the first in "
            f"{first_place(wrong, place)} is {text!r}{hint(text)}"
        )
    naive = np.array([not zoned for _, zoned in forms], dtype=bool)[codes]
    if not naive.any():
        return stamps
    local = _localized(stamps[naive].dt.tz_localize(None), zone, within[naive], place)
    return stamps.where(~naive, local.reindex(stamps.index))


def _localized(
    local: pd.Series, zone: ZoneInfo | None, within: pd.DataFrame, place: Place
) -> pd.Series:
    if zone is None:
        raise BadInput(
            f"{len(local)} stamps carry no zone, the first is {local.iloc[0]}; write them in UTC "
            "(2026-11-21T08:00:00Z) or name their zone with --timezone"
        )
    codes, unique = pd.factorize(local)
    times = pd.DatetimeIndex(unique)
    early, late = (
        times.tz_localize(zone, ambiguous=np.full(len(times), first), nonexistent="NaT").tz_convert(
            "UTC"
        )
        for first in (True, False)
    )
    skipped = pd.Series(early.isna()[codes], index=local.index)
    if skipped.any():
        raise BadInput(
            f"{local[skipped].iloc[0]} in {first_place(skipped, place)} never was: the clocks of "
            f"{zone.key} skip it; write the stamps in UTC"
        )
    twice = np.asarray(early != late)[codes]
    if not twice.any():
        return pd.Series(early[codes], index=local.index)
    first_pass, told = first_passes(local.to_numpy(), twice=twice, series=_series_of(within))
    untold = pd.Series(~told, index=local.index)
    if untold.any():
        raise BadInput(
            f"{local[untold].iloc[0]} in {first_place(untold, place)} was twice, as the clocks of "
            f"{zone.key} change, and the order of the rows does not tell which of the two it is; "
            "write the stamps in UTC"
        )
    return pd.Series(early[codes].where(first_pass, late[codes]), index=local.index)


def _series_of(within: pd.DataFrame) -> IntArray:
    """Return a number for each row that says which series it belongs to."""
    keys = [name for name in _KEYS if name in within]
    if not keys:
        return np.zeros(len(within), dtype=np.int64)
    groups = within.groupby(keys, sort=False, observed=True, dropna=False)
    return np.asarray(groups.ngroup(), dtype=np.int64)
