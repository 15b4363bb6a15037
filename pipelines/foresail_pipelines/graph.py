"""The tasks of a compiled pipeline and what they hang on, over all nested graphs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from foresail_pipelines.spec import Spec

KINDS = ("parameters", "artifacts")


@dataclass(frozen=True, slots=True)
class Graph:
    """One graph: the pipeline itself, or the inside of a condition, loop or exit handler.

    Attributes:
        place: `pipeline`, or the component that holds it.
        component: Its definition: `dag`, `inputDefinitions`, `outputDefinitions`.
    """

    place: str
    component: Mapping[str, Any]

    @property
    def tasks(self) -> Mapping[str, Mapping[str, Any]]:
        """Tasks by name."""
        tasks: Mapping[str, Mapping[str, Any]] = self.component["dag"].get("tasks", {})
        return tasks

    def where(self, task: str) -> str:
        """Return how to name a task to people."""
        return task if self.place == "pipeline" else f"{self.place}/{task}"


@dataclass(frozen=True, slots=True)
class Reference:
    """A task's input that another task makes.

    Attributes:
        kind: `parameters` or `artifacts`.
        key: The input that takes it.
        producer: Name of the task that makes it.
        output: Which of its outputs.
    """

    kind: str
    key: str
    producer: str
    output: str


def graphs(spec: Spec) -> Iterator[Graph]:
    """Yield every graph of the pipeline, the outermost first."""
    yield Graph("pipeline", spec["root"])
    for place, component in spec["components"].items():
        if "dag" in component:
            yield Graph(place, component)


def component_of(spec: Spec, task: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the definition of the component that a task runs, or None where it is missing."""
    component: Mapping[str, Any] | None = spec["components"].get(component_name(task))
    return component


def component_name(task: Mapping[str, Any]) -> str:
    """Return the name of the component that a task runs, empty where it names none."""
    return str(task.get("componentRef", {}).get("name", ""))


def given(task: Mapping[str, Any], kind: str) -> Mapping[str, Mapping[str, Any]]:
    """Return a task's inputs of one kind by name."""
    inputs: Mapping[str, Mapping[str, Any]] = task.get("inputs", {}).get(kind, {})
    return inputs


def defined(component: Mapping[str, Any], side: str, kind: str) -> Mapping[str, Mapping[str, Any]]:
    """Return a component's inputs (`inputDefinitions`) or outputs (`outputDefinitions`)."""
    definitions: Mapping[str, Mapping[str, Any]] = component.get(side, {}).get(kind, {})
    return definitions


def references(task: Mapping[str, Any]) -> Iterator[Reference]:
    """Yield what a task takes from other tasks."""
    for kind, name in (("parameters", "Parameter"), ("artifacts", "Artifact")):
        for key, source in given(task, kind).items():
            made = source.get(f"taskOutput{name}")
            if made:
                yield Reference(
                    kind, key, made.get("producerTask", ""), made.get(f"output{name}Key", "")
                )


def loop_items(task: Mapping[str, Any]) -> frozenset[str]:
    """Return the inputs that a loop itself gives to its inside."""
    iterators = (task.get("parameterIterator", {}), task.get("artifactIterator", {}))
    return frozenset(i["itemInput"] for i in iterators if "itemInput" in i)


def cycle(graph: Graph) -> tuple[str, ...]:
    """Return tasks that wait for each other in a ring, or nothing."""
    waits = {
        name: {*task.get("dependentTasks", ()), *(r.producer for r in references(task))}
        for name, task in graph.tasks.items()
    }
    while True:
        free = {name for name, on in waits.items() if not on & waits.keys()}
        if not free:
            return tuple(sorted(waits))
        waits = {name: on for name, on in waits.items() if name not in free}
        if not waits:
            return ()
