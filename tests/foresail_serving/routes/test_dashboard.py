"""The pages for people, and their files."""

import dataclasses
import gzip
import re
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest
from servers.foresail import Client

from foresail_serving.routes.dashboard import WebFiles

PAGE = (Path(__file__).parents[3] / "docs" / "dashboard.md").read_text(encoding="utf-8")
WEB = resources.files("foresail_serving") / "web"
SCRIPTS = {f.name: f.read_text() for f in WEB.iterdir() if f.name.endswith(".js")}
TOP = ("app.js", "docs.js", "theme.js")


def assets(page: str) -> list[str]:
    """Return what a page links of our own files."""
    return re.findall(r'(?:href|src)="(assets/[^"]+)"', page)


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_pages_are_guarded(server: Client, path: str) -> None:
    """No script and no style from within the page or from elsewhere may run."""
    answer = server.get(path)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    page = answer.body.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=|https?://|//cdn", page)
    assert "{{" not in page


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_files_of_a_page_may_be_kept_for_ever(server: Client, path: str) -> None:
    """Their URL changes with them; the page itself is asked for again each time."""
    answer = server.get(path)
    assert answer.headers["cache-control"] == "no-cache"
    links = assets(answer.body.decode())
    assert len(links) >= 4
    for link in links:
        file = server.get(f"/{link}")
        assert file.status == 200
        assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert file.headers["x-content-type-options"] == "nosniff"
        assert server.get(f"/{link}", If_None_Match=file.headers["etag"]).status == 304


def test_every_module_finds_what_it_imports(server: Client) -> None:
    """Each script is reached from a page, and each import is a file that is served."""
    reached, waiting = set(TOP), list(TOP)
    while waiting:
        found = re.findall(r'from "\./([\w.]+)"', SCRIPTS[waiting.pop()])
        waiting += [name for name in found if name not in reached]
        reached |= set(found)
    assert reached == set(SCRIPTS)
    for name in reached:
        answer = server.get(f"/assets/any/{name}")
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"


def kept(client: Client) -> tuple[int, int]:
    """Return how many answers are kept, and their bytes."""
    text = client.get("/metrics").body.decode()
    names = ("entries", "bytes")
    found = [re.search(rf"^foresail_answer_cache_{n} (\d+)$", text, re.MULTILINE) for n in names]
    return tuple(int(match[1]) for match in found if match)  # type: ignore[return-value]


def test_nobody_fills_the_answer_cache_with_pages(server: Client) -> None:
    """However they are asked for, pages and their files take no forecast's place."""
    before = kept(server)
    for path in ("/", "/%64ocs", "/favicon.ico", "/assets/a/plotly.min.js", "/assets/b/app.js"):
        assert server.get(path).status == 200
        assert server.get(path, Accept_Encoding="gzip").status == 200
        assert server.get(f"{path}?x=1").status == 400
    assert kept(server) == before


@pytest.mark.parametrize("path", ["/", "/docs", "/favicon.ico", "/assets/x/app.js"])
def test_a_page_takes_no_parameters(server: Client, path: str) -> None:
    """One that is asked for something it cannot do says so, and where its state stands."""
    answer = server.get(f"{path}?namespace=shop")
    assert answer.problem == "bad-request"
    assert "after # in its address" in answer.json()["detail"]
    assert server.get(f"{path}?").status == 200


@pytest.mark.parametrize("path", ["/", "/assets/x/style.css", "/assets/x/plotly.min.js"])
def test_a_file_comes_as_the_client_takes_it(server: Client, path: str) -> None:
    """Compressed or not it is the same file, and each form has a tag and a 304 of its own."""
    plain, packed = server.get(path), server.get(path, Accept_Encoding="gzip")
    assert gzip.decompress(packed.body) == plain.body
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert plain.headers["etag"] != packed.headers["etag"]
    for form, accepted in ((plain, "identity"), (packed, "gzip")):
        assert form.headers["vary"] == "Accept-Encoding"
        held = form.headers["etag"]
        again = server.get(path, Accept_Encoding=accepted, If_None_Match=f'"other", W/{held}')
        assert (again.status, again.body) == (304, b"")
        assert again.headers["etag"] == held
        assert again.headers["cache-control"] == "no-cache"
        head = server.ask("HEAD", path, {"Accept-Encoding": accepted})
        assert (head.body, head.headers["content-length"]) == (b"", str(len(form.body)))


def test_other_pages_have_the_sail_too(server: Client) -> None:
    """A browser that shows /health asks for an icon, and finds one."""
    answer = server.get("/favicon.ico")
    assert (answer.status, answer.headers["content-type"]) == (200, "image/svg+xml")


def test_a_file_under_an_older_address_is_not_kept(server: Client) -> None:
    """While servers are replaced one by one, a page may ask another version for its files."""
    answer = server.get("/assets/000000000000/style.css")
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-type"] == "text/css; charset=utf-8"


@pytest.mark.parametrize(
    "name",
    [
        "nothing.js",
        "index.html",
        "../app.py",
        "..%2f..%2fapp.py",
        "%2e%2e%2fapp.py",
        "..%5capp.py",
        "%00",
        "app.js%00.css",
        "a" * 3000,
    ],
)
def test_a_name_is_no_path(server: Client, name: str) -> None:
    """Names are looked up in a table, so that no file outside it is ever opened."""
    assert server.get(f"/assets/x/{name}").problem == "not-found"


def test_no_script_makes_markup_of_text() -> None:
    """Names of series are hostile text: they only ever become text nodes."""
    makers = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc"
    assert [name for name, text in SCRIPTS.items() if re.search(makers, text)] == []


def test_plotly_is_served_and_not_imported(server: Client) -> None:
    """The script comes out of the installed package, which takes a second to import."""
    answer = server.get("/assets/x/plotly.min.js", Accept_Encoding="gzip")
    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.body) < 2_000_000
    code = (
        "import sys; from foresail_serving.routes.dashboard import dashboard_router; "
        "dashboard_router(); print('plotly' in sys.modules)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert told == "False\n"


def test_without_plotly_the_page_draws_by_itself() -> None:
    """It names no script that is not there, and knows that it must not ask for it."""
    files = dataclasses.replace(WebFiles.read(), plotly=None, guard=b"")
    assert 'data-plotly="" data-plotly-guard=""' in files.page("index.html").decode()
    assert "plotly.min.js" not in files.assets


def test_the_version_changes_with_the_files() -> None:
    """It is the same for the same files, so that every replica names them alike."""
    assert WebFiles.read().version == WebFiles.read().version
    assert re.fullmatch(r"[0-9a-f]{12}", WebFiles.read().version)


def test_the_documentation_is_true(server: Client) -> None:
    """Its commands are answered, and its pictures are there."""
    asked = re.findall(r"^curl -s 'http://127\.0\.0\.1:8080(\S+)'$", PAGE, re.MULTILINE)
    assert len(asked) == PAGE.count("\ncurl ") == 2
    assert [server.get(path).status for path in asked] == [200, 200]
    pictures = re.findall(r"\]\((images/[^)]+)\)", PAGE)
    folder = Path(__file__).parents[3] / "docs"
    assert [name for name in pictures if not (folder / name).is_file()] == []
