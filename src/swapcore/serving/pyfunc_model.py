"""The registered model as MLflow runs it ("models from code"): a script that MLflow executes; no module imports it."""

from pathlib import Path

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from swapcore.errors import UserError
from swapcore.inference.image_swapper import PhotographSwapper
from swapcore.provenance.credentials import signing_credentials
from swapcore.serving.requests import SwapRequest, answer


class ServedSwapper(PythonModel):
    """Pairs of photographs, or of aligned crops, in base64 to swapped pictures in base64."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the weights that were logged beside this script, and see that answers can be signed."""
        signing_credentials()
        self._swapper = PhotographSwapper(Path(context.artifacts["model"]))

    def predict(self, model_input: list[SwapRequest]) -> list[str]:  # type: ignore[override]  # the form that mlflow types
        """Swap each pair; the signature of the registered model is made from these types."""
        try:
            return answer(self._swapper, model_input)
        except UserError as error:
            raise MlflowException(str(error), INVALID_PARAMETER_VALUE) from None


mlflow.models.set_model(ServedSwapper())
