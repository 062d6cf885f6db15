"""The KFP pipeline in a local run against `dvc repro`, byte by byte."""

import os
import sys
from pathlib import Path

import pytest
import yaml
from commands import ROOT, in_folder

from swapcore.data.artifact import artifact_digest, read_card

pytestmark = pytest.mark.slow
SAME = {
    "synthesize/photographs": "data/people",
    "crop/faces": "data/faces",
    "groups/groups": "data/groups",
    "train/model": "models/swap",
}


@pytest.fixture(scope="module")
def made(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Artifacts of one run with the workspace's params, and bounds that every model meets."""
    folder = tmp_path_factory.mktemp("kfp")
    committed = in_folder(workspace)("git", "show", "HEAD:params.yaml").stdout
    params = yaml.safe_load(committed)
    params["register"]["bounds"] = {"identity/gain": [-2.0, 2.0]}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    path = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    in_folder(folder)("env", f"PYTHONPATH={path}", sys.executable, "-m", "pipelines", "run", "--params", "params.yaml")
    (root,) = (folder / "local_outputs").iterdir()
    return root


def test_a_local_run_registers_a_model_and_writes_the_page(made: Path) -> None:
    assert read_card(made / "register/registration", "registration").counts == {"version": 1}
    assert (made.parents[1] / "mlflow.db").is_file()
    assert "<html" in (made / "evaluate/page").read_text()[:500].lower()
    assert "SUCCEEDED" in (made / "record-ending/ending").read_text()


def test_kubeflow_and_dvc_make_the_same_model(made: Path, workspace: Path) -> None:
    run = in_folder(workspace)
    run("git", "checkout", "--quiet", "--", "params.yaml", "dvc.lock", "metrics")
    run("dvc", "checkout")
    for by_kfp, by_dvc in SAME.items():
        assert artifact_digest(made / by_kfp) == artifact_digest(workspace / by_dvc), by_kfp
