"""A workspace in which `dvc repro` has run the whole pipeline once, on a few people who do not exist."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import ROOT, in_folder


@pytest.fixture(scope="session")
def small_settings() -> list[str]:
    return (ROOT / ".ci" / "small-settings").read_text().split()


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory, small_settings: list[str]) -> Iterator[Path]:
    """A git repository with the project's files, params made small, and everything reproduced."""
    folder = tmp_path_factory.mktemp("workspace")
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
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
