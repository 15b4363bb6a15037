"""A real Chromium without a window, driven through its own driver."""

import base64
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image
from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from servers.base import require

WAIT_SECONDS = 30
_EXACT = 160
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # a container's root has no user namespace to put it into
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
    "--lang=en-GB",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
)


@dataclass(frozen=True)
class Browser:
    """One browser with one page."""

    driver: webdriver.Chrome

    def look(
        self, *, width: int = 1280, height: int = 900, dark: bool = False, still: bool = True
    ) -> None:
        """Set the window, the theme that the system prefers, and whether it likes motion."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"},
        ]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def open(self, url: str, *, ready: str) -> None:
        """Open a page from nothing, and wait until its view is there."""
        self.driver.get("about:blank")
        self.driver.get(url)
        self.ready(ready)

    def forget(self, url: str) -> None:
        """Forget what a site has kept."""
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
        self.driver.execute_cdp_cmd(
            "Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"}
        )
        self.driver.get(f"{origin}/livez")
        self.driver.execute_script("sessionStorage.clear(); localStorage.clear()")
        self.logs()
        self.requests()

    def ready(self, view: str) -> None:
        """Wait until a view is there and nothing in it is still loading."""
        self.until(
            lambda: self.run(
                "return document.body.dataset.ready === arguments[0] && "
                "!document.querySelector('[aria-busy=true], .bone')",
                view,
            ),
            f"the view {view}",
        )

    def until(self, holds: Callable[[], Any], what: str) -> Any:
        """Wait until something holds, and return it."""
        try:
            return WebDriverWait(self.driver, WAIT_SECONDS, 0.05).until(lambda _: holds())
        except TimeoutException:
            text = self.run("return document.body.innerText.slice(0, 1500)")
            pytest.fail(f"{what} did not come; the page says:\n{text}")

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a script in the page."""
        return self.driver.execute_script(script, *arguments)

    def one(self, selector: str) -> WebElement:
        """Return the first element of a selector."""
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        """Return all elements of a selector."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        """Return the text of the first element, as it is read, with plain spaces."""
        text: str = self.run(
            "return document.querySelector(arguments[0])?.textContent ?? ''", selector
        )
        return text.replace("\u00a0", " ").replace("\u202f", " ")

    def press(self, *keys: str) -> None:
        """Press keys where the focus is."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def focus(self) -> str:
        """Return the text of what has the focus, or its id."""
        found: str = self.run(
            "const at = document.activeElement; return at.id || at.textContent.trim()"
        )
        return found

    def hash(self) -> str:
        """Return the part of the address that holds what is shown."""
        return urlsplit(self.driver.current_url).fragment

    def logs(self) -> list[str]:
        """Return what the console has said since the last time."""
        return [str(entry["message"]) for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Return what was asked over the network since the last time."""
        messages = [json.loads(e["message"])["message"] for e in self.driver.get_log("performance")]
        sent = [m["params"] for m in messages if m["method"] == "Network.requestWillBeSent"]
        urls = [str(of["request"]["url"]) for of in sent]
        return [url for url in urls if not url.startswith(("data:", "blob:", "about:"))]

    def picture(self, path: Path, *, full: bool = False) -> None:
        """Write what is seen as a small PNG; `full` also what lies below."""
        wanted: dict[str, Any] = {"format": "png"}
        if full:
            height = self.run("return document.documentElement.scrollHeight")
            width = self.run("return window.innerWidth")
            clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
            wanted |= {"captureBeyondViewport": True, "clip": clip}
        data = self.driver.execute_cdp_cmd("Page.captureScreenshot", wanted)["data"]
        image = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")
        path.parent.mkdir(parents=True, exist_ok=True)
        _few_colours(image).save(path, optimize=True)


def _few_colours(image: Image.Image) -> Image.Image:
    """Return a picture in 256 colours: the frequent ones exactly, so that surfaces stay even."""
    counted = sorted(image.getcolors(1 << 24) or [], reverse=True)
    frequent = [part for _, colour in counted[:_EXACT] for part in colour]  # type: ignore[union-attr]  # of three parts each
    others = image.quantize(256 - _EXACT, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    palette = Image.new("P", (1, 1))
    palette.putpalette(frequent + (others.getpalette() or []))
    return image.quantize(palette=palette, dither=Image.Dither.NONE)


@contextmanager
def browsing(*, zone: str = "Europe/Berlin") -> Iterator[Browser]:
    """Run a browser until the block ends.

    Args:
        zone: What the machine takes for its time zone.
    """
    program = require("chromium", package="chromium")
    helper = require("chromedriver", package="chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for option in _OPTIONS:
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(helper))
    try:
        driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": zone})
        browser = Browser(driver)
        browser.look()
        yield browser
    finally:
        driver.quit()


ENTER, ESCAPE, DOWN, UP, TAB = Keys.ENTER, Keys.ESCAPE, Keys.ARROW_DOWN, Keys.ARROW_UP, Keys.TAB
