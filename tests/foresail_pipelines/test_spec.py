"""Reading compiled YAML, and the values of its parameters from text."""

from pathlib import Path

import pytest

from foresail.errors import BadInput, NotFound, UsageError
from foresail_pipelines import spec as specs
from foresail_pipelines.compiler import FORECAST


def test_values_take_the_type_of_their_parameter() -> None:
    """A number stays a number, and text stays text whatever it looks like."""
    spec = specs.load(FORECAST)
    pairs = ["source=a=b", "days=30", "changepoint_prior_scale=0.5", "experiment=7"]
    assert specs.arguments(spec, pairs) == {
        "source": "a=b",
        "days": 30,
        "changepoint_prior_scale": 0.5,
        "experiment": "7",
    }


@pytest.mark.parametrize(
    ("pairs", "told"),
    [
        ([], "needs a value for source"),
        (["source"], "expected name=value, got 'source'"),
        (
            ["source=x", "sauce=y"],
            "the pipeline has no parameter 'sauce'; it has allow_partial, as_of, ",
        ),
        (["source=x", "days=many"], "expected number integer for days, got 'many'"),
        (["source=x", "days=1.5"], "expected number integer for days, got '1.5'"),
        (["source=x", "days=true"], "expected number integer for days, got 'true'"),
    ],
)
def test_a_wrong_value_is_told(pairs: list[str], told: str) -> None:
    """The message names the parameter and what came."""
    with pytest.raises(UsageError, match=told):
        specs.arguments(specs.load(FORECAST), pairs)


@pytest.mark.parametrize(
    ("pair", "told"),
    [
        ("source=http://u:canary123@host", "source holds what looks like a secret"),
        ("source=https://canary123@host/x", "source holds what looks like a secret"),
        ("source=https://host?token=canary123", "source holds what looks like a secret"),
        ("tracking_uri=http://:canary123@host", "tracking_uri holds what looks like a secret"),
        (f"experiment=AKIA{'CANARY1230000000'}", "experiment holds what looks like a secret"),
        ("http://u:canary123@host", "a parameter holds what looks like a secret"),
        ("prometheus_token=canary123", "a parameter holds what looks like a secret"),
    ],
)
def test_a_secret_is_no_parameter(pair: str, told: str) -> None:
    """A run, or Kubeflow, would keep it; the message does not repeat it."""
    with pytest.raises(UsageError, match=told) as caught:
        specs.arguments(specs.load(FORECAST), ["source=x", pair])
    assert "canary123" not in str(caught.value).lower()
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize(
    ("pair", "told"),
    [
        ("horizons=foo", "unknown horizon 'foo'; use one of next_day, next_week, next_month"),
        ("scopes=node,pods", "unknown scope 'pods'; use some of cluster, node"),
        ("as_of=yesterday", "expected a time such as 2026-11-21T08:00:00Z, got 'yesterday'"),
        ("as_of=2026-11-21T08:30:00Z", "expected a full hour such as"),
        ("promotion=shadow", "promotion must be auto or forecast-only, got 'shadow'"),
        ("windows=0", r"windows must be 1 or more \(3 to be measured\), got 0"),
        ("weekly_seasonality=yes", "weekly_seasonality must be auto, true or false, got 'yes'"),
        ("changepoint_prior_scale=0", "changepoint_prior_scale must be above 0 and finite, got 0"),
        ("holidays_country=Narnia", "no holidays are known for 'Narnia'"),
    ],
)
def test_a_value_that_a_task_would_refuse_is_refused_first(pair: str, told: str) -> None:
    """Not after the history has been staged."""
    with pytest.raises(UsageError, match=told):
        specs.arguments(specs.load(FORECAST), ["source=x", pair])


def test_a_partial_answer_and_a_seed_are_parameters() -> None:
    """With the defaults of the components that take them."""
    known = specs.parameters(specs.load(FORECAST))
    assert known["allow_partial"]["defaultValue"] is False
    assert known["seed"]["defaultValue"] == 0
    tasks = specs.load(FORECAST)["root"]["dag"]["tasks"]
    for task, name in (("stage-history", "allow_partial"), ("train", "seed")):
        assert tasks[task]["inputs"]["parameters"][name] == {"componentInputParameter": name}


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """With the command that writes one."""
    with pytest.raises(NotFound, match=r"no such file: .*gone.yaml; write it with `foresail pipe"):
        specs.load(tmp_path / "gone.yaml")


@pytest.mark.parametrize("text", ["", "a: [", "kind: Pod", "[1]"])
def test_other_yaml_is_told(tmp_path: Path, text: str) -> None:
    """A Kubernetes object, say, is no compiled pipeline."""
    file = tmp_path / "x.yaml"
    file.write_text(text)
    with pytest.raises(BadInput, match=r"expected (a )?compiled pipeline"):
        specs.load(file)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{pipelineInfo: {name: x}, components: {}, root: {}}", "root.dag, which is missing"),
        ("{pipelineInfo: {}, components: {}, root: {dag: {}}}", "pipelineInfo.name, which is miss"),
        ("{pipelineInfo: {name: x}, components: {}, root: 1}", "names and values at root, got int"),
        (
            "{pipelineInfo: {name: x}, components: {a: []}, root: {dag: {}}}",
            "names and values at components.a, got list",
        ),
        (
            "{pipelineInfo: {name: x}, components: {}, root: {dag: {tasks: {t: }}}}",
            "names and values at root.dag.tasks.t, got NoneType",
        ),
        (
            (
                "{pipelineInfo: {name: x}, components: {}, "
                "root: {dag: {tasks: {t: {dependentTasks: 1}}}}}"
            ),
            "a list at root.dag.tasks.t.dependentTasks, got int",
        ),
        (
            (
                "{pipelineInfo: {name: x}, components: {}, root: {dag: {}}, "
                "deploymentSpec: {executors: {e: {container: {image: 3}}}}}"
            ),
            "a text at deploymentSpec.executors.e.container.image, got int",
        ),
    ],
)
def test_a_pipeline_of_another_shape_is_told(tmp_path: Path, text: str, told: str) -> None:
    """The message names the first place that is not as it must be."""
    file = tmp_path / "x.yaml"
    file.write_text(text)
    with pytest.raises(BadInput, match=f"expected a compiled pipeline in .*: {told}"):
        specs.load(file)
