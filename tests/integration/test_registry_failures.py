"""What the registry says when MLflow is away, hangs, or is not MLflow."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from factories.registry_bundle import write_registry_bundle
from servers.base import free_port

from foresail.errors import AccessDenied, BadBundle, ForesailError, Unreachable
from foresail.registry import Registry, RegistryClient

pytestmark = pytest.mark.integration


@contextmanager
def answering(status: int, body: str, **headers: str) -> Iterator[str]:
    """Run a server that gives the same answer to everything; yield its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_GET  # noqa: N815  # the name that http.server calls

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def hanging() -> Iterator[str]:
    """Yield the URL of a socket that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_server_that_is_down_is_named_at_once() -> None:
    """Nobody listens: one line, with what to check, well within the timeout."""
    port = free_port()
    began = time.monotonic()
    with pytest.raises(
        Unreachable,
        match=rf"^MLflow at http://127\.0\.0\.1:{port} cannot be reached; "
        r"check MLFLOW_TRACKING_URI and that it runs$",
    ):
        RegistryClient(f"http://127.0.0.1:{port}").version_of("foresail-cpu", "champion")
    assert time.monotonic() - began < 5


def test_a_server_that_hangs_is_given_up_within_the_timeout(
    hanging: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two attempts share the five seconds."""
    for name in ("MLFLOW_HTTP_REQUEST_TIMEOUT", "MLFLOW_HTTP_REQUEST_MAX_RETRIES"):
        monkeypatch.delenv(name, raising=False)
    began = time.monotonic()
    with pytest.raises(Unreachable, match=r"does not answer within 2 s; is it overloaded\?"):
        RegistryClient(hanging, timeout_seconds=5).version_of("foresail-cpu", "champion")
    assert time.monotonic() - began < 5


def test_registering_at_a_server_that_is_down_fails_and_says_so(tmp_path: Path) -> None:
    """A verified bundle and no MLflow: an error, not a wait of minutes."""
    write_registry_bundle(tmp_path / "bundle")
    began = time.monotonic()
    with pytest.raises(Unreachable, match="cannot be reached"):
        Registry(f"http://127.0.0.1:{free_port()}").register(
            tmp_path / "bundle", experiment="tests"
        )
    assert time.monotonic() - began < 10


def test_a_broken_bundle_is_refused_before_mlflow_is_asked(tmp_path: Path) -> None:
    """Nothing is sent of a bundle that fails its checks."""
    write_registry_bundle(tmp_path / "bundle")
    (tmp_path / "bundle" / "recipe.json").write_text("{}")
    with pytest.raises(BadBundle, match=r"recipe\.json is not the file that was published"):
        Registry(f"http://127.0.0.1:{free_port()}").register(
            tmp_path / "bundle", experiment="tests"
        )


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_said_to_be_refused(status: int) -> None:
    """Basic authentication answers with plain text; the message names the variables."""
    with (
        answering(status, "You are not authenticated.") as url,
        pytest.raises(AccessDenied, match="check MLFLOW_TRACKING_USERNAME"),
    ):
        RegistryClient(url).version_of("foresail-cpu", "champion")


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (404, "<html>no such page</html>", {}),
        (200, "<html>please log in</html>", {}),
        (302, "", {"Location": "http://127.0.0.1:1/login"}),
    ],
    ids=["another server", "login page", "redirect"],
)
def test_what_is_not_mlflow_is_told_apart_from_a_missing_model(
    status: int, body: str, headers: dict[str, str]
) -> None:
    """A wrong address never looks like "no champion yet", and a redirect is not followed."""
    with (
        answering(status, body, **headers) as url,
        pytest.raises(Unreachable, match=r"is not MLflow \(asked for model foresail-cpu\)"),
    ):
        RegistryClient(url).version_of("foresail-cpu", "champion")


def test_a_server_with_errors_does_not_make_us_wait() -> None:
    """A Retry-After of an hour is not obeyed."""
    began = time.monotonic()
    with (
        answering(503, "down for maintenance", Retry_After="3600") as url,
        pytest.raises(Unreachable, match="answers with errors; try again later"),
    ):
        RegistryClient(url).version_of("foresail-cpu", "champion")
    assert time.monotonic() - began < 10


def test_credentials_in_the_uri_stay_out_of_every_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither the error nor anything it was raised from holds the password."""
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD", raising=False)
    with pytest.raises(ForesailError) as raised:
        RegistryClient(f"http://kim:s3cr3t@127.0.0.1:{free_port()}").version_of("foresail-cpu", "x")
    link: BaseException | None = raised.value
    while link is not None:
        assert "s3cr3t" not in str(link)
        link = link.__cause__ or link.__context__


def test_credentials_in_the_uri_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """They reach that server as basic authentication, and no other server after it."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers.get("Authorization", ""))
            body = b'{"registered_model": {"name": "foresail-cpu"}}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD", raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            uri = f"http://kim:pass%20word@127.0.0.1:{server.server_port}"
            assert RegistryClient(uri).version_of("foresail-cpu", "champion") is None
            other = f"http://localhost:{server.server_port}"
            assert RegistryClient(other).version_of("foresail-cpu", "champion") is None
        finally:
            server.shutdown()
            thread.join()
    assert seen == ["Basic a2ltOnBhc3Mgd29yZA==", ""]
