"""The train stage: sample groups to model, resumable, on one or several processes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from swapcore.config import InputPath, ModelParams, OptionalInputPath, OutputPath, TrainParams
from swapcore.data.artifact import artifact_digest, building, partial_folder
from swapcore.data.groups import GroupSet
from swapcore.data.lineage import params_before
from swapcore.errors import ParamsError
from swapcore.hub.references import resolve_model
from swapcore.models.artifact import CONFIGURATION, read_configuration
from swapcore.ops.device import require_compiler, select_device, set_threads
from swapcore.tracking import MODEL_TAG, TRAINING_TAG, NoTracking, Tracker, track, warn_if_uncommitted
from swapcore.training.checkpoint import CheckpointStore, fingerprint
from swapcore.training.distributed import join_processes, require_divisible
from swapcore.training.loop import train
from swapcore.training.output import LOSSES, input_digests, write_model
from swapcore.training.setup import RunContext, set_up


def run(
    params: TrainParams, *, groups: InputPath, initial: OptionalInputPath = None, model: OutputPath
) -> dict[str, float]:
    """Train a generator on sample groups. Of several processes that torchrun started, only the first writes files.

    Args:
        params: the section train.
        groups: a groups artifact.
        initial: a model artifact that gives the generator's initial weights; without it params.initial does, and without that
            they are random, by params.seed.
        model: the model artifact to write. Checkpoints are in its temporary folder until it is finished.

    Returns:
        The last row of losses.csv without the step: loss terms and validation metrics.

    Raises:
        ArtifactError: the groups are missing, damaged or too few; or the initial model is missing or damaged.
        ParamsError: the crop size is above the groups', a device or network is not available, or the initial model has another
            shape than train.model.
        TrainingError: a loss is not finite, a checkpoint cannot be written, or another process died.
        TrainingInterruptedError: SIGTERM; the state is saved.
    """
    set_threads(params.threads)
    if initial is None and params.initial is not None:
        initial = resolve_model(params.initial).folder
    group_set = GroupSet(groups)
    _check(params, group_set, initial)
    device = select_device(params.device)
    if params.step.compile:
        require_compiler(device)
    with join_processes(device) as processes:
        require_divisible(params.batch_size, params.step.accumulate, params.step.frozen_network_every, processes)
        identity = fingerprint(params, *input_digests(groups, initial).values())
        processes.require_same(identity, "params, groups, initial models, or versions of swapcore or torch")
        write = _written if processes.is_first else _not_written
        with write(params, group_set, model, identity) as (folder, tracker):
            checkpoints = CheckpointStore(folder, identity, params.checkpoint.keep, processes)
            run_context = RunContext(folder, checkpoints, tracker, device, processes)
            training = set_up(params, group_set, initial, run_context)
            train(training.state, training.context, training.loop)
            if processes.is_first:
                checkpoints.remove()
                write_model(folder, params, group_set, initial, training)
    return {name: value for name, value in training.state.history[-1].items() if name != "step"}


def _check(params: TrainParams, groups: GroupSet, initial: Path | None) -> None:
    if initial is not None and not _fits(read_configuration(resolve_model(initial).folder).generator, params.model):
        raise ParamsError(
            f"train.model: has another shape than {initial}, whose weights do not fit; use the values of its "
            f"{CONFIGURATION}, or set train.initial: null"
        )
    composed_px = params.size_px * params.model.compose_scale
    if composed_px > groups.size_px:
        raise ParamsError(
            f"train.size_px: composed at {composed_px} px, more than the groups' {groups.size_px}; "
            "lower it or train.model.compose_scale, or raise groups.size_px and make the groups again"
        )


@contextmanager
def _written(params: TrainParams, groups: GroupSet, model: Path, identity: str) -> Iterator[tuple[Path, Tracker]]:
    """Yield the folder in which to build the model, and a tracker that logs params, groups and the finished model."""
    warn_if_uncommitted("train")
    with track("train", {TRAINING_TAG: identity}, resume="unfinished") as tracker:
        tracker.log_params("train", params)
        for stage, values in params_before(groups.folder).items():
            tracker.log_params(stage, values)
        tracker.log_dataset("groups", groups.folder, artifact_digest(groups.folder), "training")
        with building(model, keep_partial=True) as folder:
            yield folder, tracker
        tracker.set_tags({MODEL_TAG: artifact_digest(model)})
        tracker.log_file(model / LOSSES)


@contextmanager
def _not_written(
    _params: TrainParams, _groups: GroupSet, model: Path, _identity: str
) -> Iterator[tuple[Path, Tracker]]:
    """The same for a process that writes nothing."""
    yield partial_folder(model), NoTracking()


def _fits(trained: ModelParams, wanted: ModelParams) -> bool:
    """Whether weights of one generator fit the other; the reach of flows does not matter."""
    return trained.model_copy(update={"max_flow": wanted.max_flow}) == wanted
