"""Find literal secrets in a compiled pipeline: those belong into the containers' environment."""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from foresail_pipelines.spec import Spec

_SECRET_NAME = re.compile(
    r"(^|[_-])(password|passwd|secret|token|credentials?|api[_-]?key|access[_-]?key|private[_-]?key)"
    r"([_-]|$)",
    re.IGNORECASE,
)
_SECRET_TEXT = re.compile(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"  # AWS access key ids
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\bgh[pousr]_[A-Za-z0-9]{36}\b"  # GitHub tokens
    r"|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{5,}"  # JSON web tokens
    r"|\bBearer [A-Za-z0-9._~+/-]{16,}"
    r"|://[^/\s@'\"{}]+@"  # user:password@ or a token in a URL
    r"|[?&](?i:token|access_token|password|secret|api_?key)=[^&\s'\"{}]+"
)


def looks_secret(name: str, value: str) -> bool:
    """Say whether a value looks like a secret, or is a literal under a secret's name."""
    literal = bool(value) and "{{" not in value
    return bool(_SECRET_TEXT.search(value) or (literal and _SECRET_NAME.search(name)))


def literals(spec: "Spec") -> Iterator[tuple[str, str]]:
    """Yield (place, message) for each literal secret. The secret itself is never repeated."""
    for place, key, value in _values(spec):
        if not isinstance(value, str) or not value:
            continue
        if _SECRET_NAME.search(key) and "{{" not in value:
            yield (
                place,
                f"{key} holds a literal; take it from the environment (a Kubernetes secret)",
            )
        elif _SECRET_TEXT.search(value):
            yield place, f"{key} holds what looks like a secret; take it from the environment"


def _values(spec: "Spec") -> Iterator[tuple[str, str, Any]]:
    """Yield (place, name, value) of every literal that a pipeline can hold."""
    root: Mapping[str, Any] = spec["root"]
    for place, component in (("pipeline", root), *spec["components"].items()):
        inputs = component.get("inputDefinitions", {}).get("parameters", {})
        for key, definition in inputs.items():
            yield place, key, definition.get("defaultValue")
        for task, body in component.get("dag", {}).get("tasks", {}).items():
            for key, source in body.get("inputs", {}).get("parameters", {}).items():
                yield task, key, source.get("runtimeValue", {}).get("constant")
    for label, executor in spec.get("deploymentSpec", {}).get("executors", {}).items():
        container = executor.get("container", {})
        for variable in container.get("env", []):
            yield label, variable.get("name", ""), variable.get("value")
        for number, text in enumerate([*container.get("command", []), *container.get("args", [])]):
            yield label, f"part {number} of its command", text
