"""Time stamps of files: with a zone, or in a zone that the user names; never guessed."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd

from foresail.errors import UsageError

_ZONE = r".*(?:[zZ]|[+-]\d{2}(?::?\d{2})?)"
_DATE = r"\s*\d{4}-\d{2}-\d{2}.*"


def parse_stamps(
    column: pd.Series, *, timezone: str, within: pd.DataFrame, problems: list[str]
) -> pd.Series:
    """Return the stamps in UTC; what is wrong with them is appended to `problems`.

    Args:
        column: Text in ISO 8601, or datetimes.
        timezone: Zone of stamps that carry none; empty where that is an error.
        within: The frame of the column: an hour that the clocks repeat is told apart by its place
            among the rows of its series.
        problems: Grows.
    """
    zone = checked_zone(timezone)
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return _of_datetimes(column, zone, within, problems)
    if pd.api.types.is_numeric_dtype(column.dtype):
        problems.append("the stamps are numbers; write them as 2026-11-21T08:00:00Z")
        return _nothing(column)
    texts = column.astype(str).str.strip()
    stamps = pd.to_datetime(
        texts.str.replace(r"[zZ]$", "+00:00", regex=True),
        format="ISO8601",
        utc=True,
        errors="coerce",
    )
    wrong = stamps.isna() | ~texts.str.fullmatch(_DATE)
    if wrong.any():
        problems.append(
            f"{int(wrong.sum())} stamps are not like 2026-11-21T08:00:00Z, the first is "
            f"{texts[wrong].iloc[0]!r}"
        )
        return _nothing(column)
    naive = ~texts.str.slice(10).str.fullmatch(_ZONE)
    if not naive.any():
        return stamps
    local = _localized(stamps[naive].dt.tz_localize(None), zone, within[naive], problems)
    return stamps.where(~naive, local.reindex(stamps.index))


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


def _of_datetimes(
    column: pd.Series, zone: ZoneInfo | None, within: pd.DataFrame, problems: list[str]
) -> pd.Series:
    empty = column.isna().to_numpy()
    if empty.any():
        problems.append(
            f"{int(empty.sum())} stamps are empty, first in row {int(empty.argmax()) + 1}; "
            "give each row its time, or leave the row out"
        )
        return _nothing(column)
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        aware: pd.Series = column.dt.tz_convert("UTC")
        return aware
    return _localized(column, zone, within, problems)


def _localized(
    column: pd.Series, zone: ZoneInfo | None, within: pd.DataFrame, problems: list[str]
) -> pd.Series:
    if zone is None:
        problems.append(
            f"{len(column)} stamps carry no zone, the first is {column.iloc[0]}; write them in UTC "
            "(2026-11-21T08:00:00Z) or name their zone with --timezone"
        )
        return _nothing(column)
    keys = [within[name].astype(str) for name in ("series", "metric", "stat") if name in within]
    parts = []
    for _, rows in column.groupby(keys, sort=False) if keys else [("", column)]:
        try:
            local = rows.dt.tz_localize(zone, ambiguous="infer", nonexistent="raise")
        except ValueError as error:
            problems.append(
                f"a stamp is missing or stands twice where the clocks of {zone.key} change "
                f"({_one_line(error)}); write the stamps in UTC"
            )
            return _nothing(column)
        parts.append(local.dt.tz_convert("UTC"))
    joined: pd.Series = pd.concat(parts).reindex(column.index)
    return joined


def _nothing(column: pd.Series) -> pd.Series:
    """Return stamps of the right type for a column that has been reported already."""
    return pd.Series(pd.NaT, index=column.index, dtype="datetime64[ns, UTC]")


def _one_line(error: ValueError) -> str:
    return " ".join(str(error).split())[:80]
