"""The dashboard in a real browser: where something is missing, old, refused or down."""

from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from factories import bundles, dashboards
from factories.clocks import SetClock
from servers.chromium import ENTER, Browser
from servers.dashboard import CHECKOUT, TRAINER, choose, names, traces
from servers.foresail import Client, serving

from foresail_serving.access.tokens import new_token, sha256_of

pytestmark = [pytest.mark.integration, pytest.mark.heavy]

YOUNG = f"#/series?series={quote('prod/workload/ingress/deployment/waf', safe='')}"


def test_without_a_forecast_the_page_says_what_to_do(browser: Browser, tmp_path: Path) -> None:
    """And it shows the forecast once there is one."""
    with serving(tmp_path, SetClock(bundles.TRAINED_UNTIL)) as client:
        browser.open(client.url, ready="overview")
        assert browser.text("h2") == "No forecast has arrived yet"
        assert "scripts/demo" in browser.text(".steps")
        bundles.publish(tmp_path)
        client.wait("/v1/overview", 200)
        choose(browser, "Look again")
        browser.until(lambda: len(names(browser)) == 7, "the series")


@pytest.mark.parametrize(
    ("hours", "pill", "banner"),
    [(60, "Stale", "older than it should be"), (900, "Expired", "has run out")],
)
def test_an_old_forecast_says_so(
    browser: Browser, cache: Path, *, hours: int, pill: str, banner: str
) -> None:
    """A pill in the bar, a banner on top; what has run out is not called safe."""
    with serving(cache, SetClock(dashboards.NOW + timedelta(hours=hours))) as client:
        browser.open(client.url, ready="overview")
        browser.until(lambda: pill in browser.text("#fresh"), "the pill")
        assert banner in browser.text("#banners")
        if pill == "Expired":
            assert browser.text(".verdict").startswith("None of 118 series has a forecast")
        browser.open(f"{client.url}/{CHECKOUT}", ready="series")
        told = browser.text(".series-top")
    assert ("run out" if pill == "Expired" else "stale") in told
    assert len(browser.all(".canvas .main-svg")) >= 1


def test_a_series_without_a_forecast_says_why(browser: Browser, server: Client) -> None:
    """The code and the reason in words, and its history all the same."""
    browser.open(f"{server.url}/{TRAINER}", ready="series")
    assert browser.text(".verdict") == "There is no forecast for the next 7 days."
    assert "No value in the last 8 days (series-ended, code 203)." in browser.text(".series-top")
    assert traces(browser) == ["Used 336"]
    browser.open(f"{server.url}/#/?q=trainer", ready="overview")
    assert "series-ended, code 203" in browser.text("tbody")


def test_a_promise_that_was_not_measured_is_none(browser: Browser, server: Client) -> None:
    """There is a forecast, and no figure is made up for it."""
    browser.open(f"{server.url}/{YOUNG}", ready="series")
    assert "Unmeasured" in browser.text(".promise")
    assert "the history is too short" in browser.text(".promise")
    assert browser.all(".dots") == []


def test_an_unknown_series_is_an_error_with_a_way_out(browser: Browser, server: Client) -> None:
    """The problem's own words, another try, and the way back."""
    browser.open(f"{server.url}/#/series?series=nobody", ready="series")
    assert browser.text(".state h2") == "No such series"
    assert "nobody" in browser.text(".state p")
    choose(browser, "Overview")
    browser.until(lambda: len(names(browser)) == 50, "the overview")


def test_a_token_is_asked_for_and_kept_in_the_tab(browser: Browser, cache: Path) -> None:
    """A wrong one is refused, the right one opens; downloads carry it, no address does."""
    token = new_token()
    file = cache / "tokens.toml"
    file.write_text(
        f'[[token]]\nname = "reader"\nsha256 = "{sha256_of(token)}"\n'
        'scopes = ["forecasts", "health"]\n'
    )
    file.chmod(0o600)
    with serving(cache, SetClock(dashboards.NOW), tokens_file=file) as client:
        browser.driver.get(client.url)
        browser.until(lambda: browser.all("dialog.token[open]"), "the question")
        browser.press("fs_wrong", ENTER)
        browser.until(lambda: "was not accepted" in browser.text("dialog"), "the refusal")
        browser.press(token, ENTER)
        browser.until(lambda: len(names(browser)) == 50, "the overview")
        browser.open(f"{client.url}/{CHECKOUT}", ready="series")
        assert browser.all("dialog") == []
        assert "$TOKEN" in str(browser.one(".copy input").get_attribute("value"))
        browser.run(
            "window.files = []; URL.createObjectURL = (blob) => { files.push(blob.size); "
            "return '#' }; HTMLAnchorElement.prototype.click = function () { "
            "files.push(this.download) }"
        )
        browser.one(".files a").click()
        browser.until(lambda: len(browser.run("return window.files")) == 2, "the file")
        size, name = browser.run("return window.files")
        assert size > 10_000
        assert name == "next_week_cpu.csv"
        assert token not in browser.driver.current_url
        assert [url for url in browser.requests() if token in url] == []


def test_a_server_that_stops_leaves_what_was_read(browser: Browser, cache: Path) -> None:
    """A banner says since when, and what is shown stays."""
    with serving(cache, SetClock(dashboards.NOW)) as client:
        browser.open(client.url, ready="overview")
    browser.run("document.dispatchEvent(new CustomEvent('foresail:look-again'))")
    browser.until(lambda: "No answer" in browser.text("#banners"), "the banner")
    assert "What is shown was read" in browser.text("#banners")
    assert len(names(browser)) == 50


def test_without_plotly_the_chart_is_drawn_plainly(browser: Browser, server: Client) -> None:
    """The same lines, and a word about what to install."""
    browser.driver.execute_cdp_cmd("Network.enable", {})
    browser.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*plotly.min.js"]})
    try:
        browser.open(f"{server.url}/{CHECKOUT}&challenger=1", ready="series")
        browser.until(lambda: browser.all(".plain-chart"), "the chart")
        assert len(browser.all(".plain-chart .curve")) == 3
        assert len(browser.all(".plain-chart .rule")) == 3
        assert "foresail[dashboard]" in browser.text(".canvas")
        inside, outside = browser.run(
            "const at = document.querySelector('.canvas');return [at.scrollHeight, at.clientHeight]"
        )
        assert inside <= outside
    finally:
        browser.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
