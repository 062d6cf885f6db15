"""Merging of groups artifacts that were made part by part."""

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from swapcore.config import GroupsParams
from swapcore.data.artifact import CARD, artifact_digest, building, write_card
from swapcore.data.groups import IMAGES, INDEX, LANDMARKS, SURFACE, GroupRow, GroupSet, ImageRow
from swapcore.data.lineage import LINEAGE
from swapcore.data.recognizer_file import RecognizerFile, write_recognizer_file
from swapcore.errors import ArtifactError
from swapcore.tables import write_table


def merge_groups(parts: list[Path], groups: Path) -> None:
    """Write one groups artifact with the images and groups of several, which show different people.

    The parts' cards and people are kept in lineage/part-0000, lineage/part-0001, …; the first part's are also where those of
    an ordinary artifact are. Embeddings are centered by the mean over the people of all parts.

    Args:
        parts: groups artifacts, made with equal params.
        groups: the artifact to write.

    Raises:
        ArtifactError: a part is missing or damaged, or the parts do not belong together.
    """
    sets = [GroupSet(part) for part in parts]
    _require_equal(sets)
    with building(groups) as folder:
        rows = _merge_tables(sets, folder)
        for name in (LANDMARKS, SURFACE):
            _concatenate([part / name for part in parts], folder / name)
        people = [group_set.card.counts["people"] for group_set in sets]
        mean = np.average([group_set.embedding_mean for group_set in sets], axis=0, weights=people)
        write_recognizer_file(folder, RecognizerFile(sets[0].recognizer, mean.astype(np.float32)))
        _keep_lineage(parts, folder)
        write_card(
            folder,
            "groups",
            GroupsParams.model_validate(sets[0].card.params | GroupsParams.not_in_cards),
            inputs={"faces": sets[0].card.inputs["faces"]}
            | {f"part-{number:04d}": artifact_digest(part) for number, part in enumerate(parts)},
            counts=_sum_counts(sets),
            rejections=dict(Counter(row.reason for row in rows if not row.accepted)),
            facts=sets[0].card.facts,
        )


def _sum_counts(sets: list[GroupSet]) -> dict[str, int]:
    return {name: sum(group_set.card.counts[name] for group_set in sets) for name in sets[0].card.counts}


def _require_equal(sets: list[GroupSet]) -> None:
    first = sets[0].card
    for group_set in sets[1:]:
        if group_set.card.params != first.params or group_set.card.facts != first.facts:
            raise ArtifactError(f"{group_set.folder}: made with other params than {sets[0].folder}; make it again")
    keys = Counter(key for group_set in sets for key in group_set.images)
    shared = next((key for key, number in keys.items() if number > 1), None)
    if shared is not None:
        raise ArtifactError(f"{sets[0].folder}: image {shared} is in two parts; give parts of different people")


def _merge_tables(sets: list[GroupSet], folder: Path) -> list[GroupRow]:
    """Copy the shards under new names, and write the rows of all parts, which refer to them."""
    images: list[ImageRow] = []
    num_shards = 0
    for group_set in sets:
        names = sorted({row.shard for row in group_set.images.values()})
        renamed = {name: f"shard-{num_shards + number:05d}.tar" for number, name in enumerate(names)}
        num_shards += len(names)
        for before, after in renamed.items():
            shutil.copyfile(group_set.folder / before, folder / after)
        images += [replace(row, shard=renamed[row.shard]) for row in group_set.images.values()]
    rows = [row for group_set in sets for row in group_set.rows]
    write_table(folder / INDEX, GroupRow, rows)
    write_table(folder / IMAGES, ImageRow, images)
    return rows


def _concatenate(files: list[Path], target: Path) -> None:
    """Concatenate files of points; either all parts have one, or none has."""
    present = [file for file in files if file.is_file()]
    if not present:
        return
    if len(present) < len(files):
        missing = next(file for file in files if not file.is_file())
        raise ArtifactError(f"{missing}: missing, but other parts have it; make the part again")
    with target.open("wb") as stream:
        for file in files:
            with file.open("rb") as part:
                shutil.copyfileobj(part, stream)


def _keep_lineage(parts: list[Path], folder: Path) -> None:
    lineage = folder / LINEAGE
    shutil.copytree(parts[0] / LINEAGE, lineage)
    for number, part in enumerate(parts):
        own = lineage / f"part-{number:04d}"
        shutil.copytree(part / LINEAGE, own)
        shutil.copyfile(part / CARD, own / "groups.json")
