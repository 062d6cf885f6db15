"""Fixtures for a small training: drawn people, a pooling recognizer, a generator of 30,000 parameters."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from swapcore.config import Params, TrainParams, read_params
from swapcore.data.groups import GroupSet
from swapcore.data.guiding import GuideSource
from swapcore.data.sampling import GroupSampler
from swapcore.losses.total import SwapLoss
from swapcore.models.artifact import ModelConfiguration
from swapcore.ops.guide import GuideMaker, MeshTopology, Reshape
from swapcore.tracking import NoTracking
from swapcore.training.checkpoint import CheckpointStore
from swapcore.training.describing import describe_sources
from swapcore.training.distributed import SINGLE
from swapcore.training.loop import LoopContext
from swapcore.training.setup import step_context
from swapcore.training.step import StepContext
from swapcore.training.train_state import TrainState, build_train_state
from swapcore.training.validation import ValidationSet
from tests.training.small_groups import EMBEDDING_SIZE, write_groups

torch.set_num_threads(1)
CPU = torch.device("cpu")
PARAMS = Path(__file__).parents[2] / "params.yaml"
TOPOLOGY = MeshTopology(np.array([[0, 1, 2], [1, 3, 2]]), np.array([1, 0, 3, 2]), *np.zeros((5, 2), bool))
"""Of four landmarks: two above, two below."""


class TemplateStays(Reshape):
    """An output whose landmarks are the template's."""

    def fit(self, sources: np.ndarray, templates: np.ndarray) -> np.ndarray:
        del templates
        return np.zeros((len(sources), 3, 4))

    def forward(self, sources: torch.Tensor, templates: torch.Tensor, fits: torch.Tensor) -> torch.Tensor:
        del sources, fits
        return templates[..., :2]


TINY: dict[str, Any] = {
    "initial": None, "size_px": 64, "steps": 12, "batch_size": 4, "precision": "fp32", "device": "cpu", "threads": 1,
    "schedule": {"warmup_steps": 2, "adversarial_start": 0.5}, "feature": {"num_levels": 2},
    "loop": {"log_every": 3, "sample_every": 6}, "checkpoint": {"every": 4}, "weights": {"adversarial": 0.03},
    "model": {"kind": "pixels", "compose_scale": 1, "max_flow": 0.04, "width": 8, "num_levels": 2,
              "num_fusion_blocks": 1, "unshuffle": 2, "window": 0.75, "copies_source": True,
              "moves_template": True, "discriminator_width": 8},
}  # fmt: skip


def merged(values: dict[str, Any], *changes: dict[str, Any]) -> dict[str, Any]:
    """Merge nested dictionaries; later ones win."""
    result = dict(values)
    for change in changes:
        for key, value in change.items():
            old = result.get(key)
            result[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def recognize(crops: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Return two levels of averages; the coarser one is the embedding, as in ``small_groups.embed``."""
    fine, coarse = F.adaptive_avg_pool2d(crops, 8), F.adaptive_avg_pool2d(crops, 2)
    return [fine, coarse], coarse.flatten(1).float()


@pytest.fixture(scope="session")
def pipeline_params() -> Params:
    return read_params(PARAMS)


@pytest.fixture
def tiny(pipeline_params: Params) -> Callable[..., TrainParams]:
    """Make a small section train with changes; keys of sub-sections are nested dictionaries."""

    def make(**changes: Any) -> TrainParams:
        return TrainParams.model_validate(merged(pipeline_params.train.model_dump(mode="json"), TINY, changes))

    return make


@pytest.fixture(scope="session")
def groups(tmp_path_factory: pytest.TempPathFactory, pipeline_params: Params) -> GroupSet:
    return GroupSet(write_groups(tmp_path_factory.mktemp("data") / "groups", pipeline_params))


@dataclass
class Run:
    """Parts of a training, assembled as ``setup.set_up`` does, with the pooling recognizer."""

    state: TrainState
    sampler: GroupSampler
    context: StepContext
    loop: LoopContext


@pytest.fixture
def start(groups: GroupSet, tmp_path: Path) -> Callable[..., Run]:
    """Start or resume a training in a folder."""

    drawn_groups = groups

    def make(
        params: TrainParams,
        name: str = "run",
        tracker: Any = None,
        digest: str = "digest",
        groups: GroupSet = drawn_groups,
    ) -> Run:
        mean = torch.from_numpy(groups.embedding_mean)
        configuration = ModelConfiguration(
            generator=params.model, size_px=params.size_px, embedding_size=EMBEDDING_SIZE, pooled_size=12
        )
        state = build_train_state(configuration, params, CPU)
        size_px = configuration.composed_px
        source = GuideSource(
            groups.crops, TOPOLOGY, GuideMaker(TOPOLOGY, TemplateStays(), params.size_px), groups.size_px
        )
        guide = source if params.model.kind == "fields" else None
        sampler = GroupSampler(
            groups, params.sampling, size_px=size_px, batch_size=params.batch_size, seed=params.seed, guide=guide
        )
        sampler.describe = describe_sources(state.generator.description, sampler, recognize, mean, CPU)
        state.ema.description.load_state_dict(state.generator.description.state_dict())
        validation = ValidationSet(
            groups, size_px=size_px, limit=4, recognize=recognize, precision="fp32", device=CPU, guide=guide
        )
        (tmp_path / name).mkdir(exist_ok=True)
        checkpoints = CheckpointStore(tmp_path / name, digest, params.checkpoint.keep)
        checkpoints.resume(state)
        loss = SwapLoss(params.weights, recognize, mean, params.feature.num_levels, None)
        context = step_context(params, CPU, loss, mean, SINGLE)
        loop = LoopContext(
            params=params.loop,
            health_checks=params.health_checks,
            checkpoint_every=params.checkpoint.every,
            batch_size=params.batch_size,
            batches=sampler.batch,
            validate=validation.evaluate,
            checkpoints=checkpoints,
            tracker=tracker or NoTracking(),
            folder=tmp_path / name,
        )
        return Run(state, sampler, context, loop)

    return make
