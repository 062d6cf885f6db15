"""The table and the bars of benchmarks/quality.py, which is a script and no part of the package."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from swapcore.data.faces import Face
from swapcore.evaluation.methods import copy_template
from swapcore.evaluation.pairs import Pair
from swapcore.evaluation.truth_benchmark.frozen import Extent
from swapcore.evaluation.truth_benchmark.rendered import TruthSet


@pytest.fixture(scope="module")
def quality() -> ModuleType:
    path = Path(__file__).parents[3] / "benchmarks" / "quality.py"
    sys.path.insert(0, str(path.parent))  # it imports its neighbors
    spec = importlib.util.spec_from_file_location("benchmark_quality", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    sys.path.remove(str(path.parent))
    return module


def metrics(quality: ModuleType, **changed: float) -> Any:
    values = {"psnr": 27.0, "psnr_face": 22.0, "l1_face": 12.0, "background_l1": 4.0, "cosine_source": 0.0,
              "cosine_template": 0.9, "top1_percent": 0.0, "nearer_percent": 0.0}  # fmt: skip
    return quality.Metrics(**(values | changed))


def test_each_bar_is_independent(quality: ModuleType) -> None:
    copied = metrics(quality)
    truth = metrics(quality, cosine_source=0.5, top1_percent=80.0)
    good = metrics(quality, psnr_face=24.1, l1_face=10.0, background_l1=4.2, cosine_source=0.5, top1_percent=62.0,
                   nearer_percent=90.0)  # fmt: skip
    bars = quality.TARGETS[64]
    assert all(line.startswith("reached") for line in quality.compare(good, copied, truth, bars))
    worse = {"psnr_face": 23.9, "l1_face": 10.3, "nearer_percent": 84.0, "top1_percent": 59.0, "background_l1": 4.5,
             "cosine_source": 0.56}  # fmt: skip
    for number, (name, value) in enumerate(worse.items()):
        lines = quality.compare(replace(good, **{name: value}), copied, truth, bars)
        assert [line.startswith("MISSED") for line in lines] == [place == number for place in range(6)]


def test_median_is_per_metric(quality: ModuleType) -> None:
    of = [metrics(quality, psnr=psnr, l1_face=l1) for psnr, l1 in ((1.0, 9.0), (3.0, 7.0), (2.0, 8.0))]
    assert quality.median_of(of) == metrics(quality, psnr=2.0, l1_face=8.0)


def test_background_has_known_values(quality: ModuleType) -> None:
    size_px = 64
    image = np.full((size_px, size_px, 3), 100, np.uint8)
    points = np.array([[27, 28], [37, 28], [32, 34], [28, 38], [36, 38]], dtype=np.float64)
    face = Face("a", "a", "test", "a", image, points, np.eye(2, 3), np.zeros(0, np.float32))
    true = image.copy()
    true[:2] = 108  # far from the face
    true[30, 32] = 0  # in the middle of it: does not count
    truth_set = TruthSet(Extent(1, 1, 1, size_px), [face], [Pair(0, 0)], true[None])
    share = 2 * size_px / float(quality.background_region(face).sum())
    assert quality.background_l1(copy_template, truth_set) == pytest.approx(8 * share)


def test_steps_follow_from_the_measured_speed(quality: ModuleType, tmp_path: Path) -> None:
    kept = tmp_path / "step.json"
    kept.write_text('{"seconds": 0.5}')
    recipe = quality.read_params(Path(__file__).parents[3] / "params.yaml").train
    assert quality.steps_within(4.0, recipe, kept) == int(4 * 60 * 0.93 / 0.5)
    kept.unlink()
    small = recipe.model_copy(update={"size_px": 64, "batch_size": 2})
    steps = quality.steps_within(4.0, small, kept)
    assert steps > 10
    assert quality.steps_within(4.0, small, kept) == steps
