"""A token that is sent in every wrong place turns up nowhere: no log, no metric, no error."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from factories import bundles
from servers.base import free_port
from servers.foresail import Client

from foresail_serving.access.tokens import new_token, sha256_of

pytestmark = [pytest.mark.integration, pytest.mark.heavy]


def started(folder: Path, tokens: Path, port: int, log: Path) -> "subprocess.Popen[bytes]":
    """Start `foresail serve` with every setting about access, its output in a file."""
    environment = {
        **os.environ,
        "FORESAIL_TOKENS_FILE": str(tokens),
        "FORESAIL_URL_KEYS": "true",
        "FORESAIL_RATE_LIMIT": "1000",
        "FORESAIL_RATE_BURST": "1000",
        "FORESAIL_CORS_ORIGINS": "https://grafana.example.com",
        "FORESAIL_WATCH_SECONDS": "0.05",
    }
    environment.pop("MLFLOW_TRACKING_URI", None)
    command = [sys.executable, "-m", "foresail", "serve", "--port", str(port), "--cache", folder]
    with log.open("wb") as output:
        return subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=log.parent
        )


def raw(port: int, text: str) -> bytes:
    """Send what no client would, and return what comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(text.encode())
        connection.shutdown(socket.SHUT_WR)
        said = b""
        while part := connection.recv(65536):
            said += part
    return said


def test_no_token_is_told_to_anybody(tmp_path: Path) -> None:
    """Right and wrong ones, in headers, keys, paths, parameters, referers, and broken requests.

    An answer may name back to a client what it asked for as a series; a log, a metric or another
    client never hears of it.
    """
    midnight = datetime.now(tz=UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    bundles.publish(tmp_path / "cache", trained_until=midnight)
    right, wrong = new_token(), new_token()
    tokens, log, port = tmp_path / "tokens.toml", tmp_path / "log", free_port()
    scrape = new_token()
    entry = f'[[token]]\nname = "scrape"\nsha256 = "{sha256_of(scrape)}"\nscopes = ["metrics"]\n'
    entry += f'[[token]]\nname = "sheet"\nsha256 = "{sha256_of(right)}"\nscopes = ["forecasts"]\n'
    tokens.write_text(f"{entry}url = true\n")
    process = started(tmp_path / "cache", tokens, port, log)
    try:
        client, said = Client(port), []
        client.wait("/livez", 200)
        for token in (right, wrong):
            bearer = {"Authorization": f"Bearer {token}"}
            basic = {"Authorization": f"Basic {token}"}
            for path in (
                "/v1/next_day",
                "/v1/next_week.csv?namespace=shop",
                f"/v1/next_week.csv?key={token}",
                f"/v1/next_week.csv?k%65y={token}&KEY={token}",
                f"/v1/next_week.csv?no_such={token}",
                f"/v1/series?key={token}",
                f"/metrics?key={token}",
                f"/livez?key={token}",
                f"/{token}",
                f"/v1/{quote(token[:20])}%66{token[20:]}",
                f"/v1/key={token}",
                "/no/such/page",
            ):
                for headers in (
                    {},
                    bearer,
                    basic,
                    {**bearer, "Referer": f"http://u:{token}@x/?key={token}", "User-Agent": token},
                    {**bearer, "Host": token, "Origin": f"https://{token}", "Accept": token},
                    {"Cookie": token, "X-Forwarded-For": token, "If-None-Match": f'"{token}"'},
                ):
                    answer = client.ask("GET", path, headers)
                    said.append(answer.body + repr(answer.headers).encode())
                    assert answer.status < 500
            client.ask("POST", "/v1/next_day", {"Authorization": f"Bearer {right}", "X": token})
            client.ask("DELETE", f"/{token}")
            for broken in (
                f"GET /?key={token}\r\n\r\n",
                f"GET http://u:{token}@h/?key={token} HTTP/1.1\r\nHost: x\r\n\r\n",
                f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{token}\r\n\r\n",
                f"{token} / HTTP/1.1\r\nHost: x\r\n\r\n",
                f"GET / HTTP/1.1\r\nHost: x\r\nX: {token * 400}\r\n\r\n",
            ):
                raw(port, broken)
        metrics = client.ask("GET", "/metrics", {"Authorization": f"Bearer {scrape}"})
        assert metrics.status == 200
        said.append(metrics.body)
        tokens.write_text(f"{entry}token = '{right}'\n")  # the slip of a hurried operator
        time.sleep(0.3)
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    logged = log.read_bytes()
    assert b"tokens file cannot be used" in logged
    assert logged.count(b'"event":"request"') > 100
    for place, text in (("log", logged), ("answers", b"".join(said))):
        for token in (right, wrong, scrape):
            pieces = {token[start : start + 24].encode() for start in range(len(token) - 24)}
            found = [piece for piece in pieces if piece in text]
            assert not found, f"{place}: {_around(text, found[0])}"


def _around(text: bytes, piece: bytes) -> str:
    found = re.search(rb".{0,200}" + re.escape(piece), text)
    return found[0].decode(errors="replace") if found else ""
