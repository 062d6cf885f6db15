"""Training step and evaluation on fake CUDA tensors in all precisions."""

from typing import Any

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import DynamicOutputShapeException

from swapcore.config import NetworkParams
from swapcore.data.guiding import NUM_POINTS
from swapcore.data.preparing import Augmentation, GroupBatch, RawBatch
from swapcore.faces.mesh.guide import mesh_topology
from swapcore.faces.mesh.topology import NUM_LANDMARKS
from swapcore.faces.networks import load_recognizer
from swapcore.faces.recognizer import Recognizer
from swapcore.losses.total import SwapLoss
from swapcore.models.artifact import ModelConfiguration
from swapcore.models.source import pool_levels
from swapcore.ops.compose import Guide
from swapcore.ops.guide import GuideInputs, GuideMaker
from swapcore.training.distributed import SINGLE
from swapcore.training.setup import step_context
from swapcore.training.step import train_step
from swapcore.training.train_state import build_train_state
from swapcore.warp.reshaping import MeshReshape
from tests.training.fake_cuda import CUDA, Observer, fake_cuda, on_fake_cuda

pytestmark = pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor:UserWarning")
BUILT_IN = NetworkParams(kind="dlib", path=None, sha256=None)
KINDS = ["pixels", "fields"]
EMBEDDING_SIZE = 128
NUM, SIZE_PX = 4, 64


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    """The built-in recognizer, whose framing of the crops of the tests is known."""
    loaded = load_recognizer(BUILT_IN)
    with torch.no_grad():
        loaded.features(torch.zeros(1, 3, SIZE_PX, SIZE_PX))
    return loaded


def raw_batch(num: int, size_px: int, description_size: int) -> RawBatch:
    """Return a batch with everything that can be drawn: recut, covered and mirrored images, guides, known points."""

    def pixels(*shape: int) -> torch.Tensor:
        return torch.zeros(*shape, dtype=torch.uint8)

    augmentation = Augmentation(
        torch.ones(num, dtype=torch.bool), torch.zeros(num, 2, dtype=torch.int64), torch.ones(num, 3)
    )
    points = torch.zeros(num, NUM_POINTS, 2)
    return RawBatch(
        source=pixels(num, size_px, size_px, 3),
        template=pixels(num, size_px, size_px, 3),
        label=pixels(num, size_px, size_px, 3),
        recut_rows=torch.arange(num - 1),
        recut_views=torch.eye(2, 3).repeat(num - 1, 1, 1),
        occluded_rows=torch.arange(1),
        occluders=pixels(1, size_px, size_px, 4),
        of_source=augmentation,
        of_pair=augmentation,
        num_fake_labels=1,
        landmarks=landmarks(num),
        others={
            "source_index": torch.arange(num),
            "description": torch.zeros(num, description_size),
            "source_embedding": torch.zeros(num, EMBEDDING_SIZE),
            "template_embedding": torch.zeros(num, EMBEDDING_SIZE),
            "label_view": torch.eye(2, 3).repeat(num, 1, 1),
            "known_label": points,
            "known_source": points,
            "known_visible": points[..., 0],
            "known_hidden": points[..., 0],
        },
    )


def landmarks(num: int) -> GuideInputs:
    """Return the landmarks of a batch whose last pair has no mesh."""
    meshes = [torch.zeros(num - 1, NUM_LANDMARKS, 3, dtype=torch.float64) for _ in range(2)]
    five = [torch.zeros(1, 5, 2) for _ in range(2)]
    fits = torch.zeros(num - 1, 3, 4, dtype=torch.float64)
    return GuideInputs(torch.arange(num - 1), *meshes, fits, torch.tensor([num - 1]), *five)


def guides(num: int, size_px: int) -> Guide:
    channels = {name: 2 if "flow" in name else 1 for name in Guide._fields}
    return Guide(**{name: torch.zeros(num, number, size_px, size_px) for name, number in channels.items()})


def configuration(params: Any, recognizer: Recognizer) -> ModelConfiguration:
    with torch.no_grad():
        levels, embedding = recognizer.features(torch.zeros(1, 3, SIZE_PX, SIZE_PX))
    return ModelConfiguration(
        generator=params.model,
        size_px=params.size_px,
        embedding_size=EMBEDDING_SIZE,
        pooled_size=pool_levels(levels, embedding).shape[1],
    )


def one_step(tiny, recognizer: Recognizer, kind: str, precision: str, **step: Any) -> tuple[Observer, dict[str, float]]:
    """Run one whole step, from uint8 pixels to the moving average, with the discriminator."""
    params = tiny(
        model={"kind": kind, "width": 8}, precision=precision, device="cuda", batch_size=NUM, step=step,
        schedule={"adversarial_start": 0.0}, weights={"adversarial": 0.03},
    )  # fmt: skip
    shape = configuration(params, recognizer)
    raw = raw_batch(NUM, SIZE_PX, shape.pooled_size + EMBEDDING_SIZE)
    frozen = recognizer.kept_in({"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision, torch.float32))
    with fake_cuda() as seen:
        state = build_train_state(shape, params, CUDA)
        on_fake_cuda(frozen)
        maker = on_fake_cuda(GuideMaker(mesh_topology(), MeshReshape(), SIZE_PX))
        mean = torch.zeros(EMBEDDING_SIZE, device=CUDA)
        loss = SwapLoss(params.weights, frozen.features, mean, params.feature.num_levels, None)
        context = step_context(params, CUDA, loss, mean, SINGLE)
        seen.waits.clear()
        seen.operations.clear()
        metrics = train_step(state, raw.prepare(CUDA, maker), context)
    assert all(parameter.device == CUDA for parameter in state.generator.parameters())
    return seen, metrics


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_step_runs_on_one_device_and_waits_for_it_twice(tiny, recognizer, kind: str, precision: str) -> None:
    seen, metrics = one_step(tiny, recognizer, kind, precision)
    assert {"loss/pixel", "loss/feature", "loss/identity_source", "loss/adversarial", "loss/discriminator"} <= set(
        metrics
    )
    assert seen.waits == ["tolist"] * 2
    assert seen.imprecise == []
    assert (seen.low_precision > 0) == (precision != "fp32")


def test_the_parts_of_a_batch_add_no_waits(tiny, recognizer) -> None:
    seen, _ = one_step(tiny, recognizer, "fields", "bf16", accumulate=2)
    assert seen.waits == ["tolist"] * 2


def test_the_number_of_operations_does_not_depend_on_the_batch(tiny, recognizer, monkeypatch) -> None:
    small, _ = one_step(tiny, recognizer, "pixels", "bf16")
    monkeypatch.setattr("tests.training.test_fake_cuda.NUM", 8)
    large, _ = one_step(tiny, recognizer, "pixels", "bf16")
    assert large.operations.total() == small.operations.total()


@pytest.mark.parametrize("kind", KINDS)
def test_the_batches_of_an_evaluation_run_on_one_device(tiny, recognizer, kind: str) -> None:
    shape = configuration(tiny(model={"kind": kind, "width": 8}), recognizer)
    generator, frozen = shape.build().eval(), recognizer.kept_in(torch.float32)
    with fake_cuda() as seen, torch.no_grad():
        for network in (generator, frozen):
            on_fake_cuda(network)
        images = torch.zeros(NUM, 3, SIZE_PX, SIZE_PX, device=CUDA)
        description = generator.description.describe(frozen.features, images)
        guide = Guide(*(part.to(CUDA, non_blocking=True) for part in guides(NUM, SIZE_PX)))
        swapped = generator(images, images, description, guide).image
        levels, embedding = frozen.features(swapped)
    assert swapped.device == embedding.device == levels[0].device == CUDA
    assert swapped.shape == images.shape
    assert seen.waits == []


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


def test_a_batch_is_a_group_batch(tiny, recognizer) -> None:
    shape = configuration(tiny(), recognizer)
    batch = raw_batch(NUM, SIZE_PX, shape.pooled_size + EMBEDDING_SIZE).prepare(
        torch.device("cpu"), GuideMaker(mesh_topology(), MeshReshape(), SIZE_PX)
    )
    assert isinstance(batch, GroupBatch)
    assert np.isfinite(batch.source.numpy()).all()
