"""What a compiled pipeline must look like before anybody reads on in it."""

from collections.abc import Iterator

_ANY: dict[str, object] = {}
_NAMED = {"*": _ANY}
_INPUTS = {
    "parameters": {"*": {"runtimeValue": _ANY, "taskOutputParameter": _ANY}},
    "artifacts": {"*": {"taskOutputArtifact": _ANY}},
}
_DEFINITIONS = {"parameters": {"*": {"parameterType": str}}, "artifacts": _NAMED}
_TASK = {
    "inputs": _INPUTS,
    "componentRef": _ANY,
    "cachingOptions": _ANY,
    "dependentTasks": [str],
    "parameterIterator": {"itemInput": str},
    "artifactIterator": {"itemInput": str},
}
_OUTPUTS = {
    "parameters": {
        "*": {"valueFromParameter": _ANY, "valueFromOneof": {"parameterSelectors": [_ANY]}}
    },
    "artifacts": {"*": {"artifactSelectors": [_ANY]}},
}
_COMPONENT = {
    "inputDefinitions": _DEFINITIONS,
    "outputDefinitions": _DEFINITIONS,
    "executorLabel": str,
    "dag": {"tasks": {"*": _TASK}, "outputs": _OUTPUTS},
}
_CONTAINER = {"image": str, "env": [_ANY], "command": list, "args": list}
_PIPELINE = {
    "pipelineInfo": {"name": str},
    "root": _COMPONENT,
    "components": {"*": _COMPONENT},
    "deploymentSpec": {"executors": {"*": {"container": _CONTAINER}}},
}
_NEEDED = (("pipelineInfo", "name"), ("root", "dag"), ("components",))


def misshapen(document: object) -> str:
    """Return the first thing that is not as in a compiled pipeline; empty where all is."""
    return next(_compared(document, _PIPELINE, ()), "") or next(_missing(document), "")


def _compared(value: object, shape: object, place: tuple[str, ...]) -> Iterator[str]:
    where = ".".join(place) or "the file"
    if isinstance(shape, list):
        if not isinstance(value, list):
            yield f"a list at {where}, got {type(value).__name__}"
            return
        for number, item in enumerate(value):
            yield from _compared(item, shape[0], (*place, str(number)))
    elif isinstance(shape, type):
        if not isinstance(value, shape):
            word = "a text" if shape is str else "a list"
            yield f"{word} at {where}, got {type(value).__name__}"
    elif not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        yield f"names and values at {where}, got {type(value).__name__}"
    elif isinstance(shape, dict):
        for key, inner in value.items():
            expected = shape.get(key, shape.get("*"))
            if expected is not None:
                yield from _compared(inner, expected, (*place, key))


def _missing(document: object) -> Iterator[str]:
    for path in _NEEDED:
        inner = document
        for key in path:
            if not isinstance(inner, dict) or key not in inner:
                yield f"{'.'.join(path)}, which is missing"
                break
            inner = inner[key]
