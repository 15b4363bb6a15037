"""The dashboard in a real browser: every view and state, by hand and by keyboard."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from factories import bundles, dashboards
from factories.clocks import SetClock
from servers.chromium import DOWN, ENTER, ESCAPE, TAB, UP, Browser, browsing
from servers.foresail import Client, serving

from foresail.bundle import HorizonEntry
from foresail.horizons import HORIZONS
from foresail_serving.access.tokens import new_token, sha256_of

pytestmark = [pytest.mark.integration, pytest.mark.heavy]

IMAGES = Path(__file__).parents[2] / "docs" / "images"
CHECKOUT = f"#/series?series={quote('prod/namespace/checkout', safe='')}"
TRAINER = f"#/series?series={quote('prod/workload/recommend/deployment/trainer', safe='')}"
YOUNG = f"#/series?series={quote('prod/workload/ingress/deployment/waf', safe='')}"
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
READ_CONTRAST = (Path(__file__).parent / "contrast.js").read_text()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both clusters."""
    folder = tmp_path_factory.mktemp("dashboards")
    dashboards.publish(folder)
    return folder


@pytest.fixture(scope="module")
def server(cache: Path) -> Iterator[Client]:
    """A server six hours after the training."""
    with serving(cache, SetClock(dashboards.NOW)) as client:
        yield client


@pytest.fixture(scope="module")
def opened() -> Iterator[Browser]:
    """One browser for all tests of this file."""
    with browsing() as browser:
        yield browser


@pytest.fixture
def browser(opened: Browser, server: Client) -> Browser:
    """The browser as if it was new."""
    opened.look()
    opened.forget(server.url)
    return opened


def names(browser: Browser) -> list[str]:
    """Return the series in the table, by what they are called."""
    found: list[str] = browser.run(
        "return [...document.querySelectorAll('a[data-series]')].map((a) => a.dataset.series)"
    )
    return found


def choose(browser: Browser, label: str, *, ready: str = "overview") -> None:
    """Click what is labelled so."""
    browser.run(
        "const at = [...document.querySelectorAll('main button, main a')]"
        ".find((e) => e.textContent.trim().startsWith(arguments[0])); at.click()",
        label,
    )
    browser.ready(ready)


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


def test_everything_is_reached_by_keyboard(browser: Browser, server: Client) -> None:
    """`/` searches, arrows move, Enter opens, Escape goes back; the focus is never lost."""
    browser.open(server.url, ready="overview")
    browser.press("/")
    assert browser.focus() == "search"
    browser.press("CHECKOUT")
    browser.until(lambda: len(names(browser)) == 10, "the series found")
    assert browser.focus() == "search"
    assert browser.hash() == "/?q=CHECKOUT"
    for _ in range(20):
        browser.press(TAB)
        if browser.run("return document.activeElement.matches('a[data-series]')"):
            break
    assert browser.focus() == "checkout"
    browser.press(DOWN)
    browser.press(DOWN)
    browser.press(UP)
    second = names(browser)[1]
    assert browser.run("return document.activeElement.dataset.series") == second
    browser.press(ENTER)
    browser.ready("series")
    assert browser.focus() == "title"
    assert quote(second, safe="") in browser.hash()
    browser.press(ESCAPE)
    browser.ready("overview")
    assert browser.hash() == "/"


def test_the_focus_is_seen(browser: Browser, server: Client) -> None:
    """Every stop of the Tab key has an outline, and a name for a screen reader."""
    browser.open(server.url, ready="overview")
    seen = set()
    for _ in range(40):
        browser.press(TAB)
        outline, label = browser.run(
            "const at = document.activeElement; return [getComputedStyle(at).outlineStyle, "
            "at.getAttribute('aria-label') || at.labels?.[0]?.textContent || at.textContent.trim()]"
        )
        assert outline == "solid"
        assert label
        seen.add(label)
    assert {"Skip to the content", "Overview", "API", "Memory", "checkout"} <= seen


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


def traces(browser: Browser) -> list[str]:
    """Return the lines of the chart that have a name."""
    found: list[str] = browser.run(
        "return document.querySelector('.canvas').data.filter((t) => t.hovertemplate)"
        ".map((t) => `${t.name} ${t.x.length}`)"
    )
    return found


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


def test_a_theme_can_be_chosen(browser: Browser, server: Client) -> None:
    """It follows the system until it is told otherwise, and then stays."""
    background = "return getComputedStyle(document.body).backgroundColor"
    browser.open(server.url, ready="overview")
    light = browser.run(background)
    browser.look(dark=True)
    dark = browser.run(background)
    assert light != dark
    browser.one("#theme").click()
    assert browser.run(background) == light
    browser.open(server.url, ready="overview")
    assert browser.run(background) == light
    browser.one("#theme").click()
    assert browser.one("html").get_attribute("data-theme") == "dark"
    assert browser.run("return document.activeElement.id") == "theme"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("path", "view"),
    [("", "overview"), (CHECKOUT, "series"), (TRAINER, "series"), ("docs", "docs")],
    ids=["overview", "series", "abstained", "docs"],
)
def test_text_stands_out(
    browser: Browser, server: Client, *, dark: bool, path: str, view: str
) -> None:
    """WCAG 2.2 AA: 4.5 to 1, 3 to 1 where it is large."""
    browser.look(dark=dark)
    browser.open(f"{server.url}/{path}", ready=view)
    assert browser.run(READ_CONTRAST) == []


@pytest.mark.parametrize("width", [360, 700, 1000])
@pytest.mark.parametrize(
    ("path", "view"),
    [("", "overview"), (CHECKOUT, "series"), ("docs", "docs")],
    ids=["overview", "series", "docs"],
)
def test_nothing_is_wider_than_the_window(
    browser: Browser, server: Client, *, width: int, path: str, view: str
) -> None:
    """On a phone one scrolls down, never sideways, and reads everything."""
    browser.look(width=width, height=740)
    browser.open(f"{server.url}/{path}", ready=view)
    assert browser.run("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(
    ("path", "view"),
    [("", "overview"), (CHECKOUT, "series"), ("docs", "docs")],
    ids=["overview", "series", "docs"],
)
def test_a_screen_reader_finds_its_way(
    browser: Browser, server: Client, path: str, view: str
) -> None:
    """Landmarks, one first heading, and a name for everything that can be used."""
    browser.open(f"{server.url}/{path}", ready=view)
    tree = browser.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    nodes = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in tree
        if not node.get("ignored")
    ]
    roles = [role for role, _ in nodes]
    assert {"banner", "main", "contentinfo", "navigation", "status"} <= set(roles)
    assert browser.run("return document.querySelectorAll('h1').length") == 1
    used = {"button", "link", "textbox", "searchbox", "combobox", "img", "image", "table", "group"}
    assert [role for role, name in nodes if role in used - {"group"} and not name.strip()] == []
    if view == "overview":
        assert roles.count("columnheader") == 6
        assert roles.count("row") == 51


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
