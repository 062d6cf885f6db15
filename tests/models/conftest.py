"""A tiny generator and a tiny differentiable stand-in for a recognizer."""

from collections.abc import Sequence

import pytest
import torch
import torch.nn.functional as F

from swapcore.config import ModelParams
from swapcore.models.artifact import ModelConfiguration

torch.set_num_threads(1)


def recognize_by_pooling(crops: torch.Tensor) -> tuple[Sequence[torch.Tensor], torch.Tensor]:
    """Two levels of averages, and the coarser one as the embedding (B, 12)."""
    fine, coarse = F.adaptive_avg_pool2d(crops, 8), F.adaptive_avg_pool2d(crops, 2)
    return [fine, coarse], coarse.flatten(1)


@pytest.fixture
def configuration() -> ModelConfiguration:
    params = ModelParams(
        kind="pixels",
        compose_scale=1,
        max_flow=0.04,
        width=8,
        num_levels=2,
        num_fusion_blocks=1,
        unshuffle=2,
        window=1.0,
        copies_source=True,
        moves_template=True,
        discriminator_width=8,
    )
    return ModelConfiguration(generator=params, size_px=64, embedding_size=12, pooled_size=12)


@pytest.fixture
def recognize():
    return recognize_by_pooling
