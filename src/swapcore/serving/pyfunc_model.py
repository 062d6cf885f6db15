"""The registered model as an MLflow "model from code" script."""

import os
from pathlib import Path

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from swapcore.errors import UserError
from swapcore.inference.image_swapper import Swapper
from swapcore.provenance.credentials import signing_credentials
from swapcore.serving.requests import SwapRequest, respond


class ServedSwapper(PythonModel):
    """Swaps pairs of images, or of aligned crops, in base64."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the weights that were logged with this script, and check that results can be signed."""
        signing_credentials()
        self._swapper = Swapper(Path(context.artifacts["model"]), os.environ.get("SWAPCORE_DEVICE", "cpu"))

    def predict(self, model_input: list[SwapRequest]) -> list[str]:  # type: ignore[override]  # MLflow reads these types
        """Swap each pair; MLflow derives the signature of the registered model from these types."""
        try:
            return respond(self._swapper, model_input)
        except UserError as error:
            raise MlflowException(str(error), INVALID_PARAMETER_VALUE) from None


mlflow.models.set_model(ServedSwapper())
