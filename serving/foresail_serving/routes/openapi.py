"""What the OpenAPI document says beside the types: problems, formats, examples."""

from collections.abc import Mapping
from typing import Any, cast

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from foresail_serving.answers.schemas import Problem
from foresail_serving.problems import MEDIA_TYPE, PROBLEMS
from foresail_serving.routes.page_examples import PAGE_EXAMPLES, PROMETHEUS_ERRORS

_REF = {"$ref": "#/components/schemas/Problem"}
FRESHNESS = {
    "Forecast-Status": "fresh, stale or expiring",
    "Forecast-Generated": "the hour the forecast begins; nothing later was known",
    "Forecast-Covers-Until": "end of the last hour forecast for this series",
    "ETag": "of this body; send it back as If-None-Match",
}

_EVERYWHERE = (
    "unauthorized",
    "forbidden",
    "url-key-refused",
    "request-timeout",
    "body-too-large",
    "url-too-long",
    "wrong-host",
    "too-many-requests",
    "head-too-large",
    "access-closed",
)
"""What the guards before the routes may answer instead, whatever is asked."""
_NULL = "urn:foresail:null"
"""Stands for null in an example until the document is written."""
_OF_THE_ROUTES = (400, 500, "default")


def problem_docs(*slugs: str) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses of these problems, and a default for any other."""
    responses: dict[int | str, dict[str, Any]] = {}
    for slug in ("bad-request", *slugs, "internal"):
        status, title = PROBLEMS[slug]
        example = {
            "summary": title,
            "value": {
                "type": f"urn:foresail:problem:{slug}",
                "title": title,
                "status": status,
                "detail": "one sentence: what was expected, what came, what to do",
            },
        }
        known = responses.setdefault(
            status,
            {"description": "", "content": {MEDIA_TYPE: {"schema": _REF, "examples": {}}}},
        )
        known["content"][MEDIA_TYPE]["examples"][slug] = example
        known["description"] = "; ".join(filter(None, (known["description"], title)))
    # FastAPI documents its own 422 unless a default stands there; this server answers 400.
    responses["default"] = {
        "description": "Any other problem",
        "content": {MEDIA_TYPE: {"schema": _REF}},
    }
    return responses


def ok_docs(
    *, csv: str | None = None, json_example: object = None, binary: str | None = None
) -> dict[str, Any]:
    """Return the OpenAPI description of the 200 of a forecast route."""
    content: dict[str, Any] = {}
    if json_example is not None:
        content["application/json"] = {"example": with_nulls(json_example)}
    if csv is not None:
        content["text/csv"] = {"schema": {"type": "string"}, "example": csv}
    if binary is not None:
        content[binary] = {"schema": {"type": "string", "format": "binary"}}
    headers = {
        name: {"description": text, "schema": {"type": "string"}}
        for name, text in FRESHNESS.items()
    }
    return {"description": "The forecast", "content": content, "headers": headers}


def with_nulls(example: object) -> object:
    """Return an example whose nulls FastAPI does not drop from the document."""
    return _swapped(example, None, _NULL)


def _swapped(value: object, old: object, new: object) -> object:
    if isinstance(value, dict):
        return {name: _swapped(member, old, new) for name, member in value.items()}
    if isinstance(value, list):
        return [_swapped(member, old, new) for member in value]
    return new if value == old else value


def add_openapi(app: FastAPI) -> None:
    """Give the app an OpenAPI document that knows the problem type."""

    def openapi() -> Mapping[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
            )
            document = cast("dict[str, Any]", _swapped(document, _NULL, None))
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas["Problem"] = Problem.model_json_schema()
            _drop_nulls(document)
            _add_examples(document)
            _add_guards(document)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign,assignment]  # FastAPI's own way to do it


def _drop_nulls(document: dict[str, Any]) -> None:
    """Say of a parameter that may be left out only what it is: in a URL nothing can be null."""
    for item in document["paths"].values():
        for operation in item.values():
            for parameter in operation.get("parameters", ()):
                schema = parameter["schema"]
                kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
                if len(kinds) == 1:
                    del schema["anyOf"]
                    schema |= kinds[0]


def _add_examples(document: dict[str, Any]) -> None:
    """Show what comes where the routes themselves do not."""
    for path, item in document["paths"].items():
        own = PAGE_EXAMPLES.get(path, {})
        if path.startswith("/prometheus/"):
            own = {**PROMETHEUS_ERRORS, **own}
        for operation in item.values():
            for status, example in own.items():
                content = operation["responses"].get(status, {}).get("content", {})
                for kind in content.keys() - {MEDIA_TYPE}:
                    content[kind].setdefault("example", example)


def _add_guards(document: dict[str, Any]) -> None:
    """Say of every operation what the guards may answer; what is said already stays."""
    guards = {
        str(status): response
        for status, response in problem_docs(*_EVERYWHERE).items()
        if status not in _OF_THE_ROUTES
    }
    shared = document["components"].setdefault("responses", {})
    for status, response in guards.items():
        shared[f"Problem{status}"] = response
    for item in document["paths"].values():
        for operation in item.values():
            for status, response in guards.items():
                own = operation["responses"].setdefault(
                    status, {"$ref": f"#/components/responses/Problem{status}"}
                )
                if MEDIA_TYPE in own.get("content", {}):
                    examples = own["content"][MEDIA_TYPE].setdefault("examples", {})
                    examples |= response["content"][MEDIA_TYPE]["examples"]
