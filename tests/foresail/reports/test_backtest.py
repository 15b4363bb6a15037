"""The report of a backtest: one page that stands alone."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from factories.kinds import of, panel

from foresail.codes import Code
from foresail.contenders import SeasonalNaive
from foresail.evaluation.rolling import rolling
from foresail.horizons import NEXT_MONTH, NEXT_WEEK, Horizon
from foresail.panel import Panel, SeriesKey
from foresail.quality import Refusal
from foresail.reports.backtest import backtest_report
from foresail.reports.charts import coverage_chart, ratio_chart

CONTENDERS = (SeasonalNaive(24), SeasonalNaive(168))
HOSTILE = "<script>alert(1)</script>"


class Tags(HTMLParser):
    """Counts the tags of a page and keeps what they point at."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take one tag."""
        self.names.append(tag)
        self.targets += [v or "" for k, v in attrs if k in {"src", "href", "xlink:href"}]


def report(history: Panel, *, horizon: Horizon = NEXT_WEEK, origins: int = 4) -> str:
    """Return the page of a backtest of two naive rules."""
    result = rolling(history, horizon=horizon, origins=origins, contenders=CONTENDERS)
    refusal = Refusal(SeriesKey(HOSTILE, "cpu"), Code.NEGATIVE_USAGE, "below zero")
    return backtest_report(result, panel=history, refusals=[refusal])


@pytest.fixture(scope="module")
def page() -> str:
    """Return the page of eight series, one of them with a hostile name and one constant."""
    values = panel(days=60, n=8).values
    values[3] = 2.0
    names = [HOSTILE, "a$_$b", "c", "flat", *"efgh"]
    return report(of(values, names=names))


def test_the_page_needs_no_script_and_no_other_file(page: str) -> None:
    """Everything it points at is inside it."""
    tags = Tags()
    tags.feed(page)
    assert not {"script", "link", "img", "iframe"} & set(tags.names)
    assert all(target.startswith("#") for target in tags.targets)
    assert "url(http" not in page


def test_names_are_text(page: str) -> None:
    """A series may be called anything: in the tables and in the pictures."""
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_served_line_stands_first_and_the_naive_at_one(page: str) -> None:
    """The table is read from the top."""
    table = page[page.index("<table>") : page.index("</table>")]
    rows = re.findall(r"<tr.*?><td>(\w+)</td>", table)
    assert rows[0] == "served"
    assert sorted(rows[1:]) == ["seasonal_naive_168h", "seasonal_naive_24h"]
    naive = table[table.index("seasonal_naive_24h") :]
    assert re.findall(r'<td class="n">(.*?)</td>', naive)[:2] == ["7", "1.00"]


def test_there_is_a_chart_of_errors_one_of_coverage_and_six_pictures(page: str) -> None:
    """The pictures are of series from the best to the worst."""
    assert page.count("<svg") == 8
    assert "Coverage of the 80 % band" in page


def test_constant_and_refused_series_are_told(page: str) -> None:
    """Neither is counted in the table."""
    assert "1 series did not change from day to day" in page
    assert f"<td>{int(Code.NEGATIVE_USAGE)}" in page.replace(' class="n"', "")


def test_overlapping_windows_are_told() -> None:
    """And one window is drawn where two would cover each other."""
    text = report(panel(days=50, n=1), horizon=NEXT_MONTH, origins=3)
    assert "The windows overlap: they start 3 days apart" in text


def test_a_page_of_constant_series_has_no_chart() -> None:
    """There is nothing to compare, and it still is a page."""
    text = report(of(np.full((1, 60 * 24), 3.0)))
    assert "<svg" not in text
    assert "unmeasured" in text


def test_the_same_backtest_gives_the_same_bytes() -> None:
    """No date and no random id inside."""
    assert report(panel(days=60, n=2)) == report(panel(days=60, n=2))


def test_bars_say_their_figures() -> None:
    """A reader need not measure lengths."""
    text = ratio_chart(title="Error", names=["served", "naive"], ratios=[0.724, 1.0])
    assert "0.72" in text
    assert "served" in text
    text = coverage_chart(title="Coverage", names=["served"], shares=[0.786], lows=[0.5])
    assert "79 %" in text
