"""Check a compiled pipeline before a cluster sees it.

Kubeflow's own parser accepts cycles, producers and executors that are not there and empty images;
such a pipeline fails only when it runs. Everything that is wrong is reported at once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from foresail_components import SIDE_EFFECTS
from foresail_pipelines import graph as g
from foresail_pipelines import secrets
from foresail_pipelines.spec import Spec, optional


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a pipeline.

    Attributes:
        place: The task, component or parameter.
        message: What was expected and what came.
    """

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


def check(spec: Spec) -> tuple[Problem, ...]:
    """Return everything that is wrong with a compiled pipeline; nothing means it may run."""
    problems: list[Problem] = []
    for graph in g.graphs(spec):
        problems.extend(_graph(spec, graph))
    for name, component in spec["components"].items():
        problems.extend(_component(spec, name, component))
    for name, executor in _executors(spec).items():
        problems.extend(_executor(name, executor))
    problems.extend(Problem(place, message) for place, message in secrets.literals(spec))
    return tuple(dict.fromkeys(problems))


def _executors(spec: Spec) -> Mapping[str, Mapping[str, Any]]:
    executors: Mapping[str, Mapping[str, Any]] = spec.get("deploymentSpec", {}).get("executors", {})
    return executors


def _graph(spec: Spec, graph: g.Graph) -> Iterator[Problem]:
    for name, task in graph.tasks.items():
        where = graph.where(name)
        component = g.component_of(spec, task)
        if component is None:
            missing = g.component_name(task) or "(none named)"
            yield Problem(where, f"runs the component {missing}, which is not in the file")
            continue
        yield from _inputs(graph, where, task, component)
        yield from _references(spec, graph, where, task)
        yield from _caching(spec, where, task, component)
    ring = g.cycle(graph)
    if ring:
        yield Problem(graph.place, f"these tasks wait for each other: {', '.join(ring)}")
    yield from _outputs(spec, graph)


def _inputs(
    graph: g.Graph, where: str, task: Mapping[str, Any], component: Mapping[str, Any]
) -> Iterator[Problem]:
    for kind in g.KINDS:
        given = g.given(task, kind)
        wanted = g.defined(component, "inputDefinitions", kind)
        for key in given.keys() - wanted.keys():
            yield Problem(where, f"gives the input {key}, which its component does not have")
        for key in wanted.keys() - given.keys() - g.loop_items(task):
            if not optional(wanted[key]):
                yield Problem(where, f"needs the input {key}, which nothing gives")
        outer = g.defined(graph.component, "inputDefinitions", kind)
        word = "componentInputParameter" if kind == "parameters" else "componentInputArtifact"
        for key, source in given.items():
            if word in source and source[word] not in outer:
                yield Problem(where, f"takes {key} from {source[word]}, which is no input here")


def _references(
    spec: Spec, graph: g.Graph, where: str, task: Mapping[str, Any]
) -> Iterator[Problem]:
    for reference in g.references(task):
        producer = graph.tasks.get(reference.producer)
        if producer is None:
            yield Problem(
                where,
                f"takes {reference.key} from the task {reference.producer}, which is not there",
            )
            continue
        outputs = g.defined(
            g.component_of(spec, producer) or {}, "outputDefinitions", reference.kind
        )
        if reference.output not in outputs:
            yield Problem(
                where,
                f"takes {reference.key} from {reference.producer}, which has no output "
                f"{reference.output}",
            )
        if reference.producer not in task.get("dependentTasks", ()):
            yield Problem(where, f"takes {reference.key} from {reference.producer} without waiting")
    for name in task.get("dependentTasks", ()):
        if name not in graph.tasks:
            yield Problem(where, f"waits for the task {name}, which is not there")


def _outputs(spec: Spec, graph: g.Graph) -> Iterator[Problem]:
    outputs = graph.component["dag"].get("outputs", {})
    selectors = [
        *(s for o in outputs.get("artifacts", {}).values() for s in o.get("artifactSelectors", ())),
        *(
            o["valueFromParameter"]
            for o in outputs.get("parameters", {}).values()
            if "valueFromParameter" in o
        ),
        *(
            s
            for o in outputs.get("parameters", {}).values()
            for s in o.get("valueFromOneof", {}).get("parameterSelectors", ())
        ),
    ]
    for selector in selectors:
        producer = selector.get("producerSubtask", "")
        key = selector.get("outputArtifactKey", selector.get("outputParameterKey", ""))
        if producer not in graph.tasks:
            yield Problem(graph.place, f"returns an output of {producer}, which is not there")
            continue
        component = g.component_of(spec, graph.tasks[producer]) or {}
        if not any(key in g.defined(component, "outputDefinitions", kind) for kind in g.KINDS):
            yield Problem(graph.place, f"returns the output {key} of {producer}, which it lacks")


def _caching(
    spec: Spec, where: str, task: Mapping[str, Any], component: Mapping[str, Any]
) -> Iterator[Problem]:
    executor = _executors(spec).get(component.get("executorLabel", ""), {})
    function = _function(executor)
    if function in SIDE_EFFECTS and task.get("cachingOptions", {}).get("enableCache"):
        yield Problem(where, "has a side effect but is cached; set_caching_options(False)")


def _function(executor: Mapping[str, Any]) -> str:
    """Return the Python function that an executor runs; it survives a renamed task."""
    arguments = executor.get("container", {}).get("args", [])
    if "--function_to_execute" not in arguments[:-1]:
        return ""
    return str(arguments[arguments.index("--function_to_execute") + 1])


def _component(spec: Spec, name: str, component: Mapping[str, Any]) -> Iterator[Problem]:
    if "dag" in component:
        return
    label = component.get("executorLabel", "")
    if label not in _executors(spec):
        yield Problem(name, f"is run by the executor {label or '(none named)'}, which is not there")


def _executor(name: str, executor: Mapping[str, Any]) -> Iterator[Problem]:
    container = executor.get("container")
    if container is None:
        return
    image = container.get("image", "")
    if not pinned(image):
        yield Problem(name, f"expected an image with a fixed tag or digest, got {image!r}")
    command = "\n".join(str(c) for c in [*container.get("command", []), *container.get("args", [])])
    if "pip install" in command:
        yield Problem(name, "installs packages when it runs; put them into the image")


def pinned(image: str) -> bool:
    """Say whether an image is fixed: a digest, or a tag other than `latest`."""
    name, at, digest = image.partition("@")
    if at:
        return bool(name) and digest.startswith("sha256:")
    tag = name.rpartition("/")[2].partition(":")[2]
    return bool(tag) and tag != "latest"
