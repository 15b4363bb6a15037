"""A bundle as an MLflow model: models-from-code, so that nothing is pickled."""

import shutil
import warnings
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from foresail import __version__
from foresail.bundle import Bundle
from foresail.times import isoformat

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.entities import LoggedModel
    from mlflow.models import ModelSignature


def save_model(
    folder: Path, bundle_folder: Path, bundle: Bundle, *, model: "LoggedModel", run_id: str
) -> None:
    """Write a model folder that MLflow's UI explains and `mlflow models serve` answers from.

    Args:
        folder: Written; must not exist.
        bundle_folder: Copied to `artifacts/bundle` inside.
        bundle: The same, opened.
        model: MLflow's entry of the model, whose id goes into the folder.
        run_id: The run it belongs to.
    """
    staged = folder.parent / "bundle"  # MLflow names the artifact's folder after its source
    shutil.copytree(bundle_folder, staged)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"mlflow\.")  # its own deprecations and hints
        import mlflow.pyfunc  # noqa: PLC0415  # imports pandas, which the read side does without
        from mlflow.models.model import Model  # noqa: PLC0415  # as above

        mlflow.pyfunc.save_model(
            str(folder),
            mlflow_model=Model(
                artifact_path=model.artifact_location,
                run_id=run_id,
                model_uuid=model.model_id,
                model_id=model.model_id,
            ),
            python_model=str(Path(__file__).with_name("pyfunc.py")),
            artifacts={"bundle": str(staged)},
            signature=signature(),
            input_example=example(bundle),
            pip_requirements=[f"foresail[train]=={__version__}"],
        )
    shutil.rmtree(staged)


def signature() -> "ModelSignature":
    """Return the columns that go in and come out."""
    from mlflow.models import ModelSignature  # noqa: PLC0415  # slow to import
    from mlflow.types import ColSpec, Schema  # noqa: PLC0415  # as above
    from mlflow.types.schema import AnyType  # noqa: PLC0415  # as above

    asked = [
        ColSpec("string", "series"),
        ColSpec("string", "metric", required=False),
        ColSpec("string", "stat", required=False),
        # MLflow's own datetime refuses stamps with a zone, and ours have one; we check ds ourselves
        ColSpec(AnyType(), "ds"),
    ]
    answered = [
        ColSpec("string", "series"),
        ColSpec("datetime", "ds"),
        *(ColSpec("double", name) for name in ("p10", "p50", "p90")),
        ColSpec("string", "model"),
        ColSpec("long", "code"),
        ColSpec("string", "reason"),
    ]
    return ModelSignature(inputs=Schema(asked), outputs=Schema(answered))


def example(bundle: Bundle) -> "pd.DataFrame":
    """Return a question about the first two hours of the first series."""
    import pandas as pd  # noqa: PLC0415  # the read side does without

    first = bundle.index[0]
    start = bundle.manifest.trained_until
    return pd.DataFrame(
        {
            "series": [first.series] * 2,
            "metric": [first.metric] * 2,
            "stat": [first.stat] * 2,
            "ds": [isoformat(start), isoformat(start + timedelta(hours=1))],
        }
    )
