"""Files of a trained model."""

import csv
import shutil
from pathlib import Path

from swapcore.config import TrainParams
from swapcore.data.artifact import artifact_digest, write_card
from swapcore.data.facts import ModelFacts
from swapcore.data.groups import GroupSet
from swapcore.data.lineage import pass_on, pass_on_model
from swapcore.data.recognizer_file import RECOGNIZER, recognizer_path
from swapcore.hub.references import resolve_model
from swapcore.models.artifact import ModelConfiguration, save_generator
from swapcore.ops.device import number_format
from swapcore.training.selection import select
from swapcore.training.setup import Training
from swapcore.training.train_state import Metrics, TrainState

LOSSES = "losses.csv"


def input_digests(groups: Path, initial: Path | None) -> dict[str, str]:
    """Return the digests of the artifacts that a model is made from: the groups and, if there is one, the initial model."""
    return {"groups": artifact_digest(groups)} | ({"initial": resolve_model(initial).digest} if initial else {})


def write_model(folder: Path, params: TrainParams, groups: GroupSet, initial: Path | None, training: Training) -> None:
    """Write a model artifact. The same training gives the same bytes: no file depends on time or machine.

    Args:
        folder: where the model is being built.
        params: the section train.
        groups: the groups artifact.
        initial: model that gave the initial weights, if any.
        training: the finished training.
    """
    state = training.state
    selected = select(state)
    configuration = _configuration(params, state)
    save_generator(folder, state.ema, configuration)
    shutil.copyfile(recognizer_path(groups.folder), folder / RECOGNIZER)
    _write_losses(folder / LOSSES, state.history)
    pass_on("groups", groups.folder, folder)
    inputs = input_digests(groups.folder, initial)
    if initial is not None and groups.card.inputs.get("teacher") != inputs["initial"]:
        pass_on_model("initial", resolve_model(initial).folder, folder)  # otherwise it is there already, as the teacher
    write_card(
        folder,
        "model",
        params,
        inputs=inputs,
        counts={"steps": state.step, "groups": len(groups.accepted_indices("train")), "sources": training.num_sources},
        facts=ModelFacts(
            size_px=configuration.composed_px,
            precision=number_format(training.context.device, params.precision),
            selected=selected,
            rollbacks=state.rollbacks,
            recognizer=groups.recognizer,
            groups=groups.card.record(),
        ),
    )


def _configuration(params: TrainParams, state: TrainState) -> ModelConfiguration:
    description = state.generator.description
    return ModelConfiguration(
        generator=params.model,
        size_px=params.size_px,
        embedding_size=description.embedding_mean.numel(),
        pooled_size=description.pooled_mean.numel(),
    )


def _write_losses(path: Path, history: list[Metrics]) -> None:
    """Write one line for each logged step; a term that was not active is left empty."""
    names = sorted({name for row in history for name in row} - {"step"})
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ["step", *names], lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
