"""`deps` of dvc.yaml against the import closure of each stage, and what DVC calls stale after an edit."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from commands import ROOT, Command, committed, in_folder
from contracts import import_closure

from swapcore.stages import STAGES

OUTPUTS = ("data/people", "data/faces", "data/groups", "models/swap", "models/registered", "reports/swap")


@pytest.mark.parametrize("stage", STAGES)
def test_deps_are_the_import_closure(stage: str) -> None:
    expected, declared = import_closure.watched_paths(stage), import_closure.declared(stage)
    assert len(declared) == len(set(declared)), "a path is listed twice"
    missing, superfluous = sorted(set(expected) - set(declared)), sorted(set(declared) - set(expected))
    assert (missing, superfluous) == ([], []), "run `make deps`"


def test_the_closure_sees_function_level_imports_and_templates() -> None:
    names = {path.relative_to(import_closure.SOURCE).as_posix() for path in import_closure.closure("groups")}
    assert "swapcore/synth/render.py" in names, "the oracle teacher's renderer"
    assert "swapcore/models/generator.py" in names, "the registered teacher's model"
    report = {path.name for path in import_closure.closure("evaluate")}
    assert "report.html.j2" in report


def test_imports_for_type_checkers_are_not_watched(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a\ndef f():\n    import b\n")
    assert {"typing", "typing.TYPE_CHECKING", "b"} == set(import_closure.imported_names(module))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's code and dvc.yaml with one-file outputs, recorded in dvc.lock without running a stage."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("src", ".dvc"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "cache", "tmp"))
    for name in ("dvc.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "params.yaml").write_bytes(committed("params.yaml"))
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params["photographs"] = {"input": "data/people", "folder": "data/people", "synthetic": ["data/people"]}
    params["groups"]["teacher"] = "oracle"
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    for output in OUTPUTS:
        (folder / output).mkdir(parents=True)
        (folder / output / "file").write_text(output)
    (folder / "metrics").mkdir()
    for stage in STAGES:
        (folder / "metrics" / f"{stage}.json").write_text("{}")
    run = in_folder(folder)
    run("git", "init", "--quiet")
    run("dvc", "commit", "--force", "--quiet")
    return folder


def stale_stages(run: Command) -> set[str]:
    """Names of the stages that `dvc status` reports, without the part after @ of a foreach stage."""
    return {name.partition("@")[0] for name in json.loads(run("dvc", "status", "--json").stdout)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("edited", "stale"),
    [
        ("video", set()),
        ("anonymization", set()),
        ("app", set()),
        ("cli", set()),
        ("synth/render.py", {"synthesize", "crop", "groups", "evaluate"}),
        ("training/loop.py", {"train"}),
        ("evaluation/report.html.j2", {"evaluate", "register"}),
    ],
)
def test_an_edit_makes_only_the_stages_stale_that_run_the_file(project: Path, edited: str, stale: set[str]) -> None:
    run, path = in_folder(project), project / "src/swapcore" / edited
    if path.is_dir():  # any module of the package
        path = next(module for module in path.glob("*.py") if module.name != "__init__.py")
    before = path.read_bytes()
    path.write_bytes(before + b"\n# edited\n")
    try:
        found = stale_stages(run)
    finally:
        path.write_bytes(before)
    assert found == stale
