"""The wheel: complete, and usable in an environment that holds nothing else of the project."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from commands import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the working tree by `python -m build`."""
    out = tmp_path_factory.mktemp("dist")
    # Without isolation, so that the test needs no network: the build backend is one of the development dependencies.
    words = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of a new environment with the wheel; its dependencies are read from this environment."""
    folder = tmp_path_factory.mktemp("empty")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin/python"
    words = ["-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run([sys.executable, *words], check=True)
    own = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    # The renderer compiles its loops for a minute where their machine code is not kept, as next to this checkout's sources.
    kept = Path("swapcore/synth/__pycache__")
    (Path(own) / kept).mkdir(exist_ok=True)
    for path in [*(ROOT / "src" / kept).glob("*.nbi"), *(ROOT / "src" / kept).glob("*.nbc")]:
        shutil.copy(path, Path(own) / kept)
    # Python does not execute the .pth files of a path that a .pth file adds, so the editable install is not visible.
    (Path(own) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def run(program: Path, *words: str, folder: Path) -> str:
    shared = "PYTHONPYCACHEPREFIX"  # else torch would be compiled again
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON") or name == shared}
    done = subprocess.run([program, *words], cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "src/swapcore"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.removeprefix("src/") for name in listed if (ROOT / name).is_file()} <= names
    assert not [name for name in names if not name.startswith(("swapcore/", "swapcore-"))]


def test_the_installed_package_is_imported_from_its_own_environment(installed: Path, tmp_path: Path) -> None:
    shown = run(installed / "python", "-c", "import swapcore; print(swapcore.__file__)", folder=tmp_path).strip()
    assert Path(shown).is_relative_to(installed.parent)


def test_the_command_shows_its_help_and_version(installed: Path, tmp_path: Path) -> None:
    assert "anonymize" in run(installed / "swapcore", "--help", folder=tmp_path)
    version = run(installed / "swapcore", "--version", folder=tmp_path)
    assert version.split()[1] in next(path.name for path in (installed.parent / "lib").rglob("swapcore-*.dist-info"))


def test_a_stage_runs_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    run(installed / "swapcore", "configure", "synthesize.num_people=2", "synthesize.size_px=64", folder=tmp_path)
    run(installed / "swapcore", "configure", "synthesize.workers=1", folder=tmp_path)
    run(installed / "swapcore", "synthesize", "--photographs", "people", folder=tmp_path)
    assert (tmp_path / "people/card.json").is_file()
