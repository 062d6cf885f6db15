"""Packaging of a model for the registry: files, requirements, example request."""

import json
import shutil
from pathlib import Path

import numpy as np

from swapcore.data.artifact import CARD
from swapcore.data.lineage import LINEAGE
from swapcore.data.recognizer_file import read_recognizer_file, write_recognizer_file
from swapcore.hub.references import NAMED, resolve_model
from swapcore.models.artifact import CONFIGURATION, WEIGHTS, read_configuration
from swapcore.registry.digests import CODE
from swapcore.registry.model_card import MODEL_CARD
from swapcore.serving.requests import to_base64
from swapcore.tracking.packaging import ModelPackage

REQUIREMENTS = (
    "c2pa-python", "cryptography", "dlib-bin", "face_recognition_models", "mlflow", "numpy", "opencv-python-headless", "pillow",
    "pyarrow", "pydantic", "pyyaml", "safetensors", "scipy", "torch", "tqdm",
)  # fmt: skip
"""Imports of the served code; onnxruntime is added for ONNX recognizers."""


def package(model: Path, folder: Path, card: str, name: str) -> ModelPackage:
    """Copy what the registered model needs: weights, configuration, model card, recognizer, card and lineage.

    With its card and lineage a registered model can be evaluated and can teach.

    Args:
        model: the model artifact.
        folder: where to write the files; created.
        card: the model card, Markdown.
        name: name of the registered model.
    """
    folder.mkdir()
    for file in (WEIGHTS, CONFIGURATION):
        shutil.copyfile(model / file, folder / file)
    if (model / CARD).is_file():
        shutil.copyfile(model / CARD, folder / CARD)
    if (model / LINEAGE).is_dir():
        shutil.copytree(model / LINEAGE, folder / LINEAGE)
    named = {"name": name, "digest": resolve_model(model).digest}
    (folder / NAMED).write_text(json.dumps(named, sort_keys=True) + "\n", encoding="utf-8")
    (folder / MODEL_CARD).write_text(card, encoding="utf-8")
    return ModelPackage(
        script=CODE / "serving" / "pyfunc_model.py",
        files=folder,
        code=CODE,
        requirements=[*REQUIREMENTS, *(["onnxruntime"] if _copy_recognizer(model, folder) == "onnx" else [])],
        example=[_example_pair(read_configuration(model).composed_px)],
    )


def _copy_recognizer(model: Path, folder: Path) -> str:
    """Copy the recognizer's description and, for a user's network, its file; return its kind."""
    recognizer = read_recognizer_file(model)
    if recognizer.network.path is not None:
        copied = Path(f"recognizer{recognizer.network.path.suffix}")
        shutil.copyfile(recognizer.network.path, folder / copied)
        recognizer = recognizer._replace(network=recognizer.network.model_copy(update={"path": copied}))
    write_recognizer_file(folder, recognizer)
    return recognizer.network.kind


def _example_pair(size_px: int) -> dict[str, str | bool]:
    """Return an example request with two uniform crops."""
    source, template = (to_base64(np.full((size_px, size_px, 3), gray, np.uint8)) for gray in (96, 160))
    return {"source": source, "template": template, "aligned": True}
