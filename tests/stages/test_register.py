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

from swapcore.config import NetworkParams
from swapcore.data.artifact import artifact_digest, file_digest, read_card
from swapcore.data.facts import ModelFacts, ReportFacts
from swapcore.errors import ArtifactError, InputError, TrackingError
from swapcore.hub.crop_swapper import CropSwapper
from swapcore.hub.references import locate_model, resolve_model, weights_digest
from swapcore.ops.image import decode
from swapcore.registry import registration
from swapcore.registry.page import HEADLINE
from swapcore.registry.registration import REGISTRATION
from swapcore.serving.requests import to_base64
from swapcore.stages.register import run
from swapcore.tracking import MODEL_TAG, TRAINING_TAG, track
from swapcore.tracking.store import tracking_uri
from tests.inference.small_model import SIZE_PX
from tests.registry.small_reports import PARAMS, make_rows, model_faces, write_ports
from tests.stores import empty_store

ENVIRONMENT = ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_REGISTRY_URI", "SWAPCORE_IMAGE")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "mlflow.db").write_bytes(empty_store())
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
        ports = write_ports(folder)
        with track("train", {TRAINING_TAG: "t"}, resume="no") as tracker:
            tracker.set_tags({MODEL_TAG: artifact_digest(ports["model"])})
        return Registered(tracking_uri(), ports, run(PARAMS, **ports))


def client(uri: str = "") -> mlflow.MlflowClient:
    return mlflow.MlflowClient(tracking_uri=uri or tracking_uri())


def crops(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (1, SIZE_PX, SIZE_PX, 3), dtype=np.uint8)


REQUEST = {"source": to_base64(crops(1)[0]), "template": to_base64(crops(2)[0]), "aligned": True}


def test_registered_version_is_fetched_once(registered, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registered.uri)
    model = registered.ports["model"]
    found = resolve_model("models:/test-swap@challenger", tmp_path)
    assert (found.name, found.version, found.digest) == ("test-swap", "1", artifact_digest(model))
    assert weights_digest(found.folder) == weights_digest(model)
    assert CropSwapper(found.folder).size_px == CropSwapper(model).size_px
    before = (found.folder / "weights.safetensors").stat().st_mtime_ns
    assert resolve_model("models:/test-swap/1", tmp_path) == found
    assert read_card(found.folder, "model") == read_card(registered.ports["model"], "model")
    assert artifact_digest(found.folder) == found.digest
    assert (found.folder / "weights.safetensors").stat().st_mtime_ns == before


@pytest.mark.parametrize("unknown", ["models:/other@challenger", "models:/test-swap@missing", "models:/test-swap/7"])
def test_unknown_model_raises_one_line(registered, tmp_path, monkeypatch, unknown):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registered.uri)
    with pytest.raises(InputError) as caught:
        locate_model(unknown, tmp_path)
    assert unknown in str(caught.value)
    assert "\n" not in str(caught.value)


def test_version_tags_have_lineage_and_metrics(registered):
    ports, digest = registered.ports, artifact_digest(registered.ports["model"])
    assert registered.returned == {"register/version": 1, "register/champion": 1}
    version = client(registered.uri).get_model_version_by_alias("test-swap", "challenger")
    training = client(registered.uri).get_run(version.run_id)
    logged = client(registered.uri).get_logged_model(version.source.removeprefix("models:/"))
    assert (logged.source_run_id, logged.experiment_id) == (version.run_id, training.info.experiment_id)
    assert training.data.tags[TRAINING_TAG] == "t"
    assert training.info.status == "FINISHED"
    metrics = json.loads((ports["report"] / "metrics.json").read_text())
    headline = {
        name: f"{value:.6g}"
        for name, value in metrics.items()
        if name.removesuffix("/low").removesuffix("/high") in HEADLINE
    }
    history = json.loads(version.tags.pop("swapcore.history.0001"))
    assert (history["version"], history["replaced"], history["how"]) == ("1", None, "gate")
    assert json.loads(version.tags.pop("gate.decision"))["outcome"] == "champion"
    assert version.tags == {
        "swapcore.model": digest,
        "swapcore.report": artifact_digest(ports["report"]),
        "swapcore.groups": read_card(ports["model"], "model").inputs["groups"],
        "swapcore.faces": model_faces(ports["model"]),
        "swapcore.version": read_card(ports["model"], "model").swapcore_version,
        "swapcore.code": registration.code_digest(),
        "swapcore.weights": file_digest(ports["model"] / "weights.safetensors"),
        "swapcore.teacher": "warp 1",
        "swapcore.recognizer": "self-evaluated, jittered",
        "gate.outcome": "champion",
        "gate.reason": "the first version, and within register.bounds",
        **headline,
    }
    expected = {"name": "test-swap", "version": "1", "run": version.run_id, "alias": "challenger"}
    assert json.loads((ports["registration"] / REGISTRATION).read_text()) == expected
    assert read_card(ports["registration"], "registration").inputs["model"] == digest


def test_same_model_is_registered_once(workspace, monkeypatch):
    first = write_ports(workspace / "first")
    assert run(PARAMS, **first) == run(PARAMS, **first) == {"register/version": 1, "register/champion": 1}
    other = write_ports(workspace / "second", seed=1)
    assert run(PARAMS, **other) == {"register/version": 2, "register/champion": 0}
    monkeypatch.setattr(registration, "code_digest", lambda: "c" * 64)  # the code changed: so does what is registered
    assert run(PARAMS, **first)["register/version"] == 3
    assert client().get_model_version_by_alias("test-swap", "challenger").version in (3, "3")
    assert "served code" in client().get_model_version("test-swap", "3").tags["gate.reason"]  # not what it says
    runs = {v.run_id for v in client().search_model_versions("name = 'test-swap'")}
    assert len(runs) == 2  # the trainings were not tracked: each model got a new run
    assert len({client().get_run(run_id).data.tags[MODEL_TAG] for run_id in runs}) == 2


def test_better_model_becomes_champion(workspace):
    for name, margin, seed in (("first", 0.25, 0), ("worse", 0.0, 1), ("better", 0.5, 2)):
        ports = write_ports(workspace / name, make_rows(margin), seed)
        run(PARAMS, **ports)
        decision = json.loads((ports["registration"] / "decision.json").read_text())
        page = (ports["registration"] / "report.html").read_text()
        assert decision["reason"].split(", and")[0] in page
        assert "champion, version 1" in page or name == "first"
    champion = client().get_model_version_by_alias("test-swap", "champion")
    assert champion.version in (3, "3")
    tags = {number: client().get_model_version("test-swap", number).tags for number in "123"}
    assert [tags[number]["gate.outcome"] for number in "123"] == ["champion", "challenger", "champion"]
    margin = json.loads(tags["2"]["gate.decision"])["lines"][0]
    assert (margin["name"], margin["passed"]) == ("identity/margin", False)
    assert (margin["challenger"], margin["gain"]) == pytest.approx((margin["champion"] - 0.25, -0.25))
    logged = Path(client().download_artifacts(champion.run_id, "report.html")).read_text()
    assert "Champion (version 3): better than version 1: identity/margin by 0.25" in logged


def test_model_outside_the_bounds_is_not_registered(workspace):
    ports = write_ports(workspace, make_rows(gain=-0.5))
    assert run(PARAMS, **ports) == {"register/version": 0, "register/champion": 0}
    assert json.loads((ports["registration"] / REGISTRATION).read_text())["version"] is None
    page = (ports["registration"] / "report.html").read_text()
    assert "Not registered: identity/gain = -0.5 is outside 0.0 to None" in page
    assert client().search_registered_models() == []


def test_uncommitted_changes_are_rejected_unless_allowed(workspace, monkeypatch):
    ports = write_ports(workspace / "artifacts")
    monkeypatch.setattr(
        registration, "origin", lambda stage: {"swapcore.git_dirty": "true", "mlflow.source.git.commit": "a" * 40}
    )
    with pytest.raises(InputError, match=r"the code has uncommitted changes.*register\.allow_dirty=true"):
        run(PARAMS, **ports)
    run(PARAMS.model_copy(update={"allow_dirty": True}), **ports)
    tags = client().get_model_version("test-swap", "1").tags
    assert (tags["swapcore.git_dirty"], tags["swapcore.commit"]) == ("true", "a" * 40)


def test_training_with_uncommitted_changes_is_rejected(workspace):
    ports = write_ports(workspace / "artifacts")
    with track("train", {}, resume="no") as tracker:
        tracker.set_tags({MODEL_TAG: artifact_digest(ports["model"]), "swapcore.git_dirty": "true"})
    with pytest.raises(
        InputError, match=r"the training used code with uncommitted changes.*dvc repro --force --single-item train"
    ):
        run(PARAMS, **ports)


LOAD = """
    import json, sys
    import mlflow
    sys.path[:] = [path for path in sys.path if not path.endswith("src")]  # the code comes with the model
    model = mlflow.pyfunc.load_model("models:/test-swap@challenger")
    predictions = model.predict([json.loads(sys.stdin.read())])
    import swapcore
    loaded = {name.partition(".")[0] for name in sys.modules}
    print(json.dumps({"predictions": predictions, "code": swapcore.__file__, "loaded": sorted(loaded)}))
"""


@pytest.mark.slow
def test_package_runs_in_a_new_process_without_pickle_and_swapcore(registered):
    environment = os.environ | {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false", "MLFLOW_TRACKING_URI": registered.uri}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LOAD)],
        input=json.dumps(REQUEST), capture_output=True, text=True, timeout=300, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    said = json.loads(done.stdout.splitlines()[-1])
    expected = CropSwapper(registered.ports["model"]).swap_crops(crops(1), crops(2))[0]
    assert np.array_equal(decode(base64.b64decode(said["predictions"][0])), expected)
    assert "/code/" in said["code"]
    assert not {"torchvision", "boto3"} & set(said["loaded"])


def test_package_files(registered):
    folder = Path(mlflow.artifacts.download_artifacts("models:/test-swap/1", tracking_uri=registered.uri))
    files = {
        path.relative_to(folder / "artifacts/model").as_posix()
        for path in folder.rglob("artifacts/**/*")
        if path.is_file()
    }
    lineage = {name for name in files if name.startswith("lineage/")}
    assert {"lineage/groups.json", "lineage/faces.json"} <= lineage
    assert files - lineage == {
        "README.md", "card.json", "model.json", "named.json", "recognizer.json", "weights.safetensors"
    }  # fmt: skip
    card = (folder / "artifacts/model/README.md").read_text()
    assert card == client(registered.uri).get_model_version("test-swap", "1").description
    for words in (
        "Intended use",
        "Basis: signed. Licence: CC0.",
        "Margin (higher is better)",
        "## Limits",
        "self-evaluated",
    ):
        assert words in card
    assert not [path for path in folder.rglob("*") if path.suffix in {".pkl", ".pickle", ".pth", ".pt", ".pyc"}]
    pinned = (folder / "requirements.txt").read_text().split()
    assert f"torch=={torch.__version__.partition('+')[0]}" in pinned
    assert all("==" in line for line in pinned)
    assert json.loads((folder / "input_example.json").read_text())
    assert mlflow.models.Model.load(folder).signature.inputs is not None


class ToyEmbedding(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x.mean((2, 3)), x.std((2, 3))], 1)


def test_user_recognizer_is_packaged(workspace):
    path = workspace / "own.pt"
    torch.jit.script(ToyEmbedding()).save(str(path))
    own = NetworkParams(kind="torchscript", path=path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    ports = write_ports(workspace / "artifacts", network=own)
    expected = CropSwapper(ports["model"]).swap_crops(crops(1), crops(2))[0]
    run(PARAMS, **ports)
    path.unlink()
    predictions = mlflow.pyfunc.load_model("models:/test-swap/1").predict([REQUEST])
    assert np.array_equal(decode(base64.b64decode(predictions[0])), expected)


def test_report_about_another_model_is_rejected(workspace):
    ports = write_ports(workspace / "one")
    other = write_ports(workspace / "other", seed=1)
    with pytest.raises(ArtifactError, match=r"is about another model than .*; run evaluate again"):
        run(PARAMS, **{**ports, "report": other["report"]})
    assert not ports["registration"].exists()


@pytest.mark.parametrize("content", [None, "", "[1]", '{"identity/margin": "high"}'])
def test_unreadable_metrics_are_rejected(workspace, content):
    ports = write_ports(workspace)
    path = ports["report"] / "metrics.json"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(ArtifactError, match="not a mapping of names to numbers; run evaluate again"):
        run(PARAMS, **ports)


@pytest.mark.parametrize("name", ["model", "report"])
def test_missing_input_is_named(workspace, name):
    ports = write_ports(workspace)
    shutil.rmtree(ports[name])
    with pytest.raises(ArtifactError, match=str(ports[name])):
        run(PARAMS, **ports)


def test_unavailable_registry_raises_one_line_without_the_password(workspace, monkeypatch):
    ports = write_ports(workspace)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://user:secret@127.0.0.1:{port}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(TrackingError) as caught:
        run(PARAMS, **ports)
    line = str(caught.value)
    assert line.startswith(f"model registry http://127.0.0.1:{port}: ")
    assert line.endswith("then run the command again")
    assert "secret" not in line
    assert "\n" not in line
    assert not ports["registration"].exists()


def test_only_the_models_metrics_become_tags(workspace):
    ports = write_ports(workspace)
    model, report = read_card(ports["model"], "model", ModelFacts), read_card(ports["report"], "report", ReportFacts)
    metrics = dict.fromkeys(
        (f"{who}{name}{part}" for who in ("", "teacher/") for name in HEADLINE for part in ("", "/low")), 1.0
    )
    tags = registration.version_tags({}, model, report, metrics)
    assert {name for name in tags if "/" in name} == {f"{name}{part}" for name in HEADLINE for part in ("", "/low")}
