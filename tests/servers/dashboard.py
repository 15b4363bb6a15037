"""What the tests of the dashboard look for in its pages."""

from urllib.parse import quote

from servers.chromium import Browser

CHECKOUT = f"#/series?series={quote('prod/namespace/checkout', safe='')}"
TRAINER = f"#/series?series={quote('prod/workload/recommend/deployment/trainer', safe='')}"


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


def traces(browser: Browser) -> list[str]:
    """Return the lines of the chart that have a name."""
    found: list[str] = browser.run(
        "return document.querySelector('.canvas').data.filter((t) => t.hovertemplate)"
        ".map((t) => `${t.name} ${t.x.length}`)"
    )
    return found
