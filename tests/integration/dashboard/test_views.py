"""The dashboard in a real browser: overview, one series, reference, and the ways between."""

import re
from pathlib import Path
from urllib.parse import quote

import pytest
from factories import bundles, dashboards
from factories.clocks import SetClock
from servers.chromium import Browser
from servers.dashboard import CHECKOUT, choose, names, traces
from servers.foresail import Client, serving

from foresail.bundle import HorizonEntry
from foresail.horizons import HORIZONS

pytestmark = [pytest.mark.integration, pytest.mark.heavy]

IMAGES = Path(__file__).parents[3] / "docs" / "images"
HOSTILE = (
    "<img src=x onerror=window.hacked=1>",
    '"><script>window.hacked=1</script>',
    "javascript:window.hacked=1",
    "</textarea><svg/onload=window.hacked=1>",
    "{{constructor.constructor('window.hacked=1')()}}",
    "\u202egnp.exe",
    "very-" * 28 + "long",
)
TO = "\u2013"


def test_the_overview_says_what_runs_out_first(browser: Browser, server: Client) -> None:
    """Its words are the server's figures in the reader's time zone; nothing else is asked."""
    browser.open(server.url, ready="overview")
    told = "2 of 118 series reach 85 % of their ceiling within the week."
    assert browser.text(".verdict") == told
    first = server.get("/v1/overview?limit=1").json()["outlook"]["first_full"]
    assert first["at"] == "2026-11-24T11:00:00Z"
    assert "prod/namespace/checkout on Tuesday 12:00." in browser.text(".asides")
    assert len(names(browser)) == 50
    assert names(browser)[0] == "prod/namespace/checkout"
    assert "Fresh" in browser.text("#fresh")
    assert browser.logs() == []
    assert {url.split("/")[2] for url in browser.requests()} == {f"127.0.0.1:{server.port}"}


def test_choices_stand_in_the_address(browser: Browser, server: Client) -> None:
    """Whoever is sent the link sees the same; the back button undoes a choice."""
    browser.open(server.url, ready="overview")
    choose(browser, "Memory")
    choose(browser, "Nodes")
    choose(browser, "Month")
    choose(browser, "Series")
    assert browser.hash() == "/?metric=memory&horizon=next_month&sort=name&scope=node"
    shown = names(browser)
    assert len(shown) == 16
    assert shown == sorted(shown)
    assert browser.one("th[aria-sort]").get_attribute("aria-sort") == "ascending"
    browser.open(browser.driver.current_url, ready="overview")
    assert names(browser) == shown
    browser.driver.back()
    browser.until(lambda: "sort=" not in browser.hash(), "the address before")
    browser.until(lambda: names(browser) != shown, "the order before")


def test_pages_follow_each_other(browser: Browser, server: Client) -> None:
    """118 series are three pages; a page that does not exist becomes the last."""
    browser.open(server.url, ready="overview")
    first = names(browser)
    choose(browser, "Next")
    browser.until(lambda: f"51{TO}100 of 118" in browser.text(".pager"), "the second page")
    assert not set(first) & set(names(browser))
    browser.open(f"{server.url}/#/?page=99", ready="overview")
    browser.until(lambda: f"101{TO}118 of 118" in browser.text(".pager"), "the last page")
    assert browser.run("return document.querySelectorAll('.pager button')[1].disabled")


def test_one_series_is_told_whole(browser: Browser, server: Client) -> None:
    """Words, chart, promise, room, downloads and a table of the same figures."""
    browser.open(f"{server.url}/{CHECKOUT}", ready="series")
    answer = server.get("/v1/next_week?series=prod/namespace/checkout").json()
    assert browser.text("h1") == "checkout"
    assert browser.text(".verdict") == "Expected to reach 85 % of its 18.5 cores on Tuesday 12:00."
    inside = round(100 * answer["quality"]["coverage"])
    assert f"Of 100 hours, {inside} fell inside the band, in 3 held-out windows." in browser.text(
        ".promise"
    )
    assert len(browser.all(".dots .in")) == inside
    assert len(browser.all(".canvas .main-svg")) >= 1
    assert "Full Tue 24 Nov, 12:00" in browser.text(".canvas")
    assert "GiB" not in browser.text("main")
    browser.one("details.figures summary").click()
    browser.until(lambda: len(browser.all(".figures tbody tr")) == 168, "the table")
    files = [str(link.get_attribute("href")) for link in browser.all(".files a")]
    assert [url.split("?")[0].rsplit(".")[-1] for url in files] == ["csv", "xlsx", "json"]
    for url in files:
        assert server.get(url.removeprefix(server.url)).status == 200
    lines = [str(field.get_attribute("value")) for field in browser.all(".copy input")]
    assert lines[0].startswith(f"curl -fsS '{server.url}/v1/next_week.json?series=prod%2F")
    assert lines[1].startswith(f'=IMPORTDATA("{server.url}/v1/next_week.csv?series=prod%2F')
    assert browser.logs() == []
    assert {url.split("/")[2] for url in browser.requests()} == {f"127.0.0.1:{server.port}"}


def test_the_chart_follows_the_choices(browser: Browser, server: Client) -> None:
    """Horizon, days and weeks, and the challenger beside the champion."""
    browser.open(f"{server.url}/{CHECKOUT}", ready="series")
    assert traces(browser) == ["Used 336", "Forecast 168"]
    choose(browser, "Month", ready="series")
    browser.until(lambda: traces(browser) == ["Used 672", "Forecast 720"], "the month")
    choose(browser, "Challenger", ready="series")
    wanted = ["Used 672", "Challenger 720", "Forecast 720"]
    browser.until(lambda: traces(browser) == wanted, "the challenger")
    choose(browser, "Days", ready="series")
    browser.until(lambda: traces(browser)[1:] == ["Challenger 30", "Forecast 30"], "the days")
    choose(browser, "Weeks", ready="series")
    browser.until(lambda: traces(browser)[1:] == ["Challenger 4", "Forecast 4"], "the weeks")
    assert "step=1w" in browser.hash()
    assert "challenger=1" in browser.hash()
    choose(browser, "Memory", ready="series")
    browser.until(lambda: "GiB" in browser.text(".chart-title"), "memory")
    assert browser.logs() == []


def test_days_of_the_past_are_days_of_the_zone(browser: Browser, server: Client) -> None:
    """The mean of a day used is that of its hours from midnight to midnight where one reads."""
    browser.open(f"{server.url}/{CHECKOUT}&horizon=next_month&step=1d", ready="series")
    stamps, values = browser.run(
        "const {x, y} = document.querySelector('.canvas').data[0]; return [x, y]"
    )
    assert stamps[-1] == "2026-11-20 00:00:00"
    past = server.get("/v1/history?series=prod/namespace/checkout").json()
    begin = past["ds"].index("2026-11-19T23:00:00Z")
    assert values[-1] == pytest.approx(sum(past["value"][begin : begin + 24]) / 24)


def test_times_are_local_or_utc(browser: Browser, server: Client) -> None:
    """The switch changes every time that is shown, and is remembered."""
    browser.open(f"{server.url}/{CHECKOUT}", ready="series")
    browser.one(".bar .segmented button:last-child").click()
    browser.until(lambda: "Tuesday 11:00" in browser.text(".verdict"), "UTC")
    assert browser.text("#foot").startswith("Times in UTC")
    browser.open(server.url, ready="overview")
    assert "Tue 24 Nov, 11:00" in browser.text("tbody")


def test_hostile_names_are_text(browser: Browser, tmp_path: Path) -> None:
    """Whatever a series is called, it is shown as it is called and nothing of it runs."""
    index = [
        bundles.entry(
            f"{name}/workload/{name}/deployment/{name}",
            {
                "cluster": name,
                "scope": "workload",
                "namespace": name,
                "kind": name,
                "workload": name,
            },
            capacity={"limit": 30.0},
            horizons={h.name: HorizonEntry(winner=name, code=401, reason=name) for h in HORIZONS},
        )
        for name in HOSTILE
    ]
    bundles.publish(tmp_path, index=index)
    with serving(tmp_path, SetClock(bundles.TRAINED_UNTIL)) as client:
        browser.open(client.url, ready="overview")
        shown = browser.run(
            "return [...document.querySelectorAll('a[data-series]')].map((a) => a.textContent)"
        )
        assert sorted(shown) == sorted(HOSTILE)
        for name in HOSTILE:
            series = f"{name}/workload/{name}/deployment/{name}"
            browser.open(f"{client.url}/#/series?series={quote(series, safe='')}", ready="series")
            assert browser.run("return document.querySelector('h1').textContent") == name
            browser.one("details.figures summary").click()
        browser.open(f"{client.url}/#/?q={quote(HOSTILE[0], safe='')}", ready="overview")
        assert browser.run("return window.hacked") is None
        assert browser.run("return document.querySelectorAll('main img, main script').length") == 0
        assert browser.logs() == []
        hosts = {url.split("/")[2] for url in browser.requests()}
    assert hosts <= {f"127.0.0.1:{client.port}"}


def test_ten_thousand_series_are_pages(browser: Browser, tmp_path: Path) -> None:
    """The page renders what it shows, whatever there is."""
    dashboards.many(tmp_path, series=10_000)
    with serving(tmp_path, SetClock(dashboards.NOW)) as client:
        browser.open(client.url, ready="overview")
        assert "of 10 000 series" in browser.text(".verdict")
        assert len(names(browser)) == 50
        browser.open(f"{client.url}/#/?page=200", ready="overview")
        browser.until(
            lambda: f"9 951{TO}10 000 of 10 000" in browser.text(".pager"), "the last page"
        )


def test_the_reference_is_the_servers_own(browser: Browser, server: Client) -> None:
    """Every operation of the document is there with its parameters, and can be tried."""
    browser.open(f"{server.url}/docs", ready="docs")
    paths = server.get("/openapi.json").json()["paths"]
    operations = [method for path in paths.values() for method in path]
    assert len(browser.all("article.operation")) == len(operations)
    card = browser.one("#getOverview")
    assert "which" in card.text.lower() or "metric" in card.text
    browser.run(
        "const card = document.getElementById('getOverview');"
        "card.querySelector('details.trial').open = true;"
        "const input = card.querySelector('input[aria-label=limit]'); input.value = '1';"
        "input.dispatchEvent(new Event('input')); card.querySelector('form button').click()"
    )
    browser.until(lambda: "200" in browser.text("#getOverview .trial-answer strong"), "the answer")
    assert "/v1/overview?limit=1" in browser.text("#getOverview .trial-line")
    assert '"total": 118' in browser.text("#getOverview .trial-answer pre")
    assert browser.logs() == []
    assert {url.split("/")[2] for url in browser.requests()} == {f"127.0.0.1:{server.port}"}


def test_pictures_for_the_documentation(browser: Browser, server: Client) -> None:
    """They are taken of pages that are there: with rows, lines and no error."""
    month = f"{CHECKOUT}&horizon=next_month&metric=memory"
    shots = [
        ("overview-light", "", "overview", False, 1280, False),
        ("overview-dark", "", "overview", True, 1280, False),
        ("series-light", f"{CHECKOUT}&challenger=1", "series", False, 1280, True),
        ("series-dark", month, "series", True, 1280, True),
        ("narrow", "", "overview", False, 400, False),
        ("api", "docs", "docs", False, 1280, False),
    ]
    for name, path, view, dark, width, full in shots:
        browser.look(width=width, dark=dark)
        browser.open(f"{server.url}/{path}", ready=view)
        if view == "overview":
            browser.until(lambda: "Fresh" in browser.text("#fresh"), "how fresh it is")
            assert len(names(browser)) == 50
        if view == "series":
            assert len(traces(browser)) >= 2
        file = IMAGES / f"dashboard-{name}.png"
        browser.picture(file, full=full)
        assert file.stat().st_size < 200_000
    assert [text for text in browser.logs() if not re.search("favicon", text)] == []
