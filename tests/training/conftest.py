"""A tiny training run: drawn people, a pooling "recognizer", a generator of 30 thousand parameters."""

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
from swapcore.ops.guide import Topology
from swapcore.tracking import NoTracking
from swapcore.training.checkpoint import CheckpointStore
from swapcore.training.loop import Surroundings
from swapcore.training.samples import Samples
from swapcore.training.sources import describe_sources
from swapcore.training.step import StepContext
from swapcore.training.train_state import Learner, build_learner
from tests.training.small_groups import EMBEDDING_SIZE, write_groups

torch.set_num_threads(1)
CPU = torch.device("cpu")
TOPOLOGY = Topology(np.array([[0, 1, 2], [1, 3, 2]]), np.array([1, 0, 3, 2]))
"""Of four landmarks: two above, two below."""

TINY: dict[str, Any] = {
    "size_px": 64, "steps": 12, "batch_size": 4, "warmup_steps": 2, "adversarial_start": 0.5, "precision": "fp32",
    "device": "cpu", "threads": 1, "log_every": 3, "sample_every": 6, "checkpoint_every": 4, "num_feature_levels": 2,
    "model": {"kind": "pixels", "compose_scale": 1, "max_flow": 0.04, "width": 8, "num_levels": 2, "num_fusion_blocks": 1, "unshuffle": 2, "window": 0.75, "copies_source": True,
              "moves_template": True, "discriminator_width": 8},
}  # fmt: skip


def recognize(crops: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Two levels of averages; the coarser one is the embedding, as ``small_groups.embed`` has it."""
    fine, coarse = F.adaptive_avg_pool2d(crops, 8), F.adaptive_avg_pool2d(crops, 2)
    return [fine, coarse], coarse.flatten(1).float()


@pytest.fixture(scope="session")
def pipeline_params() -> Params:
    return read_params(Path(__file__).parents[2] / "params.yaml")


@pytest.fixture
def tiny(pipeline_params: Params) -> Callable[..., TrainParams]:
    """The section train, tiny, with changes."""

    def make(**changes: Any) -> TrainParams:
        recipe = pipeline_params.train.model_dump()
        recipe["weights"] |= {"adversarial": 0.03}
        return TrainParams.model_validate(recipe | TINY | changes)

    return make


@pytest.fixture(scope="session")
def groups(tmp_path_factory: pytest.TempPathFactory, pipeline_params: Params) -> GroupSet:
    return GroupSet(write_groups(tmp_path_factory.mktemp("data") / "groups", pipeline_params))


@dataclass
class Run:
    """The parts of a run, as the stage puts them together."""

    learner: Learner
    sampler: GroupSampler
    context: StepContext
    around: Surroundings


@pytest.fixture
def start(groups: GroupSet, tmp_path: Path) -> Callable[..., Run]:
    """Begin, or resume, a run in a folder."""

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
        learner = build_learner(configuration, params, CPU)
        size_px = configuration.composed_px
        source = GuideSource(groups.pictures, TOPOLOGY, groups.size_px, params.size_px)
        guide = source if params.model.kind == "fields" else None
        sampler = GroupSampler(
            groups, size_px=size_px, batch_size=params.batch_size, fake_label_share=params.fake_label_share,
            augment=params.augment, memory_megabytes=params.memory_megabytes, seed=params.seed, guide=guide,
        )  # fmt: skip
        descriptions = describe_sources(learner.generator.description, sampler, recognize, mean, CPU)
        learner.ema.description.load_state_dict(learner.generator.description.state_dict())
        samples = Samples(
            groups, size_px=size_px, limit=4, recognize=recognize, precision="fp32", device=CPU, guide=guide
        )
        (tmp_path / name).mkdir(exist_ok=True)
        checkpoints = CheckpointStore(tmp_path / name, digest, params.checkpoints_kept)
        checkpoints.resume(learner)
        loss = SwapLoss(params.weights, recognize, mean, params.num_feature_levels, None)
        context = StepContext(params, CPU, loss, descriptions, mean)
        around = Surroundings(sampler.batch, samples.judge, checkpoints, tracker or NoTracking(), tmp_path / name)
        return Run(learner, sampler, context, around)

    return make
