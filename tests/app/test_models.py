"""The list of models, and the champion's report from a registry."""

import shutil
import threading
from pathlib import Path

import pytest

from swapcore.app import running
from swapcore.app.models import OfferedModels
from swapcore.app.reports import CHAMPION_REPORT, PageReports
from swapcore.errors import InputError
from swapcore.hub.references import LocatedModel
from swapcore.tracking import versions
from swapcore.tracking.versions import ModelVersion


def test_the_given_model_is_first_and_built_in_ones_follow(models, model) -> None:
    references = [each.reference for each in models.offered]
    assert references[:2] == [str(model), "builtin:warp"]
    assert models.choose("").reference == str(model)
    assert models.load(models.choose("builtin:warp")) is models.load(models.choose("builtin:warp"))
    with pytest.raises(InputError, match="model: is not offered"):
        models.choose("builtin:other")


def test_a_model_that_cannot_be_found_is_left_out(model, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/none.db")
    offered = OfferedModels(str(model))
    before = offered.offered
    offered.offer("models:/swapcore@champion")
    assert offered.offered == before
    assert not running.has_registry()


def test_a_champion_is_offered_and_pinned_to_its_version(model, monkeypatch) -> None:
    offered = OfferedModels(str(model))
    located = LocatedModel(model, "swapcore", "3", "d" * 64)
    monkeypatch.setattr("swapcore.app.models.resolve_model", lambda reference: located)
    offered.offer("models:/swapcore@champion")
    found = offered.choose("models:/swapcore@champion")
    assert (found.label, found.pinned) == ("Champion: swapcore, version 3", "models:/swapcore/3")
    assert offered.load(found).reference.version == "3"


def test_the_report_of_the_champion_is_shown(report, models, tmp_path, monkeypatch) -> None:
    champion = ModelVersion("swapcore", "3", "run", {"swapcore.report": "a" * 64}, ("champion",))

    def fetch(run_id: str, path: str, destination: Path) -> Path:
        assert (run_id, path) == ("run", f"reports/{'a' * 16}")
        return Path(shutil.copytree(report, destination / "report"))

    monkeypatch.setattr(versions, "find_champion", lambda name: champion if name == "swapcore" else None)
    monkeypatch.setattr(versions, "fetch_folder", fetch)
    reports = PageReports(tmp_path / "none")
    reports.fetch_champion("other")
    assert reports.described(models.offered) == []
    reports.fetch_champion("swapcore")
    (described,) = reports.described(models.offered)
    assert described["files"] == [f"/{CHAMPION_REPORT}/sheet.png", f"/{CHAMPION_REPORT}/report.html"]
    assert described["pairs"] == 40


def test_the_page_starts_while_the_registry_does_not_answer(model, tmp_path, monkeypatch) -> None:
    asked, answered = threading.Event(), threading.Event()
    monkeypatch.setattr(running, "has_registry", lambda: True)
    monkeypatch.setattr(running, "_add_champion", lambda *_: (asked.set(), answered.wait(60)))
    server = running.start(model, tmp_path, tmp_path, "127.0.0.1", 0, registered="swapcore")
    server.server_close()
    assert asked.wait(60)
    assert not answered.is_set()
    answered.set()
