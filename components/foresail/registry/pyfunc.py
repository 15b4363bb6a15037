"""The file that MLflow runs when it loads a version (models-from-code). Holds no logic."""

from pathlib import Path

import mlflow.models
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PythonModel, PythonModelContext

from foresail.errors import BadInput
from foresail.registry.answers import Answers, without_nan


class ForecastModel(PythonModel):  # type: ignore[misc]  # mlflow publishes no types
    """Answers rows (series, [metric], [stat], ds) with quantiles."""

    def load_context(self, context: PythonModelContext) -> None:
        """Verify and map the bundle."""
        self.answers = Answers.open(Path(context.artifacts["bundle"]))

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002  # MLflow's signature
        model_input: pd.DataFrame,
        params: dict[str, object] | None = None,  # noqa: ARG002  # as above
    ) -> pd.DataFrame:
        """Return series, ds, p10, p50, p90, model, code and reason, row by row."""
        try:
            return without_nan(self.answers.to(model_input))
        except BadInput as error:
            # the scoring server answers 400 with the sentence, instead of a trace
            raise MlflowException.invalid_parameter_value(str(error)) from error


mlflow.models.set_model(ForecastModel())
