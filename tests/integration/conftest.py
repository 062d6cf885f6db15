"""A workspace in which `dvc repro` has run the whole pipeline on a few synthetic people."""

import fcntl
import shutil
from pathlib import Path

import pytest
from commands import ROOT, in_folder

FEWER = [
    "synthesize.first_person=4",  # of the next ten people three are in the test split and two in the validation split
    "synthesize.num_people=10",
    "groups.references_per_label=1",
    "train.batch_size=4",
    "evaluate.max_pairs=8",
    "evaluate.batch_size=4",
    "evaluate.sheet_rows=2",
    # A worker takes as long to start as its share of so few images; test_killed.py kills stages with workers.
    "synthesize.workers=1",
    "crop.workers=1",
    "groups.workers=1",
]
"""On top of the small settings, since the tests run the whole pipeline and its stages many times."""


@pytest.fixture(scope="session")
def small_settings() -> list[str]:
    return [*(ROOT / ".ci" / "small-settings").read_text().split(), *FEWER]


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory, small_settings: list[str]) -> Path:
    """A git repository with the project's files and small params, after `dvc repro`.

    It takes minutes, so pytest's processes share it: the first process makes it under a lock, the others copy it.
    """
    base = tmp_path_factory.getbasetemp()
    # pytest-xdist gives each process a sub-folder of one folder.
    shared = base.parent if base.name.startswith("popen-") else base
    made, own = shared / "reproduced", tmp_path_factory.mktemp("workspace") / "copy"
    with (shared / "reproduced.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.is_dir():
            _reproduce(shared / "reproducing", small_settings)
            (shared / "reproducing").rename(made)
    shutil.copytree(made, own, symlinks=True)
    return own


def _reproduce(folder: Path, small_settings: list[str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in ("src", ".dvc"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "cache", "tmp"))
    for name in ("params.yaml", "dvc.yaml", ".gitignore", ".dvcignore"):
        shutil.copy(ROOT / name, folder / name)
    run = in_folder(folder)
    run("git", "init", "--quiet")
    run("swapcore", "configure", *small_settings)
    run("dvc", "repro")
    run("git", "add", "--all")
    run("git", "commit", "--quiet", "--message", "reproduced")
