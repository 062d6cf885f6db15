"""The rehearsal of benchmarks/gpu.py: every part on a CPU, with a small groups artifact."""

import importlib.util
import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import numpy as np
import pytest

from swapcore.config import Params
from swapcore.ops.image import decode, encode_png, resize
from tests.training.small_groups import write_groups

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "gpu.py"
ON_THE_MACHINE = ("torch", "torchgen", "functorch", "numpy", "numpy.libs", "sympy", "mpmath", "networkx", "jinja2",
                  "markupsafe", "fsspec", "filelock", "typing_extensions.py", "setuptools")  # fmt: skip
"""torch, numpy, and what torch needs."""


def script(*words: object, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [python, str(SCRIPT), *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
        env=environment,
    )


BARE = """
import sys
from importlib.machinery import PathFinder

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        return PathFinder.find_spec(name, [{installed!r}]) if name in {names!r} else None

sys.meta_path.append(Finder)
"""


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python with nothing but torch and numpy, imported from where they are, so that their bytecode is not made again."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder)
    packages = next(folder.glob("lib/python*/site-packages"))
    names = {name.removesuffix(".py") for name in ON_THE_MACHINE}
    (packages / "bare.py").write_text(BARE.format(installed=sysconfig.get_path("purelib"), names=names))
    (packages / "bare.pth").write_text("import bare\n")
    return str(folder / "bin" / "python")


@pytest.mark.slow
def test_the_rehearsal_runs_every_part(tmp_path: Path, pipeline_params: Params) -> None:
    groups, out = write_groups(tmp_path / "groups", pipeline_params, embedding_size=128), tmp_path / "out"
    done = script("--rehearsal", "--groups", groups, "--out", out, "--carried", tmp_path / "nothing")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    found = {path.stem: json.loads(path.read_text())["result"] for path in out.glob("*.json")}
    assert set(found) == {"precisions", "speed", "profile", "loader", "train", "networks", "renderer", "exchange"}
    assert found["train"] | {"seconds": 0} == {"exit_codes": [75, 0], "resumed": True, "seconds": 0}
    assert found["renderer"]["mean_levels"] < 0.05
    assert found["renderer"]["drawn_per_s"]["2"] > 0
    assert found["exchange"] == {"backend": "gloo", "sum": [1.0] * 4, "host": [1.0]}
    assert all(row["images_per_s"] > 0 and row["tflop_per_s"] > 0 for row in found["speed"])
    assert found["precisions"]["largest_relative_difference_from_cpu"]["fp32"] < 1e-3


def test_without_prepared_data_the_target_is_named(tmp_path: Path) -> None:
    done = script("--rehearsal", "--carried", tmp_path)
    assert done.returncode == 2
    assert (
        done.stderr.strip()
        .splitlines()[-1]
        .endswith("no groups artifact; run `make gpu-data` first, or name one with --groups")
    )


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_torch_numpy_and_the_carried_packages_suffice(
    tmp_path: Path, pipeline_params: Params, bare_python: str
) -> None:
    carried, out = tmp_path / "carried", tmp_path / "out"
    packing = "import sys, gpu, gpu_data; gpu_data.FILTERS[1]['preset'] = 0; gpu_data.main()"
    subprocess.run(
        [sys.executable, "-c", packing, "--packages-only", "--python", f"3.{sys.version_info.minor}", "--to", str(carried)],
        check=True, env=os.environ | {"PYTHONPATH": str(SCRIPT.parent)}, capture_output=True,
    )  # fmt: skip
    write_groups(carried / "groups", pipeline_params, embedding_size=128)
    parts = ("loader", "train")
    done = script("--rehearsal", "--carried", carried, "--out", out, "--parts", *parts, python=bare_python)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    found = {path.stem: json.loads(path.read_text()) for path in out.glob("*.json")}
    assert set(found) == set(parts)
    assert {each["opencv"] for each in found.values()} == {"stand-in"}


def test_packages_of_another_python_are_refused(tmp_path: Path) -> None:
    (tmp_path / "packages-3.2.tar.xz").touch()
    done = script("--rehearsal", "--carried", tmp_path)
    assert done.returncode == 1
    assert "is for another Python; run `python benchmarks/gpu_data.py --python 3." in done.stderr


def test_the_stand_in_for_opencv_reads_and_writes_the_same_images() -> None:
    path = SCRIPT.parent / "stand_ins" / "cv2.py"
    spec = importlib.util.spec_from_file_location("stand_in", path)
    assert spec is not None
    assert spec.loader is not None
    other = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(other)
    image = np.random.default_rng(0).integers(0, 256, (64, 48, 3), np.uint8)
    raw = np.frombuffer(encode_png(image), np.uint8)
    np.testing.assert_array_equal(other.imdecode(raw, other.IMREAD_COLOR_RGB), image)
    np.testing.assert_array_equal(decode(other.imencode(".png", image[..., ::-1], [])[1].tobytes()), image)
    assert other.imdecode(raw[:40], other.IMREAD_COLOR_RGB) is None
    assert other.imdecode(np.zeros(10, np.uint8), other.IMREAD_COLOR_RGB) is None
    smooth = np.add.outer(np.arange(64), np.arange(64))[..., None].repeat(3, 2).astype(np.uint8)
    for size in (32, 96):
        flag = other.INTER_AREA if size < 64 else other.INTER_CUBIC
        np.testing.assert_allclose(other.resize(smooth, (size, size), flag), resize(smooth, size), atol=1)
