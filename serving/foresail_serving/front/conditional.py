"""ETags: what a client holds already is not sent again (RFC 9110, section 13)."""

import hashlib
from collections.abc import Mapping

from pydantic import BaseModel
from starlette.responses import Response

from foresail_serving.formats.negotiation import MEDIA_TYPES

KEEP = "foresail-keep"
"""Marks a response for the front: its body stays valid until the hour ends or a version comes.

It goes no further than the front.
"""

IS_HEAD = "foresail.head"
"""In a request's scope: whether the body that a route makes is thrown away."""
WORK = "foresail.work"
"""In a request's scope: what its route did beside the request itself; a thousand rows are 1."""


def etag(body: bytes, *, compressed: bool = False) -> str:
    """Return the strong tag of a body; of its compressed form another one."""
    digest = hashlib.blake2b(body, digest_size=12).hexdigest()
    return f'"{digest}-gz"' if compressed else f'"{digest}"'


def holds(if_none_match: str | None, tag: str) -> bool:
    """Return whether an `If-None-Match` names a tag; compared weakly, as a GET's is."""
    if not if_none_match:
        return False
    if if_none_match.strip() == "*":
        return True
    return tag.removeprefix("W/") in {
        given.strip().removeprefix("W/") for given in if_none_match.split(",")
    }


def reply(body: bytes, *, media_type: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a body that stays valid for the hour; the front tags it, keeps it and compresses it.

    Args:
        body: The same bytes for everybody who may ask.
        media_type: Its Content-Type.
        headers: More headers.
    """
    return Response(body, media_type=media_type, headers={**(headers or {}), KEEP: "1"})


def reply_json(value: BaseModel, *, headers: Mapping[str, str] | None = None) -> Response:
    """Return a value as JSON, as `reply` does."""
    body = value.model_dump_json().encode()
    return reply(body, media_type=MEDIA_TYPES["json"], headers=headers)
