"""What `benchmarks/gpu.py` needs on a bare machine, in one folder of at most 64 MB: `make gpu-data`."""

import argparse
import importlib.metadata
import lzma
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from fnmatch import fnmatch
from pathlib import Path

from gpu import CARRIED, MAX_MEGABYTES, packages_file

from swapcore.faces.dlib_weights import PACKAGE, RECOGNIZER_FILE, package_file
from swapcore.faces.mesh import files

DISTRIBUTIONS = (
    "annotated-types", "psutil", "pyarrow", "pydantic", "pydantic-core", "pyyaml", "ruamel.yaml", "safetensors", "tqdm",
    "typing-extensions", "typing-inspection",
)  # fmt: skip
"""Of the versions of this environment. torch brings numpy; OpenCV does not fit, see stand_ins/cv2.py."""
LEFT_OUT = (
    "*/tests/*", "pyarrow/include/*", "pyarrow/includes/*", "pyarrow/src/*", "*.pyx", "*.pxd", "*.pxi", "*.pyi", "*.pyc",
    "pyarrow/*flight*", "pyarrow/*encryption*", "pyarrow/_orc*", "pyarrow/_dataset_orc*", "pyarrow/*_cpp_tests*",
    "pyarrow/_gcsfs*", "pyarrow/_hdfs*", "pyarrow/_s3fs*", "pyarrow/_azurefs*", "pyarrow/libarrow_python.so",
    "pyarrow/libarrow_python.so.*.*",
)  # fmt: skip
"""A half of pyarrow, which tables do not need, and copies of its libraries."""
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
FILTERS = [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2, "preset": 6}]
SETTINGS = (
    "synthesize.num_people=16", "synthesize.images_per_person=3", "synthesize.size_px=256", "synthesize.workers=1",
    "crop.size_px=256", "crop.split.validation=0.2", "crop.split.test=0.1", "crop.workers=1",
    "groups.size_px=224", "groups.references_per_label=1", "groups.sources_per_template=1", "groups.workers=1",
)  # fmt: skip


def running_python() -> str:
    """Return the version of this Python, major and minor."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def copy_installed(folder: Path) -> None:
    """Copy distributions of this environment."""
    for name in DISTRIBUTIONS:
        distribution = importlib.metadata.distribution(name)
        for file in distribution.files or []:
            target = folder / file
            if ".." not in file.parts and not left_out(str(file)):
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(str(distribution.locate_file(file)), target)


def download(folder: Path, python: str) -> None:
    """Download distributions of the same versions for another Python, without what they depend on, and unpack them."""
    wanted = [f"{name}=={importlib.metadata.version(name)}" for name in DISTRIBUTIONS]
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    words = [
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        "--python-version",
        python,
        "--implementation",
        "cp",
    ]
    with tempfile.TemporaryDirectory(prefix="wheels-") as name:
        subprocess.run([sys.executable, "-m", "pip", *words, *platforms, "--dest", name, *wanted], check=True)
        for wheel in sorted(Path(name).glob("*.whl")):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(folder, [member for member in archive.namelist() if not left_out(member)])


def write_version(folder: Path) -> None:
    """Write the metadata by which swapcore, which is not installed there, finds its version."""
    distribution = importlib.metadata.distribution("swapcore")
    target = folder / f"swapcore-{distribution.version}.dist-info" / "METADATA"
    target.parent.mkdir()
    target.write_text(distribution.read_text("METADATA") or "", encoding="utf-8")


def left_out(file: str) -> bool:
    """Return whether a file of a distribution is not needed."""
    return any(fnmatch(file, pattern) for pattern in LEFT_OUT)


def copy_files(folder: Path) -> None:
    """Copy the data files of packages to where they are in the package."""
    copies = {package_file(RECOGNIZER_FILE): folder / PACKAGE / "models" / RECOGNIZER_FILE}
    for file in (files.SHORT_RANGE, files.BACK_RANGE, files.ATTENTION_MESH, files.CONNECTIONS):
        copies[files.locate(file)] = folder / file.package / file.path
    for source, target in copies.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def write_packages(target: Path, python: str) -> None:
    """Pack distributions and data files for a version of Python into one file."""
    with tempfile.TemporaryDirectory(prefix="packages-") as name:
        if python == running_python():
            copy_installed(Path(name))
        else:
            download(Path(name), python)
        write_version(Path(name))
        copy_files(Path(name))
        with lzma.open(target, "wb", filters=FILTERS) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
            archive.add(name, ".")


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
    parser.add_argument("--packages-only", action="store_true", help="without groups")
    options = parser.parse_args()
    shutil.rmtree(options.to, ignore_errors=True)
    options.to.mkdir(parents=True)
    write_packages(packages_file(options.to, options.python), options.python)
    if not options.packages_only:
        make_groups(options.to / "groups")
    megabytes = sum(path.stat().st_size for path in options.to.rglob("*") if path.is_file()) / 2**20
    print(f"{options.to}: {megabytes:.1f} MB of {MAX_MEGABYTES}")
    if megabytes > MAX_MEGABYTES:
        raise SystemExit(f"{options.to}: too large to carry; lower the settings in {__file__}")


if __name__ == "__main__":
    main()
