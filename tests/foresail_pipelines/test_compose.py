"""Component libraries are shared as YAML: a new pipeline from those files alone."""

from pathlib import Path

from kfp import compiler, components, dsl

from foresail_pipelines import spec as specs
from foresail_pipelines.check import check
from foresail_pipelines.compiler import COMPILED


def test_a_new_pipeline_is_composed_from_the_component_files_alone(tmp_path: Path) -> None:
    """Two clusters go into one history, are trained and registered, without our package."""
    names = ("stage_history", "validate", "featurize", "train", "register")
    library = {
        name: components.load_component_from_file(str(COMPILED / "components" / f"{name}.yaml"))
        for name in names
    }

    @dsl.pipeline(name="two-clusters")
    def two_clusters(first: str, second: str, history_uri: str) -> None:
        stage = library["stage_history"]
        east = stage(source=first, history_uri=history_uri, cluster="east")
        east.set_caching_options(enable_caching=False)
        west = stage(source=second, history_uri=east.outputs["history_uri"], cluster="west")
        west.set_caching_options(enable_caching=False)
        validated = library["validate"](
            history_uri=west.outputs["history_uri"], history_digest=west.outputs["digest"]
        )
        panel = library["featurize"](accepted=validated.outputs["accepted"]).outputs["panel"]
        model = library["train"](panel=panel, horizons="next_day").outputs["model"]
        registered = library["register"](model=model, experiment="two")
        registered.set_caching_options(enable_caching=False)

    file = tmp_path / "two.yaml"
    compiler.Compiler().compile(two_clusters, str(file))
    spec = specs.load(file)
    assert check(spec) == ()
    assert sorted(spec["root"]["dag"]["tasks"]) == [
        "featurize",
        "register",
        "stage-history",
        "stage-history-2",
        "train",
        "validate",
    ]
