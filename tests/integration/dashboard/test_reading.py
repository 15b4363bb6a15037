"""The dashboard in a real browser: by keyboard, in both themes, on any width, read aloud."""

from pathlib import Path
from urllib.parse import quote

import pytest
from servers.chromium import DOWN, ENTER, ESCAPE, TAB, UP, Browser
from servers.dashboard import CHECKOUT, TRAINER, names
from servers.foresail import Client

pytestmark = [pytest.mark.integration, pytest.mark.heavy]

READ_CONTRAST = (Path(__file__).parent / "contrast.js").read_text()


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
