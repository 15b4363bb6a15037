"""Write docs/openapi.json from the server's own routes. Called by `scripts/openapi`."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from starlette.types import Message

from foresail_serving.app import create_app
from foresail_serving.settings import ServeSettings

FILE = Path(__file__).parents[1] / "docs" / "openapi.json"


def document() -> str:
    """Return what the server answers as /openapi.json, in an order that stays."""
    told = json.loads(asyncio.run(_answer("/openapi.json")))
    told["paths"] = dict(sorted(told["paths"].items()))
    told["components"] = {kind: dict(sorted(of.items())) for kind, of in told["components"].items()}
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


async def _answer(path: str) -> bytes:
    """Ask the app itself: a server would need a port, and there is no forecast to open."""
    body = b""

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        nonlocal body
        body += message.get("body", b"")

    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 0),
    }
    await create_app(ServeSettings())(scope, receive, send)
    return body


def main(argv: list[str]) -> int:
    """Write the file; with --check only say whether it is what the server tells."""
    told = document()
    if "--check" not in argv:
        FILE.write_text(told, encoding="utf-8")
        return 0
    if FILE.exists() and FILE.read_text(encoding="utf-8") == told:
        return 0
    print(f"error: {FILE.name} is not what the server tells; run scripts/openapi", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
