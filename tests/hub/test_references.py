"""Resolution of model references: folders, object storage, and errors in one line.

Registered models are resolved in tests/stages/test_register.py, which registers one.
"""

import json
import shutil
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from swapcore.config import Section
from swapcore.data.artifact import artifact_digest, write_card
from swapcore.errors import ArtifactError, InputError, StorageError
from swapcore.hub import references
from swapcore.hub.crop_swapper import CropSwapper
from swapcore.hub.references import locate_model, resolve_model, weights_digest
from swapcore.storage import upload


class NoParams(Section):
    """Params of artifacts that no stage made."""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_REGISTRY_URI"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def with_card(model: Path, folder: Path) -> Path:
    shutil.copytree(model, folder)
    write_card(folder, "model", NoParams(), inputs={"groups": "g" * 64}, counts={})
    return folder


def test_the_digest_of_a_folder_is_that_of_its_card_or_of_its_weights(model, tmp_path):
    assert locate_model(model) == model
    assert resolve_model(str(model)).digest == weights_digest(model)
    carded = with_card(model, tmp_path / "mine")
    found = resolve_model(carded)
    assert (found.folder, found.name, found.version) == (carded, "mine", None)
    assert found.digest == artifact_digest(carded)


def test_a_model_on_object_storage_is_downloaded(model, workspace, monkeypatch):
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        port = server.get_host_and_port()[1]
        for name, value in {
            "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "k",
            "AWS_SECRET_ACCESS_KEY": "s",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            monkeypatch.setenv(name, value)
        boto3.client("s3").create_bucket(Bucket="models")
        upload(with_card(model, workspace / "mine"), "s3://models/best")
        found = resolve_model("s3://models/best")
        assert (found.name, found.version) == ("best", None)
        assert weights_digest(found.folder) == weights_digest(model)
        with pytest.raises(StorageError, match="s3://models/none"):
            locate_model("s3://models/none")
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ("nowhere", "no such model"),
        ("models:/swapcore", "models:/NAME@ALIAS"),
        ("models:/swapcore/Production", "models:/NAME@ALIAS"),
        ("models:/swapcore@champion", "no such model registry"),
        ("s3://", "s3://bucket/prefix"),
    ],
)
def test_a_missing_model_is_one_line_that_names_the_forms(workspace, reference, problem):
    with pytest.raises((InputError, StorageError)) as caught:
        locate_model(reference)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(workspace.glob("*.db"))


def test_a_folder_that_is_not_a_model_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match="not a model folder"):
        locate_model(tmp_path)


def test_a_model_of_another_alignment_is_refused(model, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    document = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(document | {"alignment": "arcface"}))
    for use in (locate_model, CropSwapper):
        with pytest.raises(ArtifactError, match="aligned as 'arcface'"):
            use(folder)


def test_a_builtin_model_that_does_not_exist_is_named():
    with pytest.raises(InputError, match=r"builtin:other: not a model of this package \(available: "):
        resolve_model("builtin:other")


def test_a_builtin_model_is_a_folder_of_the_package(model, tmp_path, monkeypatch):
    monkeypatch.setattr(references, "_BUILTIN_FOLDERS", {"starter": model, "gone": tmp_path / "gone"})
    located = resolve_model("builtin:starter")
    assert (located.folder, located.name, located.version) == (model, "builtin:starter", None)
    assert located.digest == weights_digest(model)
    with pytest.raises(
        InputError, match="builtin:gone: this package was built without it; use builtin:warp, or train it"
    ):
        resolve_model("builtin:gone")
