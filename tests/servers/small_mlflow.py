"""What a reader asks of MLflow, answered over HTTP from a folder: for faults a real one never has.

The real server is `servers.mlflow`; this one lies about its files where a test wants it to.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from factories.folder_registry import FolderRegistry

from foresail.bundle.schema import MANIFEST
from foresail.registry import names

_API = "/api/2.0/mlflow"
_FILES = "/api/2.0/mlflow-artifacts/artifacts"
_Reply = tuple[int, dict[str, str], bytes]


@dataclass
class SmallMlflow:
    """A running server.

    Attributes:
        url: Its address.
        registry: The versions and aliases that it answers from.
        tokens: Bearer tokens that it accepts; none: it asks for no token.
        asked: Each request's path and Authorization.
        uri: Where it says that versions lie, instead of with itself.
        bundle_path: What it says in the tag of that name.
        announced: File -> the size that it lists, instead of the true one.
        sent: File -> what it sends instead, given the true bytes.
    """

    url: str
    registry: FolderRegistry
    tokens: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)
    uri: str = ""
    bundle_path: str = "bundle"
    announced: dict[str, int] = field(default_factory=dict)
    sent: dict[str, Callable[[bytes], _Reply]] = field(default_factory=dict)

    @property
    def files_asked(self) -> list[str]:
        """Return the names of the files that were asked for, in order."""
        paths = [path for path, _ in self.asked if path.startswith(f"{_FILES}/")]
        return [path.rpartition("/")[2] for path in paths]

    def reply(self, target: str, authorization: str) -> _Reply:
        """Return the answer to a GET."""
        parts = urlsplit(target)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.asked.append((parts.path, authorization))
        if self.tokens and authorization.removeprefix("Bearer ") not in self.tokens:
            return 401, {}, b"no"
        if parts.path.startswith(f"{_FILES}/"):
            return self._file(parts.path.removeprefix(f"{_FILES}/"))
        known = {
            f"{_API}/registered-models/get": self._model,
            f"{_API}/model-versions/get": self._version,
            f"{_API}/model-versions/get-download-uri": self._uri,
            _FILES: self._list,
        }
        answer = known.get(parts.path)
        return answer(**asked) if answer else (404, {}, b"{}")

    def _uri(self, name: str, version: str) -> _Reply:
        return _json({"artifact_uri": self.uri or f"mlflow-artifacts:/{name}/{version}"})

    def _list(self, path: str) -> _Reply:
        files = [
            {
                "path": file.name,
                "is_dir": False,
                "file_size": self.announced.get(file.name, file.stat().st_size),
            }
            for file in sorted(self._folder(path).iterdir())
            if file.is_file()
        ]
        return _json({"files": files})

    def _model(self, name: str) -> _Reply:
        if name not in self.registry.named:
            return _json({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": name}, status=404)
        aliases = [
            {"alias": alias, "version": version}
            for alias, version in self.registry.named[name].items()
        ]
        return _json({"registered_model": {"name": name, "aliases": aliases}})

    def _version(self, name: str, version: str) -> _Reply:
        manifest = self.registry.root / name / version / MANIFEST
        tags = {
            names.BUNDLE_PATH: self.bundle_path,
            names.MANIFEST_SHA256: hashlib.sha256(manifest.read_bytes()).hexdigest(),
            **self.registry.tagged.get((name, version), {}),
        }
        told = {
            "name": name,
            "version": version,
            "creation_timestamp": 0,
            "tags": [{"key": key, "value": value} for key, value in tags.items()],
        }
        return _json({"model_version": told})

    def _folder(self, path: str) -> Path:
        name, version, _ = path.strip("/").split("/", 2)
        return self.registry.root / name / version

    def _file(self, path: str) -> _Reply:
        file = self._folder(path) / path.rpartition("/")[2]
        change = self.sent.get(file.name)
        return change(file.read_bytes()) if change else (200, {}, file.read_bytes())


@contextmanager
def small_mlflow(registry: FolderRegistry) -> Iterator[SmallMlflow]:
    """Serve a folder's versions until the block ends."""
    running = SmallMlflow("", registry)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            self.rfile.read(length)
            authorization = self.headers.get("Authorization", "")
            status, headers, body = running.reply(self.path, authorization)
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                if value:
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing of a reader that went away."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        running.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield running
        finally:
            server.shutdown()
            thread.join()


def _json(value: object, *, status: int = 200) -> _Reply:
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()
