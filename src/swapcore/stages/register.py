"""Enter a judged model in the MLflow registry, with its figures and where it comes from as tags."""

import hashlib
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np

import swapcore
from swapcore.config import InputPath, OutputPath, RegisterParams
from swapcore.data.artifact import Card, artifact_digest, building, file_digest, read_card, write_card
from swapcore.data.recogniser_file import read_recogniser_file, write_recogniser_file
from swapcore.errors import ArtifactError
from swapcore.inference.requests import to_base64
from swapcore.models.artifact import CONFIGURATION, WEIGHTS, read_configuration
from swapcore.tracking.registry import MODEL_TAG, Packaged, Version, register_version

REGISTRATION = "registration.json"
METRICS = "metrics.json"
ALIAS = "challenger"
CODE = Path(swapcore.__file__).parent
HEADLINE = (
    "identity/cosine_source", "identity/cosine_template", "identity/margin", "identity/gain", "identity/top1",
    "truth/psnr_face", "attributes/landmark_error", "outside/l1", "failures/no_face", "realism/kid",
)  # fmt: skip
"""Figures of metrics.json that become tags, with their intervals, where the report has them."""
REQUIREMENTS = (
    "dlib-bin", "face_recognition_models", "mlflow", "numpy", "opencv-python-headless", "pillow", "pyarrow", "pydantic", "pyyaml",
    "safetensors", "torch", "tqdm",
)  # fmt: skip
"""What the served code imports; onnxruntime and torchvision only where the recogniser asks for them."""


def run(params: RegisterParams, *, model: InputPath, report: InputPath, registration: OutputPath) -> dict[str, float]:
    """Register a model.

    Args:
        params: the section register.
        model: the model artifact.
        report: the report on this very model.
        registration: the artifact to write: name, version and run in registration.json.

    Returns:
        register/version.

    Raises:
        ArtifactError: an input is missing or damaged, or the report judges another model.
        TrackingError: the registry refused or could not be reached.
    """
    model_card, report_card = read_card(model, "model"), read_card(report, "report")
    digests = {"model": artifact_digest(model), "report": artifact_digest(report)}
    if report_card.inputs.get("model") != digests["model"]:
        raise ArtifactError(f"{report}: judges another model than {model}; run evaluate again")
    tags = version_tags(digests, model_card, report_card, read_figures(report))
    with tempfile.TemporaryDirectory() as folder:
        version = register_version(
            params.model_name,
            package(model, Path(folder) / "model"),
            run_tags={MODEL_TAG: digests["model"]},
            tags=tags,
            alias=ALIAS,
        )
    with building(registration) as partial:
        _write(partial, version)
        write_card(partial, "registration", params, inputs=digests, counts={"version": int(version.version)})
    return {"register/version": float(version.version)}


def read_figures(report: Path) -> dict[str, float]:
    """The report's figures by name.

    Raises:
        ArtifactError: metrics.json is missing or holds something else.
    """
    path = report / METRICS
    try:
        return {str(name): float(value) for name, value in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        raise ArtifactError(f"{path}: cannot be read as figures by name; run evaluate again") from None


def version_tags(digests: dict[str, str], model: Card, report: Card, figures: dict[str, float]) -> dict[str, str]:
    """Where the model comes from, who judged it, and how well it did."""
    inputs = {"groups": model.inputs.get("groups", ""), "faces": report.inputs.get("faces", "")}
    headline = {
        name + part: figures[name + part]
        for name in HEADLINE
        for part in ("", "/low", "/high")
        if name + part in figures
    }
    return {
        **{f"swapcore.{port}": digest for port, digest in {**digests, **inputs}.items()},
        "swapcore.version": model.swapcore_version,
        "swapcore.code": code_digest(),
        "swapcore.judge": str(report.facts.get("judge", "")),
        **{name: f"{value:.6g}" for name, value in headline.items()},
    }


def code_digest() -> str:
    """SHA-256 (hex) over the package's Python files, which travel with the model: other code makes another version."""
    digest = hashlib.sha256()
    for path in sorted(CODE.rglob("*.py")):
        digest.update(f"{path.relative_to(CODE).as_posix()}\0{file_digest(path)}\n".encode())
    return digest.hexdigest()


def package(model: Path, folder: Path) -> Packaged:
    """Lay out what the registered model needs in a folder: weights, configuration, and the recogniser's own file if it has one."""
    folder.mkdir()
    for name in (WEIGHTS, CONFIGURATION):
        shutil.copyfile(model / name, folder / name)
    recogniser = read_recogniser_file(model)
    if recogniser.network.path is not None:
        carried = Path(f"recogniser{recogniser.network.path.suffix}")
        shutil.copyfile(recogniser.network.path, folder / carried)
        recogniser = recogniser._replace(network=recogniser.network.model_copy(update={"path": carried}))
    write_recogniser_file(folder, recogniser)
    return Packaged(
        script=CODE / "inference" / "served.py",
        files=folder,
        code=CODE,
        requirements=[*REQUIREMENTS, *(["onnxruntime"] if recogniser.network.kind == "onnx" else [])],
        example=[_example_pair(read_configuration(model).size_px)],
    )


def _example_pair(size_px: int) -> dict[str, str | bool]:
    """Two plain crops: a request's form, and nobody's face."""
    source, template = (to_base64(np.full((size_px, size_px, 3), grey, np.uint8)) for grey in (96, 160))
    return {"source": source, "template": template, "aligned": True}


def _write(folder: Path, version: Version) -> None:
    document = {"name": version.name, "version": version.version, "run": version.run_id, "alias": ALIAS}
    (folder / REGISTRATION).write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")
