"""What `benchmarks/gpu.py` needs on a bare machine, in one folder of at most 64 MB: `make gpu-data`."""

import argparse
import importlib.metadata
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from gpu import CARRIED, MAX_MEGABYTES

from swapcore.faces.dlib_weights import PACKAGE, RECOGNIZER_FILE, package_file
from swapcore.faces.mesh import files

WHEELS = (
    "annotated-types", "psutil", "pydantic", "pydantic-core", "ruamel.yaml", "safetensors", "tqdm", "typing-extensions",
    "typing-inspection",
)  # fmt: skip
"""Of the versions of this environment. torch, numpy, OpenCV and pyarrow do not fit; images with torch have them."""
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
SETTINGS = (
    "synthesize.num_people=16", "synthesize.images_per_person=3", "synthesize.size_px=256", "synthesize.workers=1",
    "crop.size_px=256", "crop.split.validation=0.2", "crop.split.test=0.1", "crop.workers=1",
    "groups.size_px=256", "groups.references_per_label=2", "groups.sources_per_template=1", "groups.workers=1",
)  # fmt: skip


def download_wheels(folder: Path, python: str) -> None:
    """Download wheels for another version of Python, without what they depend on."""
    wanted = [f"{name}=={importlib.metadata.version(name)}" for name in WHEELS]
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    words = ["download", "--quiet", "--no-deps", "--only-binary=:all:", "--python-version", python]
    subprocess.run(
        [sys.executable, "-m", "pip", *words, "--implementation", "cp", *platforms, "--dest", str(folder), *wanted],
        check=True,
    )


def copy_files(folder: Path) -> None:
    """Copy the data files of packages to where they are in the package."""
    copies = {package_file(RECOGNIZER_FILE): folder / PACKAGE / "models" / RECOGNIZER_FILE}
    for file in (files.SHORT_RANGE, files.BACK_RANGE, files.ATTENTION_MESH, files.CONNECTIONS):
        copies[files.locate(file)] = folder / file.package / file.path
    for source, target in copies.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def make_groups(folder: Path) -> None:
    """Render people and make their sample groups with the warp."""
    with tempfile.TemporaryDirectory(prefix="gpu-data-") as name:
        place = Path(name)
        shutil.copyfile(Path(__file__).parents[1] / "params.yaml", place / "params.yaml")
        for words in (
            ("configure", *SETTINGS),
            ("synthesize", "--photographs", "people"),
            ("crop", "--photographs", "people", "--faces", "faces"),
            ("groups", "--faces", "faces", "--groups", "groups"),
        ):
            subprocess.run([sys.executable, "-m", "swapcore", *words], cwd=place, check=True)
        shutil.copytree(place / "groups", folder)


def main() -> None:
    """Write the folder, and refuse one that is too large to carry."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default="3.12", help="version of Python on the machine with the GPU")
    parser.add_argument("--to", type=Path, default=CARRIED)
    options = parser.parse_args()
    shutil.rmtree(options.to, ignore_errors=True)
    download_wheels(options.to / "wheels", options.python)
    copy_files(options.to / "files")
    make_groups(options.to / "groups")
    megabytes = sum(path.stat().st_size for path in options.to.rglob("*") if path.is_file()) / 2**20
    print(f"{options.to}: {megabytes:.1f} MB of {MAX_MEGABYTES}")
    if megabytes > MAX_MEGABYTES:
        raise SystemExit(f"{options.to}: too large to carry; lower the settings in {__file__}")


if __name__ == "__main__":
    main()
