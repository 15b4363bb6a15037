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
        (["source=x", "sauce=y"], "the pipeline has no parameter 'sauce'; it has as_of, "),
        (["source=x", "days=many"], "expected number integer for days, got 'many'"),
        (["source=x", "days=1.5"], "expected number integer for days, got '1.5'"),
        (["source=x", "days=true"], "expected number integer for days, got 'true'"),
    ],
)
def test_a_wrong_value_is_told(pairs: list[str], told: str) -> None:
    """The message names the parameter and what came."""
    with pytest.raises(UsageError, match=told):
        specs.arguments(specs.load(FORECAST), pairs)


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
