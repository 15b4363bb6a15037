"""Read compiled pipeline YAML and the values that its parameters take."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from foresail.errors import BadInput, NotFound, UsageError
from foresail_pipelines.plain import check_plain
from foresail_pipelines.secrets import looks_secret
from foresail_pipelines.shape import misshapen

Spec = Mapping[str, Any]
"""A compiled pipeline as its YAML says; the keys are Kubeflow's (PipelineSpec, schema 2.1)."""


def load(file: Path) -> Spec:
    """Return the pipeline in a compiled YAML file.

    Raises:
        NotFound: There is no such file.
        BadInput: It is no YAML, or no compiled pipeline.
    """
    import yaml

    try:
        documents = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise NotFound(
            f"no such file: {file}; write it with `foresail pipeline compile`"
        ) from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise BadInput(f"expected compiled pipeline YAML in {file}, got: {reason}") from error
    spec: Spec = documents[0] if documents else {}
    wrong = misshapen(spec)
    if wrong:
        raise BadInput(
            f"expected a compiled pipeline in {file}: {wrong}; "
            "write one with `foresail pipeline compile`"
        )
    return spec


def name(spec: Spec) -> str:
    """Return the pipeline's name."""
    return str(spec["pipelineInfo"]["name"])


def parameters(spec: Spec) -> Mapping[str, Mapping[str, Any]]:
    """Return what the pipeline asks for, by name, as Kubeflow describes a parameter."""
    found: Mapping[str, Mapping[str, Any]] = (
        spec["root"].get("inputDefinitions", {}).get("parameters", {})
    )
    return found


def arguments(spec: Spec, pairs: Sequence[str]) -> dict[str, Any]:
    """Return the values written as `name=value`, each in the type of its parameter.

    Raises:
        UsageError: A pair has no `=`, names no parameter, has the wrong type or holds a secret,
            which is not repeated; a value is one that a task would refuse; or a parameter without a
            default is missing.
    """
    known = parameters(spec)
    values: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if looks_secret(key if equals and text else "", pair):
            raise UsageError(
                f"{key if key in known else 'a parameter'} holds what looks like a secret; runs "
                "keep their parameters, so take it from the environment (docs/kubeflow.md)"
            )
        if not equals:
            raise UsageError(f"expected name=value, got {pair!r}")
        if key not in known:
            raise UsageError(
                f"the pipeline has no parameter {key!r}; it has {', '.join(sorted(known))}"
            )
        values[key] = _value(key, text, kind=known[key].get("parameterType", ""))
    check_complete(spec, values)
    check_plain(values)
    return values


def check_complete(spec: Spec, values: Mapping[str, Any]) -> None:
    """Raise when a parameter without a default has no value, or a value has no parameter.

    Raises:
        UsageError: Naming all of them.
    """
    known = parameters(spec)
    missing = sorted(n for n, p in known.items() if n not in values and not optional(p))
    if missing:
        raise UsageError(f"the pipeline needs a value for {', '.join(missing)}")
    unknown = sorted(values.keys() - known.keys())
    if unknown:
        raise UsageError(f"the pipeline has no parameter {', '.join(unknown)}")


def optional(definition: Mapping[str, Any]) -> bool:
    """Say whether an input may be left out."""
    return bool(definition.get("isOptional")) or "defaultValue" in definition


def _value(key: str, text: str, *, kind: str) -> Any:  # noqa: ANN401  # whatever the YAML declares
    if kind == "STRING":
        return text
    types: dict[str, type | tuple[type, ...]] = {
        "NUMBER_INTEGER": int,
        "NUMBER_DOUBLE": (int, float),
        "BOOLEAN": bool,
        "LIST": list,
        "STRUCT": dict,
    }
    if kind not in types:
        raise UsageError(f"the parameter {key} is of a kind that has no text: {kind or 'none'}")
    try:
        value = json.loads(text.lower() if kind == "BOOLEAN" else text)
    except json.JSONDecodeError:
        value = None
    if not isinstance(value, types[kind]) or (isinstance(value, bool) and kind != "BOOLEAN"):
        raise UsageError(f"expected {kind.lower().replace('_', ' ')} for {key}, got {text!r}")
    return value
