"""What the OpenAPI document says beside the types: problems, formats, examples."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from foresail_serving.problems import MEDIA_TYPE, PROBLEMS
from foresail_serving.schemas import Problem

_REF = {"$ref": "#/components/schemas/Problem"}
FRESHNESS = {
    "Forecast-Status": "fresh, stale or expiring",
    "Forecast-Generated": "the hour the forecast begins; nothing later was known",
    "Forecast-Covers-Until": "end of the last hour forecast for this series",
    "ETag": "of this body; send it back as If-None-Match",
}


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


def ok_docs(*, csv: str | None = None, json_example: object = None) -> dict[str, Any]:
    """Return the OpenAPI description of the 200 of a forecast route."""
    content: dict[str, Any] = {}
    if json_example is not None:
        content["application/json"] = {"example": json_example}
    if csv is not None:
        content["text/csv"] = {"schema": {"type": "string"}, "example": csv}
    headers = {
        name: {"description": text, "schema": {"type": "string"}}
        for name, text in FRESHNESS.items()
    }
    return {"description": "The forecast", "content": content, "headers": headers}


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
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas["Problem"] = Problem.model_json_schema()
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign,assignment]  # FastAPI's own way to do it
