"""A whole training step on fake CUDA tensors. As a program, with autograd's own engine, for all generators and precisions."""

import json
import sys
from typing import Any

import torch

from swapcore.config import NetworkParams, TrainParams, read_params
from swapcore.data.guiding import NUM_POINTS
from swapcore.data.preparing import Augmentation, RawBatch
from swapcore.faces.mesh.crops import crop_expression
from swapcore.faces.mesh.guide import mesh_topology
from swapcore.faces.mesh.landmarker import FaceMesh
from swapcore.faces.mesh.topology import NUM_LANDMARKS
from swapcore.faces.networks import load_recognizer
from swapcore.faces.recognizer import Recognizer
from swapcore.losses.total import SwapLoss
from swapcore.models.artifact import ModelConfiguration
from swapcore.models.source import pool_levels
from swapcore.ops.compose import GUIDE_CHANNELS, Guide
from swapcore.ops.guide import GuideInputs, GuideMaker
from swapcore.training.distributed import SINGLE
from swapcore.training.setup import step_context
from swapcore.training.step import train_step
from swapcore.training.train_state import build_train_state
from swapcore.warp.reshaping import MeshReshape
from tests.training.conftest import PARAMS, TINY, merged
from tests.training.fake_cuda import CUDA, Observer, fake_cuda, on_fake_cuda

BUILT_IN = NetworkParams(kind="dlib", path=None, sha256=None)
KINDS = ("pixels", "fields")
PRECISIONS = ("fp32", "bf16", "fp16")
EMBEDDING_SIZE = 128
NUM, SIZE_PX = 4, 64


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
    return Guide(**{name: torch.zeros(num, number, size_px, size_px) for name, number in GUIDE_CHANNELS.items()})


def configuration(params: Any, recognizer: Recognizer) -> ModelConfiguration:
    with torch.no_grad():
        levels, embedding = recognizer.features(torch.zeros(1, 3, SIZE_PX, SIZE_PX))
    return ModelConfiguration(
        generator=params.model,
        size_px=params.size_px,
        embedding_size=EMBEDDING_SIZE,
        pooled_size=pool_levels(levels, embedding).shape[1],
    )


def small(**changes: Any) -> TrainParams:
    """Return a small section train with changes."""
    return TrainParams.model_validate(merged(read_params(PARAMS).train.model_dump(mode="json"), TINY, changes))


def one_step(
    recognizer: Recognizer, kind: str, precision: str, *, num: int = NUM, own_engine: bool = False, **step: Any
) -> tuple[Observer, dict[str, float]]:
    """Run one whole step, from uint8 pixels to the moving average, with the discriminator and the expression loss.

    Args:
        recognizer: dlib's.
        kind: of the generator.
        precision: of the step.
        num: batch size.
        own_engine: compute gradients by autograd's engine; see ``fake_cuda``.
        **step: changes of train.step.
    """
    params = small(
        model={"kind": kind, "width": 8}, precision=precision, device="cuda", batch_size=num, step=step,
        schedule={"adversarial_start": 0.0}, weights={"adversarial": 0.03, "expression": 0.1},
    )  # fmt: skip
    shape = configuration(params, recognizer)
    raw = raw_batch(num, SIZE_PX, shape.pooled_size + EMBEDDING_SIZE)
    frozen = recognizer.kept_in({"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision, torch.float32))
    mesh, maker = FaceMesh(), GuideMaker(mesh_topology(), MeshReshape(), SIZE_PX)
    with fake_cuda(own_engine=own_engine) as seen:
        state = build_train_state(shape, params, CUDA)
        for network in (frozen, mesh, maker):
            on_fake_cuda(network)
        mean = torch.zeros(EMBEDDING_SIZE, device=CUDA)
        loss = SwapLoss(
            params.weights, frozen.features, mean, params.feature.num_levels, None,
            lambda images: crop_expression(images, mesh),
        )  # fmt: skip
        context = step_context(params, CUDA, loss, mean, SINGLE)
        seen.waits.clear()
        seen.operations.clear()
        metrics = train_step(state, raw.prepare(CUDA, maker), context)
    assert all(parameter.device == CUDA for parameter in state.generator.parameters())
    assert all(parameter.grad is not None for parameter in state.generator.parameters())
    return seen, metrics


def main() -> None:
    """Print what was seen of each combination, as JSON."""
    recognizer, found = load_recognizer(BUILT_IN), []
    with torch.no_grad():
        recognizer.features(torch.zeros(1, 3, SIZE_PX, SIZE_PX))
    for kind in KINDS:
        for precision in PRECISIONS:
            seen, metrics = one_step(recognizer, kind, precision, own_engine=True)
            found.append(
                {
                    "kind": kind, "precision": precision, "waits": seen.waits, "imprecise": seen.imprecise,
                    "low_precision": seen.low_precision, "metrics": sorted(metrics),
                    "operations": sum(n for name, n in seen.operations.items() if name.startswith("aten")),
                    "backward_operations": sum(n for name, n in seen.operations.items() if "backward" in name),
                }
            )  # fmt: skip
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
