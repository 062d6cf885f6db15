"""The groups stage: faces in, sample groups of both kinds out, their fakes made and checked."""

import shutil
from collections import Counter
from pathlib import Path
from typing import NoReturn

import cv2
import numpy as np

from swapcore.config import GroupsParams, InputPath, OptionalInputPath, OutputPath
from swapcore.data.artifact import artifact_digest, building, write_card
from swapcore.data.faces import FaceSet
from swapcore.data.groups import (
    FAKE_LABEL,
    FAKE_TEMPLATE,
    IMAGES,
    INDEX,
    LANDMARKS,
    GroupRow,
    ImageRow,
    Pictures,
    PointsWriter,
)
from swapcore.data.lineage import pass_on, pass_on_model
from swapcore.data.recognizer_file import RECOGNIZER
from swapcore.data.shards import ShardWriter
from swapcore.errors import ArtifactError, ParamsError
from swapcore.faces.mesh.crops import crop_landmarks
from swapcore.faces.mesh.files import is_installed
from swapcore.faces.mesh.topology import NUM_LANDMARKS
from swapcore.faces.networks import load_recognizer
from swapcore.ops.image import encode_sheet
from swapcore.tables import write_table
from swapcore.teachers.assembly import SPLITS, Assembler
from swapcore.teachers.base import Teacher, load_teacher
from swapcore.teachers.checks import REASONS
from swapcore.teachers.registered import RegisteredTeacher
from swapcore.teachers.sheet import groups_sheet

SHEET = "sheet.png"
_BATCH_SIZE = 16
_SHEET_ACCEPTED, _SHEET_REJECTED = 24, 12


def run(
    params: GroupsParams, *, faces: InputPath, teacher: OptionalInputPath = None, groups: OutputPath
) -> dict[str, float]:
    """Make sample groups of the training and the validation people.

    Args:
        params: the section `groups`.
        faces: a faces artifact.
        teacher: a model artifact that makes the fakes, whatever the params say of the teacher.
        groups: where the groups artifact is written.

    Returns:
        The metrics: how many fakes and groups, how many rejected and why, centered cosines of the fakes.

    Raises:
        ParamsError: values that do not fit the faces.
        ArtifactError: faces or teacher cannot be read, or no sample group for training can be made of them.
        InputError: the registered teacher's model is not there.
    """
    face_set = FaceSet(faces)
    _check(params, face_set)
    if teacher is None:
        maker = load_teacher(params, face_set)
    else:
        maker = RegisteredTeacher(teacher)
        params = params.model_copy(update={"teacher": "registered", "teacher_model": None})
    recognizer = load_recognizer(face_set.recognizer)
    # OpenCV's own threads would fight with the worker processes for the cores.
    cv2.setNumThreads(1)
    with building(groups) as folder:
        with ShardWriter(folder, params.shard_megabytes) as shards:
            locate = (crop_landmarks, PointsWriter(folder / LANDMARKS, NUM_LANDMARKS, 2)) if is_installed() else None
            embed = lambda images: recognizer.embed(images, _BATCH_SIZE)  # noqa: E731
            assembler = Assembler(params, face_set, embed, shards, locate)
            assembler.add_real_crops()
            assembler.add_fakes(assembler.draw(), maker)
        if not any(row.accepted and row.split == "train" for row in assembler.groups):
            _refuse(face_set, assembler)
        _write(folder, assembler)
        shutil.copyfile(faces / RECOGNIZER, folder / RECOGNIZER)
        pass_on("faces", faces, folder)
        if maker.model is not None:
            pass_on_model("teacher", maker.model, folder)
        _write_card(folder, params, face_set, assembler, maker)
    return metrics(assembler)


def _check(params: GroupsParams, faces: FaceSet) -> None:
    if params.size_px > faces.size_px:
        raise ParamsError(
            f"groups.size_px: {params.size_px} is more than the {faces.size_px} px of {faces.folder}; "
            "lower it, or raise crop.size_px and run crop again"
        )
    if not params.references_per_label + params.sources_per_template:
        raise ParamsError("groups.references_per_label, groups.sources_per_template: both are 0; raise one of them")


def _refuse(faces: FaceSet, assembler: Assembler) -> NoReturn:
    """Say why there is nothing to train on."""
    people = Counter(row.identity for row in faces.rows if row.split == "train")
    reasons = Counter(fake.reason for fake in assembler.fakes if fake.reason)
    rejected = ", ".join(f"{reasons[reason]} {reason}" for reason in REASONS if reasons[reason])
    raise ArtifactError(
        f"{faces.folder}: no sample group can be made for training: {people.total()} photographs of {len(people)} training "
        f"people, {sum(n == 1 for n in people.values())} of them with one photograph only; "
        f"{len(assembler.fakes)} fakes made, rejected: {rejected or 'none'}; "
        "give at least two people with two photographs each, or ease groups.checks"
    )


def _write(folder: Path, assembler: Assembler) -> None:
    """The tables, and the sheet that shows what they name."""
    write_table(folder / IMAGES, ImageRow, list(assembler.images.values()))
    write_table(folder / INDEX, GroupRow, assembler.groups)
    pictures = Pictures(folder, assembler.images)
    sheet = groups_sheet(assembler.groups, pictures, _SHEET_ACCEPTED, _SHEET_REJECTED)
    (folder / SHEET).write_bytes(encode_sheet(sheet))


def _write_card(folder: Path, params: GroupsParams, faces: FaceSet, assembler: Assembler, teacher: Teacher) -> None:
    rejected = Counter(row.reason for row in assembler.groups if not row.accepted)
    write_card(
        folder,
        "groups",
        params,
        inputs={"faces": artifact_digest(faces.folder), **({"teacher": teacher.version} if teacher.model else {})},
        counts=_counts(assembler),
        rejections=dict(rejected),
        facts={
            "size_px": params.size_px,
            "teacher": {"name": teacher.name, "version": teacher.version},
            "recognizer": faces.recognizer.model_dump(mode="json"),
        },
    )


def _counts(assembler: Assembler) -> dict[str, int]:
    """Photographs, people, fakes, and accepted groups by kind and split."""
    real = [row for row in assembler.images.values() if row.origin == "real"]
    people = Counter(row.identity for row in real)
    counts = {
        "photographs": len(real),
        "people": len(people),
        "people_of_one_photograph": sum(num == 1 for num in people.values()),
        "fakes": len(assembler.fakes),
    }
    for kind in (FAKE_TEMPLATE, FAKE_LABEL):
        for split in SPLITS:
            accepted = [row for row in assembler.groups if row.accepted and (row.kind, row.split) == (kind, split)]
            counts[f"{kind}_{split}"] = len(accepted)
    return counts


def metrics(assembler: Assembler) -> dict[str, float]:
    """What the stage reports: counts, shares of fakes rejected by reason, and how well the teacher moves identities.

    The cosines are those of the recognizer that chose the fakes, over all fakes, the rejected too.
    """
    fakes = assembler.fakes
    reasons = Counter(fake.reason for fake in fakes)
    return {
        **{f"groups/{name}": float(count) for name, count in _counts(assembler).items()},
        **{f"groups/rejected_{reason}": reasons[reason] / len(fakes) for reason in REASONS},
        "teacher/cosine_source": float(np.mean([fake.cosine_source for fake in fakes])),
        "teacher/cosine_template": float(np.mean([fake.cosine_template for fake in fakes])),
    }
