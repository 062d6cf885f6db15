"""Files and metrics of a groups artifact."""

import shutil
from collections import Counter
from pathlib import Path
from typing import NoReturn

import numpy as np

from swapcore.config import GroupsParams
from swapcore.data.artifact import artifact_digest, write_card
from swapcore.data.faces import FaceSet
from swapcore.data.facts import GroupsFacts, TeacherFacts
from swapcore.data.groups import FAKE_LABEL, FAKE_TEMPLATE, IMAGES, INDEX, GroupCrops, GroupRow, ImageRow
from swapcore.data.lineage import pass_on, pass_on_model
from swapcore.data.recognizer_file import RECOGNIZER, recognizer_path
from swapcore.errors import ArtifactError
from swapcore.ops.image import encode_sheet
from swapcore.tables import write_table
from swapcore.teachers.assembly import SPLITS, Assembler
from swapcore.teachers.base import Teacher
from swapcore.teachers.checks import REASONS
from swapcore.teachers.sheet import groups_sheet

SHEET = "sheet.png"
_SHEET_ACCEPTED, _SHEET_REJECTED = 24, 12


def write_groups(folder: Path, params: GroupsParams, faces: FaceSet, assembler: Assembler, teacher: Teacher) -> None:
    """Write everything but the shards: tables, contact sheet, recognizer, lineage, card.

    Args:
        folder: where the artifact is being built; contains the shards.
        params: the section groups.
        faces: the faces artifact.
        assembler: has all rows.
        teacher: made the fakes.

    Raises:
        ArtifactError: there is no accepted group of a training person.
    """
    if not any(row.accepted and row.split == "train" for row in assembler.groups):
        _refuse(faces, assembler)
    write_table(folder / IMAGES, ImageRow, list(assembler.images.values()))
    write_table(folder / INDEX, GroupRow, assembler.groups)
    crops = GroupCrops(folder, assembler.images)
    sheet = groups_sheet(assembler.groups, crops, _SHEET_ACCEPTED, _SHEET_REJECTED)
    (folder / SHEET).write_bytes(encode_sheet(sheet))
    shutil.copyfile(recognizer_path(faces.folder), folder / RECOGNIZER)
    pass_on("faces", faces.folder, folder)
    if teacher.model is not None:
        pass_on_model("teacher", teacher.model, folder)
    _write_card(folder, params, faces, assembler, teacher)


def _refuse(faces: FaceSet, assembler: Assembler) -> NoReturn:
    """Raise an error that says why there are no groups for training."""
    people = Counter(row.identity for row in faces.rows if row.split == "train")
    reasons = Counter(fake.reason for fake in assembler.fakes if fake.reason)
    rejected = ", ".join(f"{reasons[reason]} {reason}" for reason in REASONS if reasons[reason])
    raise ArtifactError(
        f"{faces.folder}: no sample group can be made for training: {people.total()} photographs of {len(people)} training "
        f"people, {sum(n == 1 for n in people.values())} of them with one photograph only; "
        f"{len(assembler.fakes)} fakes made, rejected: {rejected or 'none'}; "
        "provide at least two people with two photographs each, or relax groups.checks"
    )


def _write_card(folder: Path, params: GroupsParams, faces: FaceSet, assembler: Assembler, teacher: Teacher) -> None:
    rejected = Counter(row.reason for row in assembler.groups if not row.accepted)
    write_card(
        folder,
        "groups",
        params,
        inputs={"faces": artifact_digest(faces.folder), **({"teacher": teacher.version} if teacher.model else {})},
        counts=_counts(assembler),
        rejections=dict(rejected),
        facts=GroupsFacts(
            size_px=params.size_px,
            teacher=TeacherFacts(name=teacher.name, version=teacher.version),
            recognizer=faces.recognizer,
        ),
    )


def _counts(assembler: Assembler) -> dict[str, int]:
    """Count real images, people, fakes, and accepted groups by kind and split."""
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


def group_metrics(assembler: Assembler) -> dict[str, float]:
    """Compute the metrics of the stage: counts, share of fakes rejected for each reason, mean cosines of the fakes.

    The cosines are those of the recognizer that planned the fakes, over all fakes including rejected ones.
    """
    fakes = assembler.fakes
    reasons = Counter(fake.reason for fake in fakes)
    return {
        **{f"groups/{name}": float(count) for name, count in _counts(assembler).items()},
        **{f"groups/rejected_{reason}": reasons[reason] / len(fakes) for reason in REASONS},
        "teacher/cosine_source": float(np.mean([fake.cosine_source for fake in fakes])),
        "teacher/cosine_template": float(np.mean([fake.cosine_template for fake in fakes])),
    }
