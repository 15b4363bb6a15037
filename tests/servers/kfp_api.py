"""A small Kubeflow Pipelines API: the endpoints that kfp.Client calls, over real HTTP.

It keeps what it is given in lists, so that a test can look at it. Names, ids and filters follow the
v2beta1 REST reference; it is no Kubeflow.
"""

import json
import threading
from collections.abc import Iterator
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

PREFIX = "/apis/v2beta1/"
TOKEN = "let-me-in"  # noqa: S105  # known to the tests alone


class KubeflowApi:
    """What the server holds.

    Attributes:
        url: Where it listens.
        pipelines, versions, experiments, recurring: What was made, oldest first.
        authorizations: The header of each request.
    """

    def __init__(self) -> None:
        self.url = ""
        self.pipelines: list[dict[str, Any]] = []
        self.versions: list[dict[str, Any]] = []
        self.experiments: list[dict[str, Any]] = []
        self.recurring: list[dict[str, Any]] = []
        self.authorizations: list[str] = []

    def answer(  # noqa: C901, PLR0911  # one case per endpoint
        self, method: str, path: str, query: dict[str, str], body: Any
    ) -> tuple[int, dict[str, Any]]:
        """Return status and content for one request."""
        match (method, path.split("/")):
            case ("GET", ["healthz"]):
                return 200, {"multi_user": True}
            case ("GET", ["pipelines"]):
                return 200, {"pipelines": _chosen(self.pipelines, query)}
            case ("POST", ["pipelines"]):
                return 200, self._add(self.pipelines, "pipeline_id", body)
            case ("POST", ["pipelines", "upload_version"]):
                return self._upload(query, body)
            case ("GET", ["pipelines", pipeline_id, "versions"]):
                mine = [v for v in self.versions if v["pipeline_id"] == pipeline_id]
                return 200, {"pipeline_versions": _chosen(mine[::-1], query)}
            case ("GET", ["experiments"]):
                return 200, {"experiments": _chosen(self.experiments, query)}
            case ("POST", ["experiments"]):
                return 200, self._add(self.experiments, "experiment_id", body)
            case ("GET", ["recurringruns"]):
                return 200, {"recurringRuns": _chosen(self.recurring, query)}
            case ("POST", ["recurringruns"]):
                return 200, self._add(self.recurring, "recurring_run_id", body)
            case ("DELETE", ["recurringruns", run_id]):
                self.recurring = [r for r in self.recurring if r["recurring_run_id"] != run_id]
                return 200, {}
        return 404, {"message": f"no {method} {path} here"}

    @staticmethod
    def _add(kept: list[dict[str, Any]], key: str, body: dict[str, Any]) -> dict[str, Any]:
        made = {**body, key: f"{key.removesuffix('_id')}-{len(kept) + 1}"}
        kept.append(made)
        return made

    def _upload(self, query: dict[str, str], body: str) -> tuple[int, dict[str, Any]]:
        wanted = {"pipeline_id": query["pipelineid"], "display_name": query["name"]}
        if any(wanted.items() <= version.items() for version in self.versions):
            return 409, {"message": "already exists"}
        return 200, self._add(self.versions, "pipeline_version_id", {**wanted, "yaml": body})


def _chosen(kept: list[dict[str, Any]], query: dict[str, str]) -> list[dict[str, Any]]:
    """Return those that a query's namespace, experiment and display name let through."""
    wanted = {k: query[k] for k in ("namespace", "experiment_id") if query.get(k)}
    for predicate in json.loads(query.get("filter") or "{}").get("predicates", []):
        value = predicate.get("stringValue") or predicate.get("string_value")
        key = predicate["key"]
        wanted["display_name" if key == "name" else key] = value
    return [k for k in kept if wanted.items() <= k.items()]


def _handler(api: KubeflowApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            api.authorizations.append(self.headers.get("Authorization", ""))
            parts = urlsplit(self.path)
            query = {k: v[0] for k, v in parse_qs(parts.query).items()}
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                status, content = 401, {"message": "who are you?"}
            elif not parts.path.startswith(PREFIX):
                status, content = 404, {"message": "not found"}
            else:
                path = parts.path.removeprefix(PREFIX)
                status, content = api.answer(self.command, path, query, self._body(raw))
            answer = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def _body(self, raw: bytes) -> Any:
            kind = self.headers.get("Content-Type", "")
            if not kind.startswith("multipart/"):
                return json.loads(raw or b"{}")
            message = BytesParser(policy=HTTP).parsebytes(
                b"Content-Type: " + kind.encode() + b"\r\n\r\n" + raw
            )
            (file,) = (p for p in message.iter_parts() if p.get_filename())
            return file.get_payload(decode=True).decode()

        do_GET = do_POST = do_DELETE = _any  # noqa: N815  # the names http.server calls

        def log_message(self, *_: Any) -> None:
            """Stay silent."""

    return Handler


@pytest.fixture
def kfp_api() -> Iterator[KubeflowApi]:
    """Give a Kubeflow Pipelines API that lets in whoever has the token."""
    api = KubeflowApi()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(api))
    api.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield api
    server.shutdown()
    thread.join()
    server.server_close()
