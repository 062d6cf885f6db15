"""`dvc repro` runs the whole pipeline, and after a change only the affected stages."""

import json
from pathlib import Path

import pytest
from commands import in_folder

from swapcore.data.artifact import artifact_digest, read_card

pytestmark = pytest.mark.slow


def test_repro_makes_and_registers_a_model(workspace: Path) -> None:
    assert read_card(workspace / "data/people", "photographs").counts
    assert read_card(workspace / "data/faces", "faces").inputs["photographs"]
    groups = read_card(workspace / "data/groups", "groups")
    assert groups.inputs["faces"] == artifact_digest(workspace / "data/faces")
    model = read_card(workspace / "models/swap", "model")
    assert model.inputs["groups"] == artifact_digest(workspace / "data/groups")
    report = read_card(workspace / "reports/swap", "report")
    assert report.inputs["model"] == artifact_digest(workspace / "models/swap")
    assert read_card(workspace / "models/registered", "registration").inputs["report"]


def test_a_second_repro_does_nothing(workspace: Path) -> None:
    assert "Data and pipelines are up to date" in in_folder(workspace)("dvc", "repro").stdout


def test_metrics_and_plots_exist(workspace: Path) -> None:
    run = in_folder(workspace)
    metrics = json.loads(run("dvc", "metrics", "show", "--json").stdout)
    assert metrics
    page = run("dvc", "plots", "show", "--out", "plots").stdout.strip()
    assert Path(page.removeprefix("file://")).is_file()


def test_an_experiment_retrains_only_what_depends_on_the_value(workspace: Path) -> None:
    run = in_folder(workspace)
    before = {name: artifact_digest(workspace / name) for name in ("data/faces", "data/groups", "models/swap")}
    out = run("dvc", "exp", "run", "-S", "train.schedule.learning_rate=0.0005").stdout
    assert "Running stage 'train'" in out
    assert "Running stage 'evaluate'" in out
    assert "Running stage 'crop'" not in out
    assert "Running stage 'groups'" not in out
    after = {name: artifact_digest(workspace / name) for name in before}
    assert {name for name in before if before[name] != after[name]} == {"models/swap"}
    # The first run's checkpoint must not have been resumed with another learning rate.
    card = read_card(workspace / "models/swap", "model")
    assert card.params["schedule"]["learning_rate"] == 0.0005


def test_going_back_restores_the_same_model(workspace: Path) -> None:
    run = in_folder(workspace)
    run("git", "checkout", "--quiet", "--", "params.yaml", "dvc.lock", "metrics")
    run("dvc", "checkout")
    first = artifact_digest(workspace / "models/swap")
    run("dvc", "repro", "--force", "--single-item", "train")
    assert artifact_digest(workspace / "models/swap") == first
