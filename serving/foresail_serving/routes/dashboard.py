"""`/`, `/docs` and `/assets/...`: the pages for people. They ask the same routes as everybody."""

import hashlib
import importlib.metadata
import importlib.util
import mmap
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from fastapi import APIRouter, Depends, Request, Response

from foresail_serving.front.once import Once
from foresail_serving.problems import ProblemError
from foresail_serving.routes.static import StaticFile

_PAGES = {"/": "index.html", "/docs": "docs.html"}
_PLOTLY, _SAIL = "plotly.min.js", "sail.svg"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOREVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
_PLACE = b"{{assets}}"
_PLOTLY_PLACE, _GUARD_PLACE = b"{{plotly}}", b"{{plotly-guard}}"
_GUARD = re.compile(rb'getElementById\("([0-9a-f]{64})"\)')
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_GUARDS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class WebFiles:
    """The files of the pages, as they are installed.

    Attributes:
        version: Changes with any of them; part of their URL, so that browsers may keep them.
        small: Name -> bytes.
        plotly: Where plotly's own script lies; None where the package is not installed.
        guard: Id of an element that keeps this script from writing the style of its maps into the
            page: the policy would refuse it, and browsers log that. Empty where there is none.
    """

    version: str
    small: dict[str, bytes]
    plotly: Path | None
    guard: bytes

    @staticmethod
    def read() -> "WebFiles":
        """Read what belongs to this package; plotly's script is only looked for."""
        small = {
            file.name: file.read_bytes()
            for file in sorted(_web().iterdir(), key=lambda file: file.name)
            if Path(file.name).suffix in _TYPES
        }
        plotly = _installed_plotly()
        digest = hashlib.blake2b(digest_size=6)
        for name, body in small.items():
            digest.update(name.encode() + b"\0" + body)
        if plotly is not None:
            digest.update(importlib.metadata.version("plotly").encode())
        guard = _style_guard(plotly) if plotly is not None else b""
        return WebFiles(digest.hexdigest(), small, plotly, guard)

    def page(self, name: str) -> bytes:
        """Return an HTML page that points at these files."""
        plotly = _PLOTLY.encode() if self.plotly is not None else b""
        assets = f"assets/{self.version}".encode()
        body = self.small[name].replace(_PLACE, assets).replace(_PLOTLY_PLACE, plotly)
        return body.replace(_GUARD_PLACE, self.guard)

    @property
    def assets(self) -> tuple[str, ...]:
        """Return the names of what the pages load."""
        ours = tuple(name for name in self.small if not name.endswith(".html"))
        return ours if self.plotly is None else (*ours, _PLOTLY)

    def asset(self, name: str) -> bytes:
        """Return one of `assets`."""
        if name == _PLOTLY and self.plotly is not None:
            return self.plotly.read_bytes()
        return self.small[name]


def _web() -> Traversable:
    return resources.files("foresail_serving") / "web"


async def _no_parameters(request: Request) -> None:
    if request.url.query:
        raise ProblemError(
            "bad-request", "expected no parameters; what a page shows stands after # in its address"
        )


def dashboard_router() -> APIRouter:
    """Return the pages for people."""
    router = APIRouter(include_in_schema=False, dependencies=[Depends(_no_parameters)])
    files = WebFiles.read()
    assets = {name: _static(files.asset, name) for name in files.assets}
    for path, name in _PAGES.items():
        headers = {"Content-Security-Policy": _POLICY, **_GUARDS}
        _add_page(router, path, _static(files.page, name), headers=headers)
    _add_page(router, "/favicon.ico", assets[_SAIL], headers=_GUARDS)

    @router.get("/assets/{version}/{name}")
    async def asset(request: Request, version: str, name: str) -> Response:
        """Return a script, a style sheet or a picture; its name is looked up, never opened."""
        found = assets.get(name)
        if found is None:
            raise ProblemError("not-found", "there is no such file; the page at / lists its own")
        # a page from before an upgrade still gets files, but must not keep them under its name
        kept = _FOREVER if version == files.version else _ASK_AGAIN
        file = await found.get()
        return await file.answer(request, headers={"Cache-Control": kept, **_GUARDS})

    return router


def _static(read: Callable[[str], bytes], name: str) -> Once[StaticFile]:
    return Once(lambda: StaticFile.of(partial(read, name), _TYPES[Path(name).suffix]))


def _add_page(
    router: APIRouter, path: str, found: Once[StaticFile], *, headers: Mapping[str, str]
) -> None:
    async def page(request: Request) -> Response:
        file = await found.get()
        return await file.answer(request, headers={"Cache-Control": _ASK_AGAIN, **headers})

    router.add_api_route(path, page, name=f"page {path}")


def _installed_plotly() -> Path | None:
    """Return the script inside the plotly package, which is not imported for it."""
    spec = importlib.util.find_spec("plotly")
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        script = Path(folder) / "package_data" / _PLOTLY
        if script.is_file():
            return script
    return None


def _style_guard(script: Path) -> bytes:
    with (
        script.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text,
    ):
        found = _GUARD.search(text)
        return found[1] if found else b""
