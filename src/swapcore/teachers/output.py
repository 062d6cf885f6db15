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
from swapcore.tables import KeyedTable, open_table
from swapcore.teachers.assembly import SPLITS, Assembler
from swapcore.teachers.base import Teacher
from swapcore.teachers.checks import REASONS
from swapcore.teachers.sheet import groups_sheet

SHEET = "sheet.png"
_SHEET_ACCEPTED, _SHEET_REJECTED = 24, 12


def write_groups(folder: Path, params: GroupsParams, faces: FaceSet, assembler: Assembler, teacher: Teacher) -> None:
    """Write everything but shards and tables: contact sheet, recognizer, lineage, card.

    Args:
        folder: where the artifact is being built; contains the shards and the tables.
        params: the section groups.
        faces: the faces artifact.
        assembler: has counted all rows.
        teacher: made the fakes.

    Raises:
        ArtifactError: there is no accepted group of a training person.
    """
    if not any(assembler.tally.accepted[kind, "train"] for kind in (FAKE_TEMPLATE, FAKE_LABEL)):
        _refuse(faces, assembler)
    rows, images = open_table(folder / INDEX, GroupRow), KeyedTable(open_table(folder / IMAGES, ImageRow))
    sheet = groups_sheet(rows, GroupCrops(folder, images), _SHEET_ACCEPTED, _SHEET_REJECTED)
    (folder / SHEET).write_bytes(encode_sheet(sheet))
    shutil.copyfile(recognizer_path(faces.folder), folder / RECOGNIZER)
    pass_on("faces", faces.folder, folder)
    if teacher.model is not None:
        pass_on_model("teacher", teacher.model, folder)
    _write_card(folder, params, faces, assembler, teacher)


def _refuse(faces: FaceSet, assembler: Assembler) -> NoReturn:
    """Raise an error that says why there are no groups for training."""
    rows = zip(faces.rows.column("identity"), faces.rows.column("split"), strict=True)
    people = Counter(identity for identity, split in rows if split == "train")
    reasons = assembler.tally.rejected_fakes
    rejected = ", ".join(f"{reasons[reason]} {reason}" for reason in REASONS if reasons[reason])
    raise ArtifactError(
        f"{faces.folder}: no sample group can be made for training: {people.total()} photographs of {len(people)} training "
        f"people, {sum(n == 1 for n in people.values())} of them with one photograph only; "
        f"{assembler.tally.fakes} fakes made, rejected: {rejected or 'none'}; "
        "provide at least two people with two photographs each, or relax groups.checks"
    )


def _write_card(folder: Path, params: GroupsParams, faces: FaceSet, assembler: Assembler, teacher: Teacher) -> None:
    write_card(
        folder,
        "groups",
        params,
        inputs={"faces": artifact_digest(faces.folder), **({"teacher": teacher.version} if teacher.model else {})},
        counts=_counts(assembler),
        rejections=dict(assembler.tally.rejected),
        facts=GroupsFacts(
            size_px=params.size_px,
            teacher=TeacherFacts(name=teacher.name, version=teacher.version),
            recognizer=faces.recognizer,
        ),
    )


def _counts(assembler: Assembler) -> dict[str, int]:
    """Count real images, people, fakes, and accepted groups by kind and split."""
    tally = assembler.tally
    counts = {
        "photographs": tally.photographs_of.total(),
        "people": len(tally.photographs_of),
        "people_of_one_photograph": sum(num == 1 for num in tally.photographs_of.values()),
        "fakes": tally.fakes,
    }
    for kind in (FAKE_TEMPLATE, FAKE_LABEL):
        for split in SPLITS:
            counts[f"{kind}_{split}"] = tally.accepted[kind, split]
    return counts


def group_metrics(assembler: Assembler) -> dict[str, float]:
    """Compute the metrics of the stage: counts, share of fakes rejected for each reason, mean cosines of the fakes.

    The cosines are those of the recognizer that planned the fakes, over all fakes including rejected ones.
    """
    tally = assembler.tally
    return {
        **{f"groups/{name}": float(count) for name, count in _counts(assembler).items()},
        **{f"groups/rejected_{reason}": tally.rejected_fakes[reason] / tally.fakes for reason in REASONS},
        "teacher/cosine_source": float(np.mean(tally.cosines_source)),
        "teacher/cosine_template": float(np.mean(tally.cosines_template)),
    }
