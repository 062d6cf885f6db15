"""Registering: one version with its tags and alias, files without pickle that a fresh process and a server can run."""

import base64
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import mlflow
import numpy as np
import pytest
import torch
from torch import nn

from swapcore.config import NetworkParams, RegisterParams, Section
from swapcore.data.artifact import artifact_digest, read_card, write_card
from swapcore.errors import ArtifactError, InputError, TrackingError
from swapcore.inference.models import locate_model, resolve_model, weights_digest
from swapcore.inference.requests import to_base64
from swapcore.inference.swapper import Swapper
from swapcore.ops.image import decode
from swapcore.stages import register
from swapcore.stages.register import HEADLINE, REGISTRATION, run
from swapcore.tracking import MODEL_TAG, TRAINING_TAG, track
from swapcore.tracking.store import tracking_uri
from tests.inference.small_model import SIZE_PX, write_model

PARAMS = RegisterParams(model_name="test-swap", bounds={})
ENVIRONMENT = ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_REGISTRY_URI")
DLIB = NetworkParams(kind="dlib", path=None, sha256=None)
FIGURES = {
    "identity/margin": 0.25,
    "identity/margin/low": 0.125,
    "identity/margin/high": 0.5,
    "outside/l1": 1.5,
    "other": 3,
}


class NoParams(Section):
    """Of the artifacts that other stages would have made."""


def write_artifacts(folder: Path, network: NetworkParams = DLIB, seed: int = 0) -> dict[str, Path]:
    """A model artifact and the report on it; the places that run() takes."""
    model = write_model(folder / "model", network, seed)
    write_card(model, "model", NoParams(), inputs={"groups": "g" * 64}, counts={})
    report = folder / "report"
    report.mkdir()
    (report / "metrics.json").write_text(json.dumps(FIGURES))
    inputs = {"model": artifact_digest(model), "faces": "f" * 64}
    write_card(report, "report", NoParams(), inputs=inputs, counts={}, facts={"judge": "self-judged, jittered"})
    return {"model": model, "report": report, "registration": folder / "registration"}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@dataclass(frozen=True)
class Registered:
    """A model that was trained, tracked and registered, and where."""

    uri: str
    ports: dict[str, Path]
    returned: dict[str, float]


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Registered:
    """One registration that several tests look at."""
    folder = tmp_path_factory.mktemp("registered")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in ENVIRONMENT:
            patch.delenv(name, raising=False)
        ports = write_artifacts(folder)
        with track("train", {TRAINING_TAG: "t"}, resume="no") as tracker:
            tracker.set_tags({MODEL_TAG: artifact_digest(ports["model"])})
        return Registered(tracking_uri(), ports, run(PARAMS, **ports))


def client(uri: str = "") -> mlflow.MlflowClient:
    return mlflow.MlflowClient(tracking_uri=uri or tracking_uri())


def crops(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (1, SIZE_PX, SIZE_PX, 3), dtype=np.uint8)


REQUEST = {"source": to_base64(crops(1)[0]), "template": to_base64(crops(2)[0]), "aligned": True}


def test_a_registered_version_is_fetched_once_by_alias_or_number(registered, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registered.uri)
    model = registered.ports["model"]
    found = resolve_model("models:/test-swap@challenger", tmp_path)
    assert (found.name, found.version, found.digest) == ("test-swap", "1", artifact_digest(model))
    assert weights_digest(found.folder) == weights_digest(model)
    assert Swapper(found.folder).size_px == Swapper(model).size_px
    before = (found.folder / "weights.safetensors").stat().st_mtime_ns
    assert resolve_model("models:/test-swap/1", tmp_path) == found
    assert (found.folder / "weights.safetensors").stat().st_mtime_ns == before


@pytest.mark.parametrize("unknown", ["models:/other@challenger", "models:/test-swap@champion", "models:/test-swap/7"])
def test_a_model_that_nobody_registered_is_one_line(registered, tmp_path, monkeypatch, unknown):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registered.uri)
    with pytest.raises(InputError) as caught:
        locate_model(unknown, tmp_path)
    assert unknown in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_version_knows_where_it_comes_from_and_how_good_it_is(registered):
    ports, digest = registered.ports, artifact_digest(registered.ports["model"])
    assert registered.returned == {"register/version": 1}
    version = client(registered.uri).get_model_version_by_alias("test-swap", "challenger")
    training = client(registered.uri).get_run(version.run_id)
    logged = client(registered.uri).get_logged_model(version.source.removeprefix("models:/"))
    assert (logged.source_run_id, logged.experiment_id) == (version.run_id, training.info.experiment_id)
    assert training.data.tags[TRAINING_TAG] == "t"
    assert training.info.status == "FINISHED"
    assert version.tags == {
        "swapcore.model": digest,
        "swapcore.report": artifact_digest(ports["report"]),
        "swapcore.groups": "g" * 64,
        "swapcore.faces": "f" * 64,
        "swapcore.version": read_card(ports["model"], "model").swapcore_version,
        "swapcore.code": register.code_digest(),
        "swapcore.judge": "self-judged, jittered",
        "identity/margin": "0.25",
        "identity/margin/low": "0.125",
        "identity/margin/high": "0.5",
        "outside/l1": "1.5",
    }
    expected = {"name": "test-swap", "version": "1", "run": version.run_id, "alias": "challenger"}
    assert json.loads((ports["registration"] / REGISTRATION).read_text()) == expected
    assert read_card(ports["registration"], "registration").inputs["model"] == digest


def test_the_same_model_is_registered_once_and_another_becomes_the_challenger(workspace, monkeypatch):
    first = write_artifacts(workspace / "first")
    assert run(PARAMS, **first) == run(PARAMS, **first) == {"register/version": 1}
    assert run(PARAMS, **write_artifacts(workspace / "second", seed=1)) == {"register/version": 2}
    monkeypatch.setattr(register, "code_digest", lambda: "c" * 64)  # the code changed: so does what is registered
    assert run(PARAMS, **first) == {"register/version": 3}
    assert client().get_model_version_by_alias("test-swap", "challenger").version in (3, "3")
    runs = {v.run_id for v in client().search_model_versions("name = 'test-swap'")}
    assert len(runs) == 2  # nobody tracked their training: each got a run of its own
    assert len({client().get_run(run_id).data.tags[MODEL_TAG] for run_id in runs}) == 2


LOAD = """
    import json, sys
    import mlflow
    sys.path[:] = [path for path in sys.path if not path.endswith("src")]  # the code comes with the model
    model = mlflow.pyfunc.load_model("models:/test-swap@challenger")
    answers = model.predict([json.loads(sys.stdin.read())])
    import swapcore
    loaded = {name.partition(".")[0] for name in sys.modules}
    print(json.dumps({"answers": answers, "code": swapcore.__file__, "loaded": sorted(loaded)}))
"""


@pytest.mark.slow
def test_a_fresh_process_runs_it_without_pickle_and_without_our_package(registered):
    environment = os.environ | {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false", "MLFLOW_TRACKING_URI": registered.uri}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LOAD)],
        input=json.dumps(REQUEST), capture_output=True, text=True, timeout=300, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout.splitlines()[-1])
    expected = Swapper(registered.ports["model"]).swap(crops(1), crops(2))[0]
    assert np.array_equal(decode(base64.b64decode(said["answers"][0])), expected)
    assert "/code/" in said["code"]
    assert not {"torchvision", "boto3"} & set(said["loaded"])


def test_its_files_are_the_weights_the_configuration_and_code(registered):
    folder = Path(mlflow.artifacts.download_artifacts("models:/test-swap/1", tracking_uri=registered.uri))
    artifacts = sorted(path.name for path in (folder / "artifacts").rglob("*") if path.is_file())
    assert artifacts == ["model.json", "recogniser.json", "weights.safetensors"]
    assert not [path for path in folder.rglob("*") if path.suffix in {".pkl", ".pickle", ".pth", ".pt", ".pyc"}]
    pinned = (folder / "requirements.txt").read_text().split()
    assert f"torch=={torch.__version__.partition('+')[0]}" in pinned
    assert all("==" in line for line in pinned)
    assert json.loads((folder / "input_example.json").read_text())
    assert mlflow.models.Model.load(folder).signature.inputs is not None


class ToyEmbedding(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x.mean((2, 3)), x.std((2, 3))], 1)


def test_a_recogniser_of_the_users_own_travels_with_the_model(workspace):
    path = workspace / "own.pt"
    torch.jit.script(ToyEmbedding()).save(str(path))
    own = NetworkParams(kind="torchscript", path=path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    ports = write_artifacts(workspace / "artifacts", own)
    expected = Swapper(ports["model"]).swap(crops(1), crops(2))[0]
    run(PARAMS, **ports)
    path.unlink()
    answers = mlflow.pyfunc.load_model("models:/test-swap/1").predict([REQUEST])
    assert np.array_equal(decode(base64.b64decode(answers[0])), expected)


def test_a_report_on_another_model_is_refused(workspace):
    ports = write_artifacts(workspace / "one")
    other = write_artifacts(workspace / "other", seed=1)
    with pytest.raises(ArtifactError, match=r"judges another model than .*; run evaluate again"):
        run(PARAMS, **{**ports, "report": other["report"]})
    assert not ports["registration"].exists()


@pytest.mark.parametrize("content", [None, "", "[1]", '{"identity/margin": "high"}'])
def test_figures_that_cannot_be_read_are_refused(workspace, content):
    ports = write_artifacts(workspace)
    path = ports["report"] / "metrics.json"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(ArtifactError, match="cannot be read as figures by name; run evaluate again"):
        run(PARAMS, **ports)


@pytest.mark.parametrize("name", ["model", "report"])
def test_a_missing_input_is_named(workspace, name):
    ports = write_artifacts(workspace)
    shutil.rmtree(ports[name])
    with pytest.raises(ArtifactError, match=str(ports[name])):
        run(PARAMS, **ports)


def test_a_registry_that_is_down_ends_in_one_line_without_the_password(workspace, monkeypatch):
    ports = write_artifacts(workspace)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://user:secret@127.0.0.1:{port}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(TrackingError) as caught:
        run(PARAMS, **ports)
    line = str(caught.value)
    assert line.startswith(f"model registry http://127.0.0.1:{port}: ")
    assert line.endswith("then run register again")
    assert "secret" not in line
    assert "\n" not in line
    assert not ports["registration"].exists()


def test_only_figures_of_the_model_itself_become_tags(workspace):
    card = read_card(write_artifacts(workspace)["model"], "model")
    figures = dict.fromkeys(
        (f"{who}{name}{part}" for who in ("", "teacher/") for name in HEADLINE for part in ("", "/low")), 1.0
    )
    tags = register.version_tags({}, card, card, figures)
    assert {name for name in tags if "/" in name} == {f"{name}{part}" for name in HEADLINE for part in ("", "/low")}
