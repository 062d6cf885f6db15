"""Assembly of a training from its params and a groups artifact."""

import functools
from dataclasses import dataclass
from pathlib import Path

import torch

from swapcore.config import FeatureParams, TrainParams
from swapcore.data.groups import GroupSet
from swapcore.data.guiding import GuideSource
from swapcore.data.sampling import GroupSampler
from swapcore.faces.mesh.crops import crop_expression
from swapcore.faces.mesh.guide import mesh_topology
from swapcore.faces.mesh.landmarker import load_face_mesh
from swapcore.faces.networks import load_feature_network, load_recognizer
from swapcore.faces.recognizer import Recognizer
from swapcore.losses.total import SwapLoss
from swapcore.models.artifact import AnyGenerator, ModelConfiguration, load_generator
from swapcore.models.source import pool_levels
from swapcore.ops.device import dtype_of
from swapcore.ops.embedding import Levels
from swapcore.tracking import Tracker
from swapcore.training.checkpoint import CheckpointStore
from swapcore.training.describing import describe_sources
from swapcore.training.distributed import Processes, require_enough_groups
from swapcore.training.loop import LoopContext, Validate
from swapcore.training.step import StepContext
from swapcore.training.train_state import Metrics, TrainState, build_train_state
from swapcore.training.validation import ValidationSet
from swapcore.warp.guide import guide_maker

_GPU_WORKERS = 4


@dataclass(frozen=True)
class RunContext:
    """Environment of a training: where it runs, and where its files and metrics go."""

    folder: Path
    """The folder in which the model is being built."""
    checkpoints: CheckpointStore
    tracker: Tracker
    device: torch.device
    processes: Processes


@dataclass(frozen=True)
class Training:
    """A training, ready to run."""

    state: TrainState
    context: StepContext
    loop: LoopContext
    num_sources: int


def set_up(params: TrainParams, groups: GroupSet, initial: Path | None, run: RunContext) -> Training:
    """Build a training and resume it from its newest checkpoint, if there is one.

    Args:
        params: the section train.
        groups: the groups artifact.
        initial: model folder that gives the generator's initial weights; None for random weights.
        run: device, processes and outputs.

    Raises:
        ArtifactError: the groups are too few, or the initial model is damaged.
        ParamsError: a network is not available.
    """
    recognizer = load_recognizer(groups.recognizer).to(run.device)
    mean = torch.from_numpy(groups.embedding_mean).to(run.device)
    configuration = _configuration(params, recognizer, run.device)
    state = build_train_state(configuration, params, run.device)
    if initial is not None:
        state.start_from(load_generator(initial, run.device)[0])
    guide = _guide_source(params, groups, run.device)
    sampler = GroupSampler(
        groups,
        params.sampling,
        size_px=configuration.composed_px,
        batch_size=params.batch_size,
        seed=params.seed,
        guide=guide,
    )
    require_enough_groups(sampler.num_groups, run.processes)
    sampler.describe = describe_sources(
        state.generator.description, sampler, recognizer.features, mean, run.device,
        processes=run.processes,
        cache_megabytes=params.sampling.cache_megabytes,
        recognizer=groups.recognizer.digest(),
    )  # fmt: skip
    state.ema.description.load_state_dict(state.generator.description.state_dict())
    validate: Validate = _not_validated
    if run.processes.is_first:
        validate = ValidationSet(
            groups,
            size_px=configuration.composed_px,
            limit=params.loop.validation_groups,
            recognize=recognizer.features,
            precision=params.precision,
            device=run.device,
            guide=guide,
        ).evaluate
    run.processes.setup_barrier()  # from here on the processes are at most a step apart
    run.checkpoints.resume(state)
    run.processes.share_weights([state.generator, state.discriminator, state.ema])
    loop = _loop_context(params, sampler, validate, run)
    context = step_context(params, run.device, _loss(params, recognizer, mean), mean, run.processes)
    return Training(state, context, loop, sampler.num_sources)


def _not_validated(_generator: AnyGenerator, _sheet: Path) -> Metrics:
    """Stand in for the validation in processes other than the first, which alone validates."""
    raise AssertionError("only the first process validates")


def step_context(
    params: TrainParams,
    device: torch.device,
    loss: SwapLoss,
    embedding_mean: torch.Tensor,
    processes: Processes,
) -> StepContext:
    """Collect the constants of the steps.

    Args:
        params: the section train.
        device: of models and tensors.
        loss: of the generator.
        embedding_mean: (D,), mean raw embedding of the training people.
        processes: the process group.
    """
    return StepContext(
        params=params.step,
        schedule=params.schedule,
        recovery=params.recovery,
        jitter=params.jitter,
        num_steps=params.steps,
        seed=params.seed,
        precision=params.precision,
        device=device,
        loss=loss,
        embedding_mean=embedding_mean,
        processes=processes,
    )


def _guide_source(params: TrainParams, groups: GroupSet, device: torch.device) -> GuideSource | None:
    """Return the source of guides, which only the field generator needs."""
    if params.model.kind != "fields":
        return None
    # Batches are made on the CPU for every device but CUDA.
    maker = guide_maker(params.size_px, str(device) if device.type == "cuda" else "cpu")
    return GuideSource(groups.crops, mesh_topology(), maker, groups.size_px)


def _loop_context(params: TrainParams, sampler: GroupSampler, validate: Validate, run: RunContext) -> LoopContext:
    share = run.processes.share(params.batch_size)
    on_gpu = run.device.type == "cuda"

    return LoopContext(
        params=params.loop,
        health_checks=params.health_checks,
        checkpoint_every=params.checkpoint.every,
        batch_size=params.batch_size,
        batches=(lambda step: sampler.draw(step, share).pinned())
        if on_gpu
        else (lambda step: sampler.batch(step, share)),
        validate=validate,
        checkpoints=run.checkpoints,
        tracker=run.tracker,
        folder=run.folder,
        prepare=(lambda raw: sampler.prepare(raw, run.device)) if on_gpu else None,
        # A GPU consumes batches faster than one thread makes them; a CPU needs its cores for the step.
        workers=params.sampling.workers or (_GPU_WORKERS if on_gpu else 1),
        prefetch=params.sampling.prefetch,
    )


def _configuration(params: TrainParams, recognizer: Recognizer, device: torch.device) -> ModelConfiguration:
    """Return the generator's shape; the recognizer's output for one crop gives the sizes of the source conditioning."""
    with torch.no_grad():
        levels, embedding = recognizer.features(torch.zeros(1, 3, params.size_px, params.size_px, device=device))
    return ModelConfiguration(
        generator=params.model,
        size_px=params.size_px,
        embedding_size=embedding.shape[1],
        pooled_size=pool_levels(levels, embedding).shape[1],
    )


def _loss(params: TrainParams, recognizer: Recognizer, embedding_mean: torch.Tensor) -> SwapLoss:
    """Build the losses; the frozen networks are stored in the dtype in which they are computed."""
    device = embedding_mean.device
    dtype = dtype_of(device, params.precision)
    levels = _feature_levels(params.feature, device, dtype)
    recognize = recognizer.kept_in(dtype).features
    measure = None
    if params.weights.expression:
        measure = functools.partial(crop_expression, mesh=load_face_mesh(str(device)))
    return SwapLoss(params.weights, recognize, embedding_mean, params.feature.num_levels, levels, measure)


def _feature_levels(params: FeatureParams, device: torch.device, dtype: torch.dtype) -> Levels | None:
    return None if params.network is None else load_feature_network(params.network).to(device).kept_in(dtype).levels
