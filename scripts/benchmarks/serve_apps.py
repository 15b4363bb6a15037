"""What the server is measured against, as a program: the same bytes, given in other ways.

    python serve_apps.py bare|fastapi PORT ANSWER.json

`bare` is an app without a framework; every path gets the answer. `fastapi` has FastAPI's own ways:
`/ready` returns bytes that lie there, `/pydantic` builds its model for each request, `/dict` lets
FastAPI turn a dictionary into JSON. The file holds the answer's headers and its body.
"""

import base64
import json
import sys
from pathlib import Path
from typing import Any

import uvicorn
from pydantic import BaseModel, ConfigDict
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Headers = list[tuple[str, str]]


class Answer(BaseModel):
    """A forecast as most would write it for FastAPI: typed columns, and what stands beside them."""

    model_config = ConfigDict(extra="allow")

    ds: list[str]
    p10: list[float]
    p50: list[float]
    p90: list[float]


def bare(headers: Headers, body: bytes) -> ASGIApp:
    """Return an app that gives this answer, and does nothing else."""
    start: Message = {
        "type": "http.response.start",
        "status": 200,
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }
    rest: Message = {"type": "http.response.body", "body": body}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send(start)
        await send(rest)

    return app


def fastapi(headers: Headers, body: bytes) -> ASGIApp:
    """Return FastAPI's own ways to give this answer."""
    from fastapi import FastAPI, Response  # noqa: PLC0415  # the bare app loads none of it

    app = FastAPI()
    given = json.loads(body)
    own = {name: value for name, value in headers if name != "content-length"}

    @app.get("/ready")
    async def ready() -> Response:
        return Response(body, headers=own)

    @app.get("/pydantic")
    async def pydantic() -> Answer:
        return Answer.model_validate(given)

    @app.get("/dict", response_model=None)
    async def plain() -> dict[str, Any]:
        return given  # type: ignore[no-any-return]  # it is one

    return app


def main(kind: str, port: str, file: str) -> None:
    """Serve until stopped."""
    answer = json.loads(Path(file).read_text(encoding="utf-8"))
    make = {"bare": bare, "fastapi": fastapi}[kind]
    headers = [(name, value) for name, value in answer["headers"]]
    uvicorn.run(
        make(headers, base64.b64decode(answer["body"])),
        host="127.0.0.1",
        port=int(port),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        access_log=False,
        server_header=False,
        date_header=answer["date"],
        log_level="warning",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
