"""The train stage: sample groups in, model folder out; killed and run again, it goes on where it was; torchrun may start several."""

import csv
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from swapcore.config import InputPath, OptionalInputPath, OutputPath, TrainParams
from swapcore.data.artifact import artifact_digest, building, partial_folder, write_card
from swapcore.data.groups import GroupSet
from swapcore.data.guiding import GuideSource
from swapcore.data.lineage import params_before, pass_on, pass_on_model
from swapcore.data.recognizer_file import RECOGNIZER
from swapcore.data.sampling import Batch, GroupSampler
from swapcore.errors import ParamsError
from swapcore.faces.mesh.guide import mesh_topology
from swapcore.faces.networks import load_feature_network, load_recognizer
from swapcore.faces.recognizer import Recognizer
from swapcore.hub.references import resolve_model
from swapcore.losses.total import SwapLoss
from swapcore.models.artifact import (
    CONFIGURATION,
    ModelConfiguration,
    load_generator,
    read_configuration,
    save_generator,
)
from swapcore.models.source import pool_levels
from swapcore.ops.device import dtype_of, number_format, select_device, set_threads
from swapcore.tracking import MODEL_TAG, TRAINING_TAG, NoTracking, Tracker, track
from swapcore.training.checkpoint import CheckpointStore, fingerprint
from swapcore.training.distributed import Processes, joined, require_divisible
from swapcore.training.loop import Surroundings, train
from swapcore.training.samples import Samples
from swapcore.training.selection import select
from swapcore.training.sources import describe_sources
from swapcore.training.step import StepContext
from swapcore.training.train_state import Learner, Metrics, build_learner

LOSSES = "losses.csv"


def run(
    params: TrainParams, *, groups: InputPath, initial: OptionalInputPath = None, model: OutputPath
) -> dict[str, float]:
    """Train a generator on sample groups; of several processes that torchrun started, the first alone writes.

    Args:
        params: the section train.
        groups: a groups artifact.
        initial: a model artifact from whose weights the generator starts; without it from params.initial, and without
            that from chance, by params.seed.
        model: the model artifact to write; while it is built, its checkpoints lie in the partial folder beside it.

    Returns:
        The last row of losses.csv, the step apart: loss terms, and the figures of validation people.

    Raises:
        ArtifactError: the groups are missing, damaged or too few; or the initial model is.
        ParamsError: a crop size above the groups' own, a device or network that is not there, or an initial model of
            another shape than train.model.
        TrainingError: a loss that is not finite, a checkpoint that cannot be written, or another process that is gone.
        TrainingInterruptedError: SIGTERM; the state is saved.
    """
    set_threads(params.threads)
    if initial is None and params.initial is not None:
        initial = resolve_model(params.initial).folder
    group_set = GroupSet(groups)
    if initial is not None:
        _check_initial(params, initial)
    _check_size(params, group_set)
    device = select_device(params.device)
    with joined(device) as processes:
        require_divisible(params, processes)
        identity = fingerprint(params, *_origins(groups, initial).values())
        processes.require_same(identity, "params, groups, initial models, or versions of swapcore or torch")
        write = _written if processes.is_first else _left_to_the_first
        with write(params, group_set, model, identity) as (folder, tracker):
            checkpoints = CheckpointStore(folder, identity, params.checkpoints_kept, processes)
            learner, sampler = _train(params, group_set, initial, folder, checkpoints, tracker, device, processes)
            if processes.is_first:
                _finish(params, group_set, initial, folder, learner, sampler)
    return {name: value for name, value in learner.history[-1].items() if name != "step"}


@contextmanager
def _written(params: TrainParams, groups: GroupSet, model: Path, identity: str) -> Iterator[tuple[Path, Tracker]]:
    """Give the folder to build the model in, and a tracker that is told of params, groups and the finished model."""
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
def _left_to_the_first(
    _params: TrainParams, _groups: GroupSet, model: Path, _identity: str
) -> Iterator[tuple[Path, Tracker]]:
    """The same for a process that writes nothing."""
    yield partial_folder(model), NoTracking()


def _check_size(params: TrainParams, groups: GroupSet) -> None:
    composed_px = params.size_px * params.model.compose_scale
    if composed_px > groups.size_px:
        raise ParamsError(
            f"train.size_px: composed at {composed_px} px, more than the groups' {groups.size_px}; "
            "lower it or train.model.compose_scale, or raise groups.size_px and make the groups again"
        )


def _check_initial(params: TrainParams, initial: Path) -> None:
    if read_configuration(resolve_model(initial).folder).generator != params.model:
        raise ParamsError(
            f"train.model: another shape than that of {initial}, whose weights do not fit; take over the values of its "
            f"{CONFIGURATION}, or start without it"
        )


def _origins(groups: Path, initial: Path | None) -> dict[str, str]:
    """Digests of what the model is made from: the groups, and the model that it starts from, if there is one."""
    return {"groups": artifact_digest(groups)} | ({"initial": resolve_model(initial).digest} if initial else {})


def _train(
    params: TrainParams,
    groups: GroupSet,
    initial: Path | None,
    folder: Path,
    checkpoints: CheckpointStore,
    tracker: Tracker,
    device: torch.device,
    processes: Processes,
) -> tuple[Learner, GroupSampler]:
    """Put the parts together, resume if there is something to resume, and train to the end."""
    recognizer = load_recognizer(groups.recognizer).to(device)
    embedding_mean = torch.from_numpy(groups.embedding_mean).to(device)
    configuration = _configuration(params, recognizer, device)
    learner = build_learner(configuration, params, device)
    if initial is not None:
        learner.start_from(load_generator(initial, device)[0])
    guide = _guide_source(params, groups)
    sampler = GroupSampler(
        groups,
        size_px=configuration.composed_px,
        batch_size=params.batch_size,
        fake_label_share=params.fake_label_share,
        augment=params.augment,
        memory_megabytes=params.memory_megabytes,
        seed=params.seed,
        guide=guide,
    )
    descriptions = describe_sources(learner.generator.description, sampler, recognizer.features, embedding_mean, device)
    learner.ema.description.load_state_dict(learner.generator.description.state_dict())
    checkpoints.resume(learner)
    samples = Samples(
        groups,
        size_px=configuration.composed_px,
        limit=params.validation_groups,
        recognize=recognizer.features,
        precision=params.precision,
        device=device,
        guide=guide,
    )
    context = StepContext(
        params, device, _loss(params, recognizer, embedding_mean), descriptions, embedding_mean, processes
    )

    def batches(step: int) -> Batch:
        batch = sampler.batch(step, processes.share(params.batch_size))
        return batch.pinned() if device.type == "cuda" else batch

    train(learner, context, Surroundings(batches, samples.judge, checkpoints, tracker, folder))
    if processes.is_first:
        checkpoints.remove()
    return learner, sampler


def _configuration(params: TrainParams, recognizer: Recognizer, device: torch.device) -> ModelConfiguration:
    """The generator's shape: its source description is as wide as what this recognizer gives for a crop."""
    with torch.no_grad():
        levels, embedding = recognizer.features(torch.zeros(1, 3, params.size_px, params.size_px, device=device))
    return ModelConfiguration(
        generator=params.model,
        size_px=params.size_px,
        embedding_size=embedding.shape[1],
        pooled_size=pool_levels(levels, embedding).shape[1],
    )


def _guide_source(params: TrainParams, groups: GroupSet) -> GuideSource | None:
    """Where guides come from; the topology is asked for only where the generator needs it."""
    if params.model.kind != "fields":
        return None
    return GuideSource(groups.pictures, mesh_topology(), groups.size_px, params.size_px)


def _loss(params: TrainParams, recognizer: Recognizer, embedding_mean: torch.Tensor) -> SwapLoss:
    network, device = None, embedding_mean.device
    computed_in = dtype_of(device, params.precision)
    if params.feature_network is not None:
        network = load_feature_network(params.feature_network).to(device).kept_in(computed_in).levels
    recognize = recognizer.kept_in(computed_in).features
    return SwapLoss(params.weights, recognize, embedding_mean, params.num_feature_levels, network)


def _finish(
    params: TrainParams,
    groups: GroupSet,
    initial: Path | None,
    folder: Path,
    learner: Learner,
    sampler: GroupSampler,
) -> None:
    """Write the model's files; nothing in them depends on time, so that the same run gives the same bytes."""
    description = learner.generator.description
    configuration = ModelConfiguration(
        generator=params.model,
        size_px=params.size_px,
        embedding_size=description.embedding_mean.numel(),
        pooled_size=description.pooled_mean.numel(),
    )
    selected = select(learner)
    save_generator(folder, learner.ema, configuration)
    shutil.copyfile(groups.folder / RECOGNIZER, folder / RECOGNIZER)
    _write_losses(folder / LOSSES, learner.history)
    pass_on("groups", groups.folder, folder)
    origins = _origins(groups.folder, initial)
    if initial is not None and groups.card.inputs.get("teacher") != origins["initial"]:
        pass_on_model("initial", resolve_model(initial).folder, folder)  # else it lies there already, as the teacher
    rows = groups.accepted("train")
    write_card(
        folder,
        "model",
        params,
        inputs=origins,
        counts={"steps": learner.step, "groups": len(rows), "sources": len(sampler.sources)},
        facts={
            "size_px": configuration.composed_px,
            "precision": number_format(description.embedding_mean.device, params.precision),
            "selected": selected,
            "rollbacks": learner.rollbacks,
            "recognizer": groups.recognizer.model_dump(mode="json"),
            "groups": groups.card.model_dump(mode="json", exclude={"kind", "content"}),
        },
    )


def _write_losses(path: Path, history: list[Metrics]) -> None:
    """One line a logged step; a term that was not yet in play is left empty."""
    names = sorted({name for row in history for name in row} - {"step"})
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ["step", *names], lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
