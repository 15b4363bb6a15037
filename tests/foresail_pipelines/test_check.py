"""The check finds each fault that Kubeflow's parser lets through."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foresail_pipelines import spec as specs
from foresail_pipelines.check import check, pinned
from foresail_pipelines.compiler import COMPILED, FORECAST, FORECAST_SHARDED, MONITOR

Change = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def forecast() -> dict[str, Any]:
    """Give the compiled forecast pipeline."""
    return dict(specs.load(FORECAST))


def test_our_own_files_have_no_problem() -> None:
    """The pipelines and each component alone pass."""
    files = sorted(COMPILED.rglob("*.yaml"))
    assert len(files) == 14
    # a component alone is cached or not by the pipeline that uses it
    problems = {
        f.stem: [p for p in check(specs.load(f)) if "cached" not in p.message] for f in files
    }
    assert not any(problems.values()), problems
    for file in (FORECAST, FORECAST_SHARDED, MONITOR):
        assert check(specs.load(file)) == ()


def _task(spec: dict[str, Any], name: str) -> dict[str, Any]:
    task: dict[str, Any] = spec["root"]["dag"]["tasks"][name]
    return task


def _container(spec: dict[str, Any], name: str) -> dict[str, Any]:
    container: dict[str, Any] = spec["deploymentSpec"]["executors"][name]["container"]
    return container


def _ring(spec: dict[str, Any]) -> None:
    _task(spec, "stage-history")["dependentTasks"] = ["promote"]


def _no_component(spec: dict[str, Any]) -> None:
    del spec["components"]["comp-train"]


def _no_executor(spec: dict[str, Any]) -> None:
    del spec["deploymentSpec"]["executors"]["exec-train"]


def _no_producer(spec: dict[str, Any]) -> None:
    taken = _task(spec, "promote")["inputs"]["artifacts"]["decision"]["taskOutputArtifact"]
    taken["producerTask"] = "judge"


def _no_output(spec: dict[str, Any]) -> None:
    taken = _task(spec, "promote")["inputs"]["artifacts"]["decision"]["taskOutputArtifact"]
    taken["outputArtifactKey"] = "verdict"


def _no_wait(spec: dict[str, Any]) -> None:
    _task(spec, "promote")["dependentTasks"] = []


def _waits_for_nobody(spec: dict[str, Any]) -> None:
    _task(spec, "promote")["dependentTasks"].append("nobody")


def _no_input(spec: dict[str, Any]) -> None:
    del _task(spec, "validate")["inputs"]["parameters"]["history_digest"]


def _unknown_input(spec: dict[str, Any]) -> None:
    _task(spec, "train")["inputs"]["parameters"]["gpu"] = {"runtimeValue": {"constant": "1"}}


def _unknown_parameter(spec: dict[str, Any]) -> None:
    del spec["root"]["inputDefinitions"]["parameters"]["as_of"]


def _latest(spec: dict[str, Any]) -> None:
    _container(spec, "exec-train")["image"] = "ghcr.io/foresail/train:latest"


def _no_image(spec: dict[str, Any]) -> None:
    _container(spec, "exec-train")["image"] = ""


def _pip(spec: dict[str, Any]) -> None:
    _container(spec, "exec-train")["command"].insert(0, "python3 -m pip install prophet")


def _secret_variable(spec: dict[str, Any]) -> None:
    _container(spec, "exec-train")["env"] = [{"name": "S3_SECRET_KEY", "value": "hush"}]


def _secret_default(spec: dict[str, Any]) -> None:
    parameters = spec["root"]["inputDefinitions"]["parameters"]
    parameters["source"]["defaultValue"] = "https://me:hush@prometheus.example"


def _secret_constant(spec: dict[str, Any]) -> None:
    _task(spec, "train")["inputs"]["parameters"]["prometheus_token"] = {
        "runtimeValue": {"constant": "hush"}
    }


def _cached(spec: dict[str, Any]) -> None:
    _task(spec, "register")["cachingOptions"] = {"enableCache": True}


def _outside_output(spec: dict[str, Any]) -> None:
    spec["root"]["dag"]["outputs"] = {
        "artifacts": {
            "report": {
                "artifactSelectors": [
                    {"producerSubtask": "promote", "outputArtifactKey": "report"},
                    {"producerSubtask": "gone", "outputArtifactKey": "report"},
                ]
            }
        }
    }


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (
            _ring,
            (
                "pipeline: these tasks wait for each other: featurize, promote, register, "
                "stage-history, train, validate, validate-model"
            ),
        ),
        (_no_component, "train: runs the component comp-train, which is not in the file"),
        (_no_executor, "comp-train: is run by the executor exec-train, which is not there"),
        (_no_producer, "promote: takes decision from the task judge, which is not there"),
        (_no_output, "promote: takes decision from validate-model, which has no output verdict"),
        (_no_wait, "promote: takes decision from validate-model without waiting"),
        (_waits_for_nobody, "promote: waits for the task nobody, which is not there"),
        (_no_input, "validate: needs the input history_digest, which nothing gives"),
        (_unknown_input, "train: gives the input gpu, which its component does not have"),
        (_unknown_parameter, "validate: takes as_of from as_of, which is no input here"),
        (
            _latest,
            (
                "exec-train: expected an image with a fixed tag or digest, "
                "got 'ghcr.io/foresail/train:latest'"
            ),
        ),
        (_no_image, "exec-train: expected an image with a fixed tag or digest, got ''"),
        (_pip, "exec-train: installs packages when it runs; put them into the image"),
        (
            _secret_variable,
            (
                "exec-train: S3_SECRET_KEY holds a literal; "
                "take it from the environment (a Kubernetes secret)"
            ),
        ),
        (
            _secret_default,
            "pipeline: source holds what looks like a secret; take it from the environment",
        ),
        (
            _secret_constant,
            (
                "train: prometheus_token holds a literal; "
                "take it from the environment (a Kubernetes secret)"
            ),
        ),
        (_cached, "register: has a side effect but is cached; set_caching_options(False)"),
        (_outside_output, "pipeline: returns the output report of promote, which it lacks"),
        (_outside_output, "pipeline: returns an output of gone, which is not there"),
    ],
)
def test_a_planted_fault_is_named(forecast: dict[str, Any], fault: Change, told: str) -> None:
    """Each fault is told with its place, and a secret is never repeated."""
    broken = copy.deepcopy(forecast)
    fault(broken)
    found = [str(p) for p in check(broken)]
    assert told in found
    assert "hush" not in "".join(found)


def test_all_faults_are_told_at_once(forecast: dict[str, Any]) -> None:
    """Nobody repairs one fault per upload."""
    broken = copy.deepcopy(forecast)
    _latest(broken)
    _cached(broken)
    assert len(check(broken)) == 2


@pytest.mark.parametrize(
    ("image", "fixed"),
    [
        ("train:1.2", True),
        ("registry.example:5000/train:1.2", True),
        ("registry.example:5000/train", False),
        ("train", False),
        ("train:latest", False),
        ("train@sha256:" + "0" * 64, True),
        ("@sha256:" + "0" * 64, False),
        ("", False),
    ],
)
def test_an_image_is_fixed_by_tag_or_digest(image: str, *, fixed: bool) -> None:
    """The port of a registry is no tag, and `latest` is none either."""
    assert pinned(image) is fixed


def test_loops_and_conditions_are_checked_inside(tmp_path: Path) -> None:
    """A fault in the inside of a loop inside a condition is found; the same without it is clean."""
    from servers.tinypipelines import looped  # noqa: PLC0415  # imports kfp

    spec = dict(specs.load(looped(tmp_path)))
    assert check(spec) == ()
    del spec["components"]["comp-for-loop-2"]["dag"]["tasks"]["one"]["inputs"]["parameters"]["i"]
    assert [str(p) for p in check(spec)] == [
        "comp-for-loop-2/one: needs the input i, which nothing gives"
    ]
