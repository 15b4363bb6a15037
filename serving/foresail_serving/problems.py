"""Errors over HTTP: problem+json of RFC 9457, with types that stay and no stack traces."""

import http
import json
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"
PROBLEMS = {
    "bad-request": (400, "The request is wrong"),
    "ambiguous-series": (400, "More than one series fits"),
    "unknown-metric": (404, "No such metric"),
    "unknown-series": (404, "No such series"),
    "unknown-horizon": (404, "Not forecast for this horizon"),
    "not-found": (404, "No such page"),
    "method-not-allowed": (405, "Not with this method"),
    "not-acceptable": (406, "Not in this format"),
    "internal": (500, "The server failed"),
    "no-forecast": (503, "There is no forecast yet"),
    "forecast-not-begun": (503, "The forecast begins later"),
    "forecast-expired": (503, "The forecast has run out"),
}
"""Slug -> status and title. The type is `urn:foresail:problem:<slug>`; none is ever renamed."""
_BY_STATUS = {404: "not-found", 405: "method-not-allowed", 406: "not-acceptable"}


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


def add_problem_handlers(app: FastAPI) -> None:
    """Make every error of the app a problem."""
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_bug)


def _on_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)  # noqa: S101  # registered for this class alone
    return problem_response(error.slug, error.detail, extra=error.extra)


def _on_validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # as above
    errors = [_parameter_error(e) for e in error.errors()]
    detail = "; ".join(f"{e['parameter']}: {e['message']}" for e in errors)
    return problem_response("bad-request", detail, extra={"errors": errors})


def _parameter_error(error: Mapping[str, Any]) -> dict[str, str]:
    where: Sequence[Any] = error.get("loc", ())
    name = str(where[-1]) if len(where) > 1 else "query"
    known = {"extra_forbidden": "no such parameter; see /docs for those of this route"}
    return {"parameter": name[:100], "message": known.get(error["type"], error["msg"])}


def _on_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # as above
    slug = _BY_STATUS.get(error.status_code, "bad-request")
    details = {
        "not-found": "there is no such page; /docs lists them all",
        "method-not-allowed": "this page is only read: use GET",
    }
    response = problem_response(slug, details.get(slug, str(error.detail)))
    response.headers.update(error.headers or {})
    return response


def _on_bug(request: Request, error: Exception) -> Response:
    structlog.get_logger("foresail.http").error(
        "request failed", path=request.url.path, error=type(error).__name__
    )
    return problem_response("internal", "the server failed on this request; its log says why")
