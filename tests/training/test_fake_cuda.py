"""Training step and evaluation on fake CUDA tensors in all precisions."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import DynamicOutputShapeException

from swapcore.data.preparing import GroupBatch
from swapcore.faces.mesh.guide import mesh_topology
from swapcore.faces.networks import load_recognizer
from swapcore.faces.recognizer import Recognizer
from swapcore.ops.compose import Guide
from swapcore.ops.device import autocast
from swapcore.ops.guide import GuideMaker
from swapcore.warp.reshaping import MeshReshape
from tests.training.fake_cuda import CUDA, fake_cuda, on_fake_cuda, register_guard
from tests.training.fake_step import (
    BUILT_IN,
    EMBEDDING_SIZE,
    KINDS,
    NUM,
    PRECISIONS,
    SIZE_PX,
    configuration,
    guides,
    one_step,
    raw_batch,
    small,
)  # fmt: skip

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor:UserWarning")


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    """The built-in recognizer, whose framing of the crops of the tests is known."""
    loaded = load_recognizer(BUILT_IN)
    with torch.no_grad():
        loaded.features(torch.zeros(1, 3, SIZE_PX, SIZE_PX))
    return loaded


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_step_runs_on_one_device_and_waits_for_it_twice(recognizer: Recognizer, kind: str, precision: str) -> None:
    seen, metrics = one_step(recognizer, kind, precision)
    assert {
        "loss/pixel",
        "loss/feature",
        "loss/identity_source",
        "loss/adversarial",
        "loss/expression",
        "loss/discriminator",
    } <= set(metrics)
    assert seen.waits == ["tolist"] * 2
    assert seen.imprecise == []
    assert (seen.low_precision > 0) == (precision != "fp32")


def test_the_parts_of_a_batch_add_no_waits(recognizer: Recognizer) -> None:
    seen, _ = one_step(recognizer, "fields", "bf16", accumulate=2)
    assert seen.waits == ["tolist"] * 2


def test_the_number_of_operations_does_not_depend_on_the_batch(recognizer: Recognizer) -> None:
    small_batch, large_batch = (one_step(recognizer, "pixels", "bf16", num=num)[0] for num in (4, 8))
    assert large_batch.operations.total() == small_batch.operations.total()


def test_gradients_and_optimizers_of_a_step_stay_on_the_device() -> None:
    """In a process of its own, see ``fake_cuda``."""
    register_guard()  # skips without a compiler
    words = [sys.executable, "-W", "ignore", "-m", "tests.training.fake_step"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert [(each["kind"], each["precision"]) for each in found] == [(k, p) for k in KINDS for p in PRECISIONS]
    for each in found:
        assert each["waits"] == ["tolist"] * 2, each
        assert each["imprecise"] == []
        assert each["backward_operations"] > 100
        assert (each["low_precision"] > 0) == (each["precision"] != "fp32")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_batches_of_an_evaluation_run_on_one_device(recognizer: Recognizer, kind: str, precision: str) -> None:
    """Fp32 as at inference and in the evaluation; the validation of a training uses the training's precision."""
    shape = configuration(small(model={"kind": kind, "width": 8}), recognizer)
    generator, frozen = shape.build().eval(), recognizer.kept_in(torch.float32)
    with fake_cuda() as seen, torch.no_grad():
        for network in (generator, frozen):
            on_fake_cuda(network)
        images = torch.zeros(NUM, 3, SIZE_PX, SIZE_PX, device=CUDA)
        description = generator.description.describe(frozen.features, images)
        guide = Guide(*(part.to(CUDA, non_blocking=True) for part in guides(NUM, SIZE_PX)))
        with autocast(CUDA, precision):
            swapped = generator(images, images, description, guide).image
        levels, embedding = frozen.features(swapped)
    assert swapped.device == embedding.device == levels[0].device == CUDA
    assert swapped.shape == images.shape
    assert seen.waits == []
    assert seen.imprecise == []
    assert (seen.low_precision > 0) == (precision != "fp32")


def test_the_observer_notices_waits_and_low_precision() -> None:
    with fake_cuda() as seen:
        values = torch.ones(4, 2, device=CUDA)
        with pytest.raises(DynamicOutputShapeException):
            values[values[:, 0] > 0]
    assert "aten.index.Tensor with a mask" in seen.waits
    with fake_cuda() as seen, torch.autocast("cuda", torch.bfloat16):
        torch.ones(5, 2, device=CUDA) @ torch.ones(2, 3, device=CUDA)
        torch.ones(2).to(CUDA)
        bool(torch.ones(1, device=CUDA).any())
    assert len(seen.imprecise) == 1
    assert [wait.split(" in ")[0] for wait in seen.waits] == ["copy from cpu to cuda:0", "item"]
    with fake_cuda(), pytest.raises(RuntimeError, match="two devices"):
        torch.ones(2, device=CUDA) + torch.ones(2)


def test_a_batch_is_a_group_batch(recognizer: Recognizer) -> None:
    shape = configuration(small(), recognizer)
    batch = raw_batch(NUM, SIZE_PX, shape.pooled_size + EMBEDDING_SIZE).prepare(
        torch.device("cpu"), GuideMaker(mesh_topology(), MeshReshape(), SIZE_PX)
    )
    assert isinstance(batch, GroupBatch)
    assert np.isfinite(batch.source.numpy()).all()
