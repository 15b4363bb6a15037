"""Time stamps of files, as people and spreadsheets write them."""

import time
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from structlog.testing import capture_logs

from foresail.errors import BadInput
from foresail.history.stamps import parse_stamps

BERLIN = "Europe/Berlin"


@pytest.fixture(
    params=["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Chatham"]
)
def machine_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Set the zone of this machine."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def parsed(*cells: str, timezone: str = "", series: list[str] | None = None) -> list[str]:
    """Return stamps in UTC."""
    column = pd.Series(cells, dtype="str")
    within = pd.DataFrame({"series": series} if series else {"timestamp": column})
    found = parse_stamps(
        column, timezone=timezone, within=within, place=lambda row: f"line {row + 2}"
    )
    assert str(found.dt.tz) == "UTC"
    return [f"{stamp:%Y-%m-%d %H:%M:%S}".removesuffix(":00") for stamp in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-21T08:00:00Z", "2026-11-21 08:00"),
        ("2026-11-21t08:00z".upper(), "2026-11-21 08:00"),
        ("2026-11-21 08:00:30+01:00", "2026-11-21 07:00:30"),
        ("2026-11-21 08:00:00 +0530", "2026-11-21 02:30"),
        ("2026-11-21T08:00:00.25-02", "2026-11-21 10:00"),
        ("2026-11-21 08:00:00 UTC", "2026-11-21 08:00"),
        ("21.11.2026 08:00 +01:00", "2026-11-21 07:00"),
    ],
)
def test_stamps_with_a_zone_need_no_other(text: str, expected: str) -> None:
    """ISO 8601, and what databases write for it."""
    assert parsed(text, timezone="Asia/Tokyo") == parsed(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21 08:00",
        "2026-11-21T08:00:00",
        " 2026-11-21 8:00 ",
        "2026-11-21, 08:00:00",
        "2026/11/21 08:00",
        "21.11.2026 08:00",
        "21.11.2026, 8:00:00",
        "11/21/2026 8:00",
        "11/21/2026 8:00 AM",
        "11/21/2026, 8:00:00\u202fAM",
        "21/11/2026 08:00",
        "21-11-2026 8:00 a.m.",
    ],
)
def test_the_forms_of_spreadsheets_are_read_in_the_zone_declared(text: str) -> None:
    """Eight in the morning in Berlin in winter is seven in UTC."""
    assert parsed(text, timezone=BERLIN) == ["2026-11-21 07:00"]


def test_noon_and_midnight_of_the_twelve_hour_clock() -> None:
    """12 AM begins the day, 12 PM is noon."""
    texts = ["11/21/2026 12:00 AM", "11/21/2026 12:30 PM", "11/21/2026 11:00 pm"]
    assert [text[11:] for text in parsed(*texts, timezone="UTC")] == ["00:00", "12:30", "23:00"]


def test_a_date_alone_is_its_midnight() -> None:
    """In the zone declared."""
    assert parsed("2026-11-21", "21.11.2026", timezone=BERLIN) == ["2026-11-20 23:00"] * 2


def test_one_day_after_the_12th_decides_for_the_whole_column() -> None:
    """And a logged line says which, and by what."""
    with capture_logs() as lines:
        found = parsed("12/11/2026 00:00", "13/11/2026 00:00", timezone="UTC")
    assert found == ["2026-11-12 00:00", "2026-11-13 00:00"]
    assert (lines[0]["order"], lines[0]["proof"]) == ("day/month/year", "13/11/2026 00:00")
    found = parsed("11/12/2026 00:00", "11/13/2026 00:00", timezone="UTC")
    assert found == ["2026-11-12 00:00", "2026-11-13 00:00"]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (
            ["05/11/2026 08:00", "06/11/2026 08:00"],
            "'05/11/2026 08:00' may be month/day or day/month, and no day after the 12th tells",
        ),
        (["13/11/2026", "11/13/2026"], "'13/11/2026' has the day first and '11/13/2026' the month"),
        (["45981.33"], "'45981.33': a spreadsheet's day number; give its column the format yyyy"),
        (["45981,33333"], "a spreadsheet's day number"),
        (["1735689600"], "seconds since 1970; write it as 2025-01-01T00:00:00Z"),
        (["1735689600000"], "milliseconds since 1970; write it as 2025-01-01T00:00:00Z"),
        (["1735689600000000000"], "nanoseconds since 1970; write it as 2025-01-01T00:00:00Z"),
        (["20261121"], "'20261121': a number; write it as 2026-11-21T08:00:00Z"),
        (["21.11.26 08:00"], "write the year with four digits, best first"),
        (["11/21/26 8:00 AM"], "write the year with four digits"),
        (["2026-11-21T08:00Z", "yesterday"], "1 stamps are not like .*, the first in line 3 is 'y"),
        (["2026-11-21T08:0"], "1 stamps are not like"),
        (["2026-11-21 24:00Z"], "1 stamps are not like"),
        (["11/21/2026 13:00 PM"], "1 stamps are not like"),
        (["31.11.2026 08:00"], "1 stamps are not like"),
        (["2025-02-29 08:00"], "1 stamps are not like"),
        (["2026-11-21T08:00Z", ""], "1 stamps are empty, first in line 3; give each row its time"),
        (["2026-11-21 08:00"], "1 stamps carry no zone, the first is 2026-11-21 08:00:00; write"),
        (["21.11.2026 08:00"], "1 stamps carry no zone"),
    ],
)
def test_what_is_not_certain_is_refused_by_name(texts: list[str], message: str) -> None:
    """With the line, what stood there and what to write."""
    with pytest.raises(BadInput, match=message):
        parsed(*texts)


def test_the_leap_day_is_a_day() -> None:
    """In years that have one."""
    assert parsed("2024-02-29 23:00Z", "29.02.2024 23:00Z") == ["2024-02-29 23:00"] * 2


def local_hours(first: str, last: str, step: str = "h") -> tuple[list[str], list[str]]:
    """Return the hours of Berlin as its clocks show them, and in UTC."""
    utc = pd.date_range(first, last, freq=step, tz="UTC")
    return (
        [f"{stamp:%d.%m.%Y %H:%M}" for stamp in utc.tz_convert(BERLIN)],
        [f"{stamp:%Y-%m-%d %H:%M}" for stamp in utc],
    )


@pytest.mark.parametrize("step", ["h", "15min"])
@pytest.mark.parametrize("way", [1, -1], ids=["oldest first", "newest first"])
@pytest.mark.parametrize(
    ("first", "last", "hours"),
    [("2025-03-29T23:00", "2025-03-30T22:00", 23), ("2025-10-25T22:00", "2025-10-26T23:00", 25)],
    ids=["23 hours", "25 hours"],
)
def test_days_of_23_and_25_hours_are_read_whole(
    machine_zone: str, first: str, last: str, hours: int, way: int, step: str
) -> None:
    """Every hour of UTC once, in whatever zone the machine lives, in either order of rows."""
    local, utc = local_hours(first, last, step)
    assert machine_zone
    assert len(utc) == hours * (1 if step == "h" else 4) + 1
    assert parsed(*local[::way], timezone=BERLIN) == utc[::way]


def test_each_series_tells_its_own_repeated_hour() -> None:
    """Series after series, or hour by hour with all series together."""
    local, utc = local_hours("2025-10-25T22:00", "2025-10-26T05:00")
    one_by_one = parsed(*local, *local, timezone=BERLIN, series=["a"] * 8 + ["b"] * 8)
    assert one_by_one == utc * 2
    together = parsed(*np.repeat(local, 2).tolist(), timezone=BERLIN, series=["a", "b"] * 8)
    assert together == np.repeat(utc, 2).tolist()


def test_two_autumns_are_told_each_for_itself() -> None:
    """Also where there is nothing between them."""
    local, utc = local_hours("2024-10-26T22:00", "2024-10-27T02:00")
    later, later_utc = local_hours("2025-10-25T22:00", "2025-10-26T02:00")
    assert parsed(*local, *later, timezone=BERLIN) == [*utc, *later_utc]
    rows = [local[0], *local[2:4], *later[2:]]
    assert parsed(*rows, timezone=BERLIN) == [utc[0], *utc[2:4], *later_utc[2:]]


@pytest.mark.parametrize(
    "rows",
    [
        ["01:00", "02:00", "03:00"],
        ["02:00", "02:00"],
        ["01:00", "02:00", "02:00", "02:00", "03:00"],
        ["01:00", "02:00", "03:00", "02:00"],
        ["03:00", "01:00", "02:00", "02:00"],
    ],
    ids=["one pass", "nothing beside", "three passes", "second pass elsewhere", "out of order"],
)
def test_a_repeated_hour_that_the_rows_do_not_tell_is_refused(rows: list[str]) -> None:
    """Never guessed: an hour put in the wrong place is a wrong number."""
    with pytest.raises(BadInput, match=r"2025-10-26 02:00:00 in line \d was twice, as the clocks"):
        parsed(*[f"2025-10-26 {row}" for row in rows], timezone=BERLIN)


def test_an_hour_that_the_clocks_skip_is_refused() -> None:
    """Such a stamp cannot have been."""
    with pytest.raises(BadInput, match=r"02:30:00 in line 2 never was: the clocks of Europe/Berl"):
        parsed("2025-03-30 02:30", timezone=BERLIN)


@pytest.mark.parametrize(
    ("zone", "first", "hours"),
    [
        ("Europe/Dublin", "2025-10-25T23:00", 25),
        ("Australia/Lord_Howe", "2025-04-05T13:00", 25),
        ("America/Sao_Paulo", "2018-02-17T03:00", 25),
    ],
)
def test_other_ways_of_changing_clocks_are_known(zone: str, first: str, hours: int) -> None:
    """Winter time as the exception, half an hour, a change at midnight."""
    utc = pd.date_range(first, periods=hours * 4, freq="15min", tz="UTC")
    local = [f"{stamp:%Y-%m-%d %H:%M}" for stamp in utc.tz_convert(zone)]
    assert len(set(local)) < len(local)
    assert parsed(*local, timezone=zone) == [f"{stamp:%Y-%m-%d %H:%M}" for stamp in utc]


def test_datetimes_of_parquet_are_read_alike() -> None:
    """Without a zone in the one declared, with one in their own."""
    naive = pd.Series(pd.to_datetime(["2026-11-21T08:00"]))
    frame = pd.DataFrame({"timestamp": naive})
    found = parse_stamps(naive, timezone=BERLIN, within=frame, place=str)
    assert found.iloc[0] == pd.Timestamp("2026-11-21T07:00Z")
    aware = naive.dt.tz_localize("Asia/Tokyo")
    found = parse_stamps(aware, timezone=BERLIN, within=frame, place=str)
    assert found.iloc[0] == pd.Timestamp("2026-11-20T23:00Z")


def test_numbers_of_parquet_are_refused_as_those_of_text() -> None:
    """They are never taken for seconds."""
    seconds = pd.Series([1735689600])
    with pytest.raises(BadInput, match="seconds since 1970; write it as 2025-01-01T00:00:00Z"):
        parse_stamps(seconds, timezone="", within=pd.DataFrame({"a": seconds}), place=str)
