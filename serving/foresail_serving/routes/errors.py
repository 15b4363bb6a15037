"""Every error of FastAPI's as a problem."""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from foresail_serving.problems import ProblemError, problem_response

_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_WORDS = {
    "extra_forbidden": "no such parameter; see /docs for those of this route",
    "missing": "expected a value, got none",
    "string_too_short": "expected a value, got none",  # none need be longer than a character
    "string_too_long": "expected at most {max_length} characters, got {length}",
    "literal_error": "expected {expected}, got {given}",
    "int_parsing": "expected a whole number, got {given}",
    "int_parsing_size": "expected a whole number, got {given}",
    "float_parsing": "expected a number, got {given}",
    "greater_than": "expected more than {gt}, got {given}",
    "greater_than_equal": "expected at least {ge}, got {given}",
    "less_than": "expected less than {lt}, got {given}",
    "less_than_equal": "expected at most {le}, got {given}",
    "value_error": "{error}",
}
"""What is told of an error of pydantic's, by its type."""
_BY_STATUS = {404: "not-found", 405: "method-not-allowed", 406: "not-acceptable"}


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
    return {"parameter": name[:100], "message": _in_words(error)}


def _in_words(error: Mapping[str, Any]) -> str:
    words = _WORDS.get(error["type"])
    if words is None:
        return str(error["msg"])
    given = str(error["input"])
    return words.format(**error.get("ctx", {}), given=repr(given[:100]), length=len(given))


def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # as above
    slug = _BY_STATUS.get(error.status_code, "bad-request")
    details = {
        "not-found": "there is no such page; /docs lists them all",
        "method-not-allowed": "this page is only read: use GET",
    }
    response = problem_response(slug, details.get(slug, str(error.detail)))
    response.headers.update(error.headers or {})
    if slug == "method-not-allowed":
        response.headers["Allow"] = ", ".join(_allowed(request))
    return response


def _allowed(request: Request) -> Sequence[str]:
    """Return the methods of a page, all of them: its routes know of one each."""
    found = [
        method
        for method in _METHODS
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.routes
        )
    ]
    return ["HEAD", *found] if "GET" in found and "HEAD" not in found else found


def _on_bug(request: Request, error: Exception) -> Response:
    structlog.get_logger("foresail.http").error(
        "request failed", path=request.url.path, error=type(error).__name__
    )
    return problem_response("internal", "the server failed on this request; its log says why")
