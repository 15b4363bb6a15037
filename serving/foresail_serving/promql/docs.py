"""What the OpenAPI document says of the query API."""

from collections.abc import Iterable
from typing import Any

from foresail_serving.promql.errors import STATUS

FORM = "application/x-www-form-urlencoded"
_TEXT: dict[str, Any] = {"type": "string"}
_TIME = "Seconds since 1970, or RFC 3339."
_KNOWN: dict[str, tuple[str, str, bool]] = {
    "query": ("PromQL.", 'foresail_forecast{scope="cluster",quantile="0.9"}', True),
    "time": (f"{_TIME} The present without it.", "2026-11-22T09:00:00Z", False),
    "start": (_TIME, "2026-11-22T00:00:00Z", True),
    "end": (_TIME, "2026-11-23T00:00:00Z", True),
    "step": ("Seconds, or a duration.", "1h", True),
    "match[]": ("A selector; may be sent several times.", '{scope="node"}', False),
    "metric": ("Name of a metric.", "foresail_forecast", False),
    "limit": ("Results at most; 0 for all.", "100", False),
    "name": ("Name of a label.", "namespace", True),
}
_SUCCESS: dict[str, Any] = {
    "type": "object",
    "required": ["status", "data"],
    "properties": {
        "status": {"const": "success"},
        "data": {},
        "warnings": {"type": "array", "items": _TEXT},
    },
    "additionalProperties": False,
}
_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["status", "errorType", "error"],
    "properties": {
        "status": {"const": "error"},
        "errorType": {"enum": sorted(STATUS)},
        "error": _TEXT,
    },
    "additionalProperties": False,
}
_MEANING = {
    400: "The query is wrong, or asks for what forecasts cannot answer",
    422: "The answer would be too large",
    503: "There is no forecast, or the server has too much to do",
}


def query_docs(problems: dict[int | str, dict[str, Any]]) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses of a question, in Prometheus' shape.

    Args:
        problems: What the server answers where the question does not get as far as Prometheus' API.
    """
    found: dict[int | str, dict[str, Any]] = {
        200: {
            "description": "The answer",
            "content": {"application/json": {"schema": _SUCCESS}},
        }
    }
    for status, text in _MEANING.items():
        known = problems.get(status, {"content": {}})
        content = {"application/json": {"schema": _ERROR}, **known["content"]}
        found[status] = {"description": text, "content": content}
    return {**problems, **found}


def parameters_docs(names: Iterable[str], *, form: bool) -> dict[str, Any]:
    """Return the OpenAPI description of these parameters, in the address or in a form."""
    chosen = {name: _KNOWN[name] for name in names}
    if not form:
        return {"parameters": [_parameter(name, *known) for name, known in chosen.items()]}
    fields = {
        name: {"description": text, **_schema(name), "examples": [example]}
        for name, (text, example, _) in chosen.items()
    }
    required = [name for name, (_, _, needed) in chosen.items() if needed]
    schema: dict[str, Any] = {"type": "object", "properties": fields}
    if required:
        schema["required"] = required
    return {"requestBody": {"required": bool(required), "content": {FORM: {"schema": schema}}}}


def _parameter(name: str, text: str, example: str, needed: bool) -> dict[str, Any]:  # noqa: FBT001  # a row of the table above
    return {
        "name": name,
        "in": "path" if name == "name" else "query",
        "required": needed,
        "description": text,
        "schema": _schema(name),
        "example": [example] if name == "match[]" else example,
    }


def _schema(name: str) -> dict[str, Any]:
    return {"type": "array", "items": _TEXT} if name == "match[]" else dict(_TEXT)
