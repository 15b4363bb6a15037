"""Errors over HTTP: problem+json of RFC 9457, with types that stay and no stack traces."""

import http
import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"
PROBLEMS = {
    "bad-request": (400, "The request is wrong"),
    "ambiguous-series": (400, "More than one series fits"),
    "too-many-rows": (400, "More rows than one file may have"),
    "unauthorized": (401, "A token is needed"),
    "forbidden": (403, "Not with this token"),
    "url-key-refused": (403, "Not with a key in the URL"),
    "unknown-metric": (404, "No such metric"),
    "unknown-series": (404, "No such series"),
    "unknown-horizon": (404, "Not forecast for this horizon"),
    "no-challenger": (404, "There is no challenger"),
    "not-found": (404, "No such page"),
    "method-not-allowed": (405, "Not with this method"),
    "not-acceptable": (406, "Not in this format"),
    "request-timeout": (408, "The request came too slowly"),
    "body-too-large": (413, "The body is too large"),
    "url-too-long": (414, "The URL is too long"),
    "wrong-host": (421, "Not under this name"),
    "too-many-requests": (429, "Too much at once"),
    "head-too-large": (431, "The headers are too large"),
    "internal": (500, "The server failed"),
    "access-closed": (503, "Nobody can be let in"),
    "draining": (503, "The server is about to stop"),
    "no-forecast": (503, "There is no forecast yet"),
    "forecast-not-begun": (503, "The forecast begins later"),
    "forecast-expired": (503, "The forecast has run out"),
}
"""Slug -> status and title. The type is `urn:foresail:problem:<slug>`; none is ever renamed."""


class ProblemError(Exception):
    """An answer that is a problem.

    Attributes:
        slug: One of `PROBLEMS`.
        detail: One sentence: what was expected, what came, what to do.
        extra: More members of the body, such as `choices`.
    """

    def __init__(self, slug: str, detail: str, **extra: Any) -> None:  # noqa: ANN401  # JSON values
        super().__init__(detail)
        self.slug = slug
        self.detail = detail
        self.extra = extra


def problem_response(slug: str, detail: str, *, extra: Mapping[str, Any] | None = None) -> Response:
    """Return the response of a problem."""
    status, title = PROBLEMS[slug]
    body = {
        "type": f"urn:foresail:problem:{slug}",
        "title": title,
        "status": status,
        "detail": detail,
        **(extra or {}),
    }
    headers = {"Cache-Control": "no-store"}
    if status == http.HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "30"
    return Response(json.dumps(body), status_code=status, media_type=MEDIA_TYPE, headers=headers)
