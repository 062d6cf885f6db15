"""Lineage, promotion and rollback by the command line, on a real registry, with changed bytes."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import mlflow
import pytest
import yaml

from swapcore.cli.main import main
from swapcore.data.artifact import artifact_digest, file_digest
from swapcore.registry.digests import code_digest
from swapcore.registry.trace import lineage_path, report_path
from swapcore.stages.register import run
from swapcore.tracking import MODEL_TAG, track
from swapcore.tracking.store import tracking_uri
from swapcore.tracking.versions import (
    ChampionChange,
    champion_history,
    find_model_version,
    previous_champion,
    run_tags,
    tag_version,
)
from tests.registry.small_reports import PARAMS, TRAINING, make_rows, write_ports
from tests.stores import empty_store

NAME = PARAMS.model_name
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions: the first is champion, the second is worse and a challenger; the second's artifacts are the workspace's."""
    folder = tmp_path_factory.mktemp("registry")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "SWAPCORE_IMAGE"):
            patch.delenv(name, raising=False)
        (folder / "mlflow.db").write_bytes(empty_store())
        shutil.copy(ROOT / "params.yaml", folder)
        run(PARAMS, **write_ports(folder / "first"))
        run(PARAMS, **write_ports(folder, make_rows(0.0), seed=1))
    return folder


@pytest.fixture
def project(registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy that a test may modify; artifacts in MLflow keep their paths and are restored."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    kept = tmp_path / "kept"
    shutil.copytree(registry, kept)
    monkeypatch.chdir(registry)
    yield registry
    for path in registry.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
    shutil.copytree(kept, registry, ignore=shutil.ignore_patterns("mlflow.db*"), dirs_exist_ok=True)
    # Within the file: MLflow keeps it open.
    with (
        closing(sqlite3.connect(kept / "mlflow.db")) as before,
        closing(sqlite3.connect(registry / "mlflow.db")) as now,
    ):
        before.backup(now)


def swapcore(capsys, *words: str) -> tuple[int, str]:
    code = 0
    try:
        main([*words])
    except SystemExit as stop:
        code = int(stop.code or 0)
    said = capsys.readouterr()
    return code, said.out + said.err


def change_one_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def logged(version: str, path: str) -> Path:
    """Where MLflow keeps a file of a version's run."""
    entry = find_model_version(NAME, version)
    uri = mlflow.MlflowClient(tracking_uri=tracking_uri()).get_run(entry.run_id).info.artifact_uri
    return Path(uri.removeprefix("file://")) / path


def package(version: str) -> Path:
    client = mlflow.MlflowClient(tracking_uri=tracking_uri())
    model = client.get_logged_model(client.get_model_version(NAME, version).source.removeprefix("models:/"))
    return Path(model.artifact_location.removeprefix("file://"))


def test_trace_reaches_the_consent_file(project, capsys):
    code, said = swapcore(capsys, "lineage", "challenger", "--name", NAME)
    assert code == 0, said
    assert said.startswith(f"models:/{NAME}/2 @challenger\n")
    for name in (
        "run:", "weights:", "served code:", "report:", "model:", "groups:", "faces:", "teacher: warp 1",
        f"photographs: {'d' * 64}, 3 files", "consent file: ",
    ):  # fmt: skip
        assert f"ok     {name}" in said
    assert "ok     local models/swap, its files" in said
    assert "0 BROKEN" in said


CHANGED = {
    "weights": lambda: package("2") / "artifacts/model/weights.safetensors",
    "served code": lambda: package("2") / "code/swapcore/errors.py",
    "report's files": lambda: (
        logged("2", report_path(find_model_version(NAME, "2").tags["swapcore.report"])) / "metrics.json"
    ),
    "local models/swap, its files": lambda: Path("models/swap/model.json"),
    "local data/groups, its files": lambda: Path("data/groups/lineage/people.json"),
    "photographs": lambda: Path("data/people/Ann/1.png"),
    "consent file": lambda: Path("data/people/consent.csv"),
}


@pytest.mark.parametrize("link", CHANGED)
def test_changed_byte_is_named_and_blocks_promotion(project, capsys, link):
    change_one_byte(CHANGED[link]())
    code, said = swapcore(capsys, "lineage", "2", "--name", NAME)
    assert code == 6
    assert f"BROKEN {link}: " in said
    assert said.splitlines()[-1].startswith(f"swapcore: version 2: 1 broken links: {link}: ")
    code, said = swapcore(capsys, "promote", "2", "--reason", "looks better", "--name", NAME)
    assert code == 6
    assert "not promoted, its lineage is broken" in said
    assert "champion" in find_model_version(NAME, "1").aliases


@pytest.mark.parametrize("tag", [MODEL_TAG, "swapcore.report", "swapcore.groups", "swapcore.faces", "swapcore.weights"])
def test_changed_tag_is_found(project, capsys, tag):
    entry = find_model_version(NAME, "2")
    digest = entry.tags[tag]
    tag_version(entry, {tag: digest[:-1] + ("0" if digest[-1] != "0" else "1")})
    code, said = swapcore(capsys, "lineage", "2", "--name", NAME)
    assert code == 6
    assert "broken links: " in said.splitlines()[-1]


def test_changed_card_is_found(project, capsys):
    cards = logged("2", lineage_path(find_model_version(NAME, "2").tags[MODEL_TAG]))
    text = (cards / "faces.json").read_text()
    (cards / "faces.json").write_text(text.replace('"signed"', '"Signed"'))
    code, said = swapcore(capsys, "lineage", "2", "--name", NAME)
    assert code == 6
    assert "BROKEN faces: " in said


DVC_STAGES = """\
stages:
  faces: {cmd: crop, deps: [data/people], outs: [data/faces]}
  groups: {cmd: groups, deps: [data/faces], outs: [data/groups]}
  train: {cmd: train, deps: [data/groups], outs: [models/swap]}
"""


@pytest.fixture(scope="module")
def kept_by_dvc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model registered from a DVC project with real dvc.lock and cache; its run has params and groups."""
    folder = tmp_path_factory.mktemp("dvc")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setenv("DVC_NO_ANALYTICS", "1")
        (folder / "mlflow.db").write_bytes(empty_store())
        shutil.copy(ROOT / "params.yaml", folder)
        ports = write_ports(folder, params=TRAINING)
        (folder / "dvc.yaml").write_text(DVC_STAGES)
        for words in (["init", "--no-scm", "-q"], ["commit", "-f", "-q"]):
            subprocess.run([sys.executable, "-m", "dvc", *words], check=True)
        with track("train", {"swapcore.training": "t"}, resume="no") as tracker:
            tracker.log_params("train", TRAINING)
            tracker.log_dataset("groups", folder / "data/groups", artifact_digest(folder / "data/groups"), "training")
            tracker.set_tags({MODEL_TAG: artifact_digest(ports["model"])})
        run(PARAMS, **ports)
        mlflow.MlflowClient(tracking_uri=tracking_uri()).delete_registered_model_alias(NAME, "champion")
    return folder


@pytest.mark.slow
def test_dvc_hashes_params_and_groups_are_checked(kept_by_dvc, capsys, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(kept_by_dvc)
    code, said = swapcore(capsys, "lineage", "1", "--name", NAME)
    assert code == 0, said
    for path in ("data/people", "data/faces", "data/groups", "models/swap"):
        assert f"ok     DVC {path}: " in said
    for line in ("train.rate: 0.5", "train.model.width: 8", "groups of the training: "):
        assert f"ok     {line}" in said
    lock = yaml.safe_load(Path("dvc.lock").read_text())["stages"]
    name = lock["train"]["outs"][0]["md5"]
    listed = json.loads(Path(f".dvc/cache/files/md5/{name[:2]}/{name[2:]}").read_text())
    of_weights = next(each["md5"] for each in listed if each["relpath"] == "weights.safetensors")
    shutil.rmtree("models/swap")  # what is left is DVC's cache
    assert "ok     DVC models/swap: " in swapcore(capsys, "lineage", "1", "--name", NAME)[1]
    stored = Path(f".dvc/cache/files/md5/{of_weights[:2]}/{of_weights[2:]}")
    stored.chmod(0o644)
    change_one_byte(stored)
    assert_broken(capsys, "DVC models/swap")
    change_one_byte(stored)
    entry = find_model_version(NAME, "1")
    digest = entry.tags["dvc.data/people"]
    tag_version(entry, {"dvc.data/people": ("0" if digest[0] != "0" else "1") + digest[1:]})
    assert_broken(capsys, "DVC data/people")
    tag_version(entry, {"dvc.data/people": digest})
    with closing(sqlite3.connect("mlflow.db")) as store:
        store.execute("update params set value = '0.6' where key = 'train.rate'")
        store.commit()
    assert_broken(capsys, "train.rate")


def assert_broken(capsys, link: str) -> None:
    code, said = swapcore(capsys, "lineage", "1", "--name", NAME)
    assert code == 6
    assert f"1 broken links: {link}: " in said.splitlines()[-1]
    code, said = swapcore(capsys, "promote", "1", "--reason", "again", "--name", NAME)
    assert code == 6
    assert "not promoted, its lineage is broken" in said


def test_promotion_and_rollback_store_reason_and_history(project, capsys):
    code, said = swapcore(capsys, "rollback", "--reason", "try", "--name", NAME)
    assert code == 2
    assert "version 1 is the first champion" in said
    assert swapcore(capsys, "promote", "2", "--reason", " ", "--name", NAME)[0] == 2
    code, said = swapcore(capsys, "promote", "2", "--reason", "better with glasses", "--name", NAME)
    assert (code, said) == (0, "champion: version 2; before: 1\n")
    assert swapcore(capsys, "promote", "2", "--reason", "again", "--name", NAME)[0] == 2
    code, said = swapcore(capsys, "rollback", "--reason", "teeth", "--name", NAME)
    assert (code, said) == (0, "champion: version 1; before: 2\n")
    assert find_model_version(NAME, "champion").version == "1"
    events = [(event.how, event.version, event.replaced, event.reason) for event in champion_history(NAME)]
    assert events[1:] == [("promote", "2", "1", "better with glasses"), ("rollback", "1", "2", "teeth")]
    kept = json.loads(find_model_version(NAME, "2").tags["swapcore.history.0002"])
    assert (kept["reason"], kept["replaced"]) == ("better with glasses", "1")


def test_user_errors_are_one_line(project, capsys):
    code, said = swapcore(capsys, "lineage", "7", "--name", NAME)
    assert code == 2
    assert (
        said
        == f"swapcore: models:/{NAME}: no version 7 in the registry {tracking_uri()}; it has 1 (@champion), 2 (@challenger)\n"
    )
    assert swapcore(capsys, "lineage")[0] == 2
    assert swapcore(capsys, "lineage", "1", "--person", "Ann")[0] == 2


def test_person_is_found_in_datasets_and_models(project, capsys):
    (Path("data/groups") / "images.parquet").write_bytes(empty_images())
    code, said = swapcore(capsys, "lineage", "--person", "Ann")
    assert code == 0
    assert "data/faces: 2 photographs, split train" in said
    assert f"models:/{NAME}/1 @champion: trained on 2 photographs" in said
    assert f"models:/{NAME}/2 @challenger: trained on 2 photographs" in said
    assert "evaluated on 1 photographs" in swapcore(capsys, "lineage", "--person", "Bob")[1]
    assert "in no local dataset and no registered model" in swapcore(capsys, "lineage", "--person", "Eve")[1]


def empty_images() -> bytes:
    from swapcore.data.groups import ImageRow
    from swapcore.tables import write_table

    write_table(Path("images"), ImageRow, [])
    return Path("images").read_bytes()


def test_model_taught_by_an_affected_model_is_affected(project, capsys):
    (Path("data/groups") / "images.parquet").write_bytes(empty_images())
    tag_version(
        find_model_version(NAME, "2"),
        {"swapcore.teacher": f"registered {find_model_version(NAME, '1').tags[MODEL_TAG]}"},
    )
    said = swapcore(capsys, "lineage", "--person", "Bob")[1]
    assert f"models:/{NAME}/2 @challenger: taught by models:/{NAME}/1 @champion" in said


def test_rollbacks_undo_promotions_in_order():
    def event(how, version):
        return ChampionChange(version, None, how, "", "", "")

    line = [event("gate", "1"), event("gate", "3"), event("promote", "2")]
    assert previous_champion(line) == "3"
    assert previous_champion([*line, event("rollback", "3")]) == "1"
    assert previous_champion([*line, event("rollback", "3"), event("rollback", "1")]) is None
    assert previous_champion([]) is None


def test_commit_is_checked_against_the_registered_code(project, capsys):
    git = os.environ | {f"GIT_{who}_{what}": "t" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    source = ROOT / "src/swapcore"
    shutil.copytree(source, project / "src/swapcore", ignore=shutil.ignore_patterns("__pycache__"))
    for command in (["init", "-q"], ["add", "src"], ["commit", "-qm", "code"]):
        subprocess.run(["git", *command], check=True, env=git)
    head = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    assert code_digest(project / "src/swapcore") == code_digest()
    tag_version(find_model_version(NAME, "2"), {"swapcore.commit": head, "swapcore.git_dirty": "false"})
    code, said = swapcore(capsys, "lineage", "2", "--name", NAME)
    assert code == 0, said
    assert f"ok     git commit: {head}" in said
    assert "ok     code: " in said
    change_one_byte(project / "src/swapcore/errors.py")
    subprocess.run(["git", "commit", "-qam", "another"], check=True, env=git)
    head = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    tag_version(find_model_version(NAME, "2"), {"swapcore.commit": head})
    assert "BROKEN code: " in swapcore(capsys, "lineage", "2", "--name", NAME)[1]


def test_missing_run_has_no_tags(project):
    assert run_tags("0" * 32) is None
    assert file_digest(Path("models/swap/card.json")) in run_tags(find_model_version(NAME, "2").run_id).values()
