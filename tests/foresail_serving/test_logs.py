"""No credential reaches a log, whoever logs it and however."""

import json
import subprocess
import sys

import pytest

from foresail_serving.logs import mask, mask_credentials

TOKEN = "fs_" + "5c" * 32


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"got {TOKEN}!", "got fs_***!"),
        (f"got {TOKEN[:30]}", "got fs_***"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer ***"),
        ("{'authorization': 'Basic dTpwdw=='}", "{'authorization': 'Basic ***'}"),
        ("GET /v1/next_day?key=abc&metric=cpu", "GET /v1/next_day?key=***&metric=cpu"),
        ("?api_key=abc", "?api_key=***"),
        ("?token=abc#x", "?token=***#x"),
        ("https://user:pa@ss:w@mlflow.example/x", "https://***@mlflow.example/x"),
        ("https://user@mlflow.example", "https://***@mlflow.example"),
        ("https://mlflow.example/a@b", "https://mlflow.example/a@b"),
        ("fs_inodes_free of namespace monkey=1", "fs_inodes_free of namespace monkey=1"),
        ("bearer of news", "bearer of news"),
    ],
)
def test_what_looks_like_a_credential_is_masked(text: str, masked: str) -> None:
    """And the rest of the sentence stays."""
    assert mask(text) == masked


def test_every_field_is_looked_through() -> None:
    """Nested ones, bytes, objects, and fields whose name says it."""
    event = mask_credentials(
        None,
        "info",
        {
            "event": f"x {TOKEN}",
            "n": 3,
            "ok": True,
            "none": None,
            "headers": [("authorization", b"Bearer " + TOKEN.encode())],
            "nested": {"Authorization": "opaque", "url": "http://u:p@h/"},
            "error": ValueError(f"?key={TOKEN}"),
            "password": "hunter2",
        },
    )
    assert event == {
        "event": "x fs_***",
        "n": 3,
        "ok": True,
        "none": None,
        "headers": [["authorization", "b'Bearer ***'"]],
        "nested": {"Authorization": "***", "url": "http://***@h/"},
        "error": "ValueError('?key=***')",
        "password": "***",
    }


_PROGRAM = """
import asyncio, logging, sys, structlog
from foresail_serving.logs import configure_logs
configure_logs()
configure_logs()
token = sys.argv[1]
log = structlog.get_logger("foresail.test")
log.info("plain", url=f"http://u:{token}@h/?key={token}")
def fail():
    raise ValueError("Authorization: Bearer " + token)
try:
    fail()
except ValueError:
    log.exception("ours")
    logging.getLogger("uvicorn.error").exception("theirs %s", token)
logging.getLogger("uvicorn.error").info("not asked for")
async def forgotten():
    fail()
async def main():
    asyncio.get_running_loop().create_task(forgotten())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
asyncio.run(main())
"""


def test_libraries_speak_the_same_way_and_exceptions_are_masked() -> None:
    """Uvicorn's and asyncio's events are lines of JSON like ours, tracebacks among them."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, TOKEN], capture_output=True, text=True, check=True
    )
    assert TOKEN not in done.stderr
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines[:3]] == ["plain", "ours", "theirs fs_***"]
    assert lines[0]["url"] == "http://***@h/?key=***"
    assert [line["level"] for line in lines[:3]] == ["info", "error", "error"]
    assert all("timestamp" in line for line in lines)
    assert lines[1]["exception"].startswith("Traceback")
    assert lines[1]["exception"].endswith("ValueError: Authorization: Bearer ***")
    assert lines[2]["logger"] == "uvicorn.error"
    assert "Bearer ***" in lines[2]["exception"]
    assert [line["logger"] for line in lines[3:]] == ["asyncio"]
