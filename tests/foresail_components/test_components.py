"""The components: contracts that compile, two lines of body, importable inside a task."""

import ast
import importlib
import inspect
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from foresail_components import NAMES, SIDE_EFFECTS
from foresail_components._image import SERVE_IMAGE, TRAIN_IMAGE
from foresail_pipelines.compiler import COMPILED


def _golden(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((COMPILED / "components" / f"{name}.yaml").read_text())
    return found


def test_images_carry_the_version_of_the_package() -> None:
    """Both images have one name, and the package's version as their tag."""
    assert f"ghcr.io/foresail/train:{version('foresail')}" == TRAIN_IMAGE
    assert f"ghcr.io/foresail/serve:{version('foresail')}" == SERVE_IMAGE


def test_every_component_is_named() -> None:
    """A module of the package is a component, unless it is private."""
    folder = Path(inspect.getfile(importlib.import_module("foresail_components"))).parent
    assert {p.stem for p in folder.glob("[!_]*.py")} == set(NAMES)
    assert set(NAMES) > SIDE_EFFECTS


@pytest.mark.parametrize("name", NAMES)
def test_a_component_runs_one_step_and_nothing_else(name: str) -> None:
    """A body is an import and one call: the YAML holds a contract, never logic."""
    component = importlib.import_module(f"foresail_components.{name}")
    body = ast.parse(inspect.getsource(component)).body[-1]
    assert isinstance(body, ast.FunctionDef)
    docstring, imported, call = body.body
    assert isinstance(docstring, ast.Expr)
    assert ast.unparse(imported) == f"from foresail.steps.{name} import run"
    assert isinstance(call, ast.Expr | ast.Return)


@pytest.mark.parametrize("name", NAMES)
def test_a_component_hands_every_argument_to_its_step(name: str) -> None:
    """A component asks for what its step takes, under the same names and with the same defaults."""
    step = inspect.signature(importlib.import_module(f"foresail.steps.{name}").run)
    function = importlib.import_module(f"foresail_components.{name}").__dict__[name].python_func
    component = inspect.signature(function)
    named = {n: p for n, p in component.parameters.items() if n != "measured"}
    assert named.keys() == step.parameters.keys()
    defaults = {n: p.default for n, p in named.items() if p.default is not p.empty}
    assert defaults == {
        n: p.default for n, p in step.parameters.items() if p.default is not p.empty
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_input_and_output_is_described(name: str) -> None:
    """People read the description in the dashboard, so that none may be missing."""
    component = _golden(name)["root"]
    for side in ("inputDefinitions", "outputDefinitions"):
        for kind in ("parameters", "artifacts"):
            for key, definition in component.get(side, {}).get(kind, {}).items():
                assert definition.get("description"), f"{name}: {key} has no description"


def test_outputs_are_typed() -> None:
    """The dashboard shows HTML, Markdown and Metrics for what they are."""
    kinds = {
        (name, key): definition["artifactType"]["schemaTitle"]
        for name in NAMES
        for key, definition in _golden(name)["root"]["outputDefinitions"]["artifacts"].items()
    }
    assert kinds == {
        ("stage_history", "summary"): "system.Markdown",
        ("validate", "accepted"): "system.Dataset",
        ("validate", "report"): "system.HTML",
        ("validate", "measured"): "system.Metrics",
        ("featurize", "panel"): "system.Dataset",
        ("featurize", "measured"): "system.Metrics",
        ("train", "model"): "system.Model",
        ("train", "summary"): "system.Markdown",
        ("train", "measured"): "system.Metrics",
        ("register", "registered"): "system.Artifact",
        ("register", "measured"): "system.Metrics",
        ("validate_model", "decision"): "system.Artifact",
        ("validate_model", "report"): "system.HTML",
        ("validate_model", "measured"): "system.Metrics",
        ("promote", "summary"): "system.Markdown",
        ("promote", "measured"): "system.Metrics",
        ("shard_learn", "learnt"): "system.Artifact",
        ("shard_learn", "part"): "system.Dataset",
        ("shard_train", "part"): "system.Dataset",
        ("shard_train", "measured"): "system.Metrics",
        ("shard_merge", "model"): "system.Model",
        ("shard_merge", "summary"): "system.Markdown",
        ("shard_merge", "measured"): "system.Metrics",
        ("monitor", "report"): "system.Artifact",
        ("monitor", "metrics_file"): "system.Artifact",
        ("monitor", "summary"): "system.Markdown",
        ("monitor", "measured"): "system.Metrics",
    }


def test_all_modules_import_inside_a_running_task() -> None:
    """In a task kfp has no decorators (`_KFP_RUNTIME=true`); no import may need them there."""
    program = (
        "import importlib, kfp.dsl, foresail.cli, foresail_pipelines.command\n"
        "assert not hasattr(kfp.dsl, 'component')\n"
        "from foresail_components import NAMES\n"
        "for name in NAMES:\n"
        "    importlib.import_module(f'foresail_components.{name}')\n"
        "print('imported')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"_KFP_RUNTIME": "true", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("imported\n", 0), done.stderr
