"""Compared methods: model, champion, copied template, teacher and true swap."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from swapcore.config import GroupsParams
from swapcore.data.artifact import artifact_digest
from swapcore.data.faces import Face
from swapcore.errors import ArtifactError, InputError, ParamsError, TrackingError, first_line
from swapcore.evaluation.evaluator import RenderedTruth
from swapcore.evaluation.inputs import EvaluationInputs
from swapcore.evaluation.methods import (
    CHAMPION,
    MODEL,
    TEACHER,
    TEMPLATE_COPIED,
    TRUTH,
    Batch,
    Method,
    Swap,
    copy_template,
    one_by_one,
    swap_or_keep,
)
from swapcore.evaluation.pairs import Pair
from swapcore.hub.loading import load_face_swapper
from swapcore.hub.native_crop import side_for
from swapcore.hub.references import LocatedModel, resolve_model
from swapcore.ops.image import Image, resize
from swapcore.teachers.base import as_image_swap, load_teacher


def model_and_baselines(
    inputs: EvaluationInputs, truth: RenderedTruth | None, champion: LocatedModel | None, pairs: Sequence[Pair]
) -> tuple[list[Method], list[str]]:
    """Return the methods, the model first, and notes for the report's reader.

    Args:
        inputs: the model and the faces.
        truth: exact values of synthesized faces, or None.
        champion: the registered model to compare with, or None.
        pairs: the pairs; the true swap is a method only if it is known for all of them.
    """
    methods = [Method(MODEL, "model", _model_swap(inputs, inputs.model))]
    if champion:
        label = f"champion, {describe_version(champion)}"
        methods.append(Method(CHAMPION, label, _model_swap(inputs, champion)))
    methods.append(Method(TEMPLATE_COPIED, "template copied", copy_template))
    notes = []
    try:
        params = GroupsParams.model_validate(GroupsParams.not_in_cards | inputs.card.facts.groups.params)
        methods.append(_teacher(inputs, params))
    except (ParamsError, ValidationError) as error:
        notes.append(f"The teacher’s swap is not shown because it cannot be loaded: {first_line(error)}.")
    if inputs.card.facts.groups.inputs.get("faces") != artifact_digest(inputs.faces.folder):
        notes.append(
            "The model’s card names other faces than these, so it is not proven that training did not use the test people."
        )
    return methods + _true_swap(inputs, truth, pairs), notes


def find_champion_model(reference: str | None) -> tuple[LocatedModel | None, list[str]]:
    """Fetch the model of evaluate.champion; if it is not available, return a note instead."""
    if reference is None:
        return None, []
    try:
        return resolve_model(reference), []
    except (InputError, ArtifactError, TrackingError) as error:
        return None, [f"The champion is not shown: {first_line(error)}."]


def describe_version(model: LocatedModel) -> str:
    """Return the version of a registered model, or the name of a folder or a built-in model."""
    return f"version {model.version}" if model.version and model.place else model.name


def _teacher(inputs: EvaluationInputs, params: GroupsParams) -> Method:
    """Return the teacher; the dense warp if the model's teacher is the true swap or a model."""
    label = "teacher’s swap"
    if params.teacher != "warp":
        params, label = params.model_copy(update={"teacher": "warp"}), "dense warp"
    return Method(TEACHER, label, one_by_one(as_image_swap(load_teacher(params, inputs.faces))))


def _model_swap(inputs: EvaluationInputs, model: Path | LocatedModel) -> Swap:
    """Return a model's swap; images are resized to and from the size of a model of another size."""
    swapper = load_face_swapper(model, str(inputs.device))
    side_px = side_for(swapper, inputs.size_px)

    def crops(faces: Sequence[Face]) -> Batch:
        return np.stack([resize(face.image, side_px) for face in faces])

    def swap(sources: Sequence[Face], templates: Sequence[Face]) -> Batch:
        swapped = swap_or_keep(swapper, crops(sources), crops(templates))
        return np.stack([resize(image, inputs.size_px) for image in swapped])

    return swap


def _true_swap(inputs: EvaluationInputs, truth: RenderedTruth | None, pairs: Sequence[Pair]) -> list[Method]:
    """Return the true swap as a method if it is known for every pair."""
    rows = {row for pair in pairs for row in pair}
    if truth is None or not truth.knows(*(inputs.face(row) for row in rows)):
        return []

    def swap(source: Face, template: Face) -> Image:
        image = truth.swap(source, template)
        assert image is not None
        return image

    return [Method(TRUTH, "true swap", one_by_one(swap))]
