"""Merging of shards into the faces artifact: duplicates, mean embedding, wrong labels."""

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from swapcore.config import CropParams
from swapcore.cropping.part import Embeddings, PartSet
from swapcore.data.artifact import Card, write_card
from swapcore.data.consent import CONSENT
from swapcore.data.faces import INDEX, QUARANTINE, FaceRow, QuarantineRow
from swapcore.data.facts import ConsentFacts, FacesFacts, RightsFacts
from swapcore.data.lineage import write_people
from swapcore.data.recognizer_file import RecognizerFile, write_recognizer_file
from swapcore.data.shards import ShardWriter
from swapcore.data.splits import SPLITS
from swapcore.errors import InputError
from swapcore.faces.duplicates import find_near_duplicates
from swapcore.faces.labels import MIN_PEOPLE, identity_cosines, mean_of_people
from swapcore.ops.metrics import cosine_table
from swapcore.tables import write_table

_log = logging.getLogger(__name__)

_MAX_LOGGED = 20


def merge_parts(params: CropParams, parts: PartSet, folder: Path) -> Card:
    """Write the faces artifact into an empty folder.

    Raises:
        InputError: no photograph has a usable face.
    """
    rows, embeddings, quarantine = parts.rows, parts.embeddings, list(parts.quarantine)
    mean = np.zeros(parts.embedding_dim, np.float32)
    if rows:
        rows, embeddings = _without_repeats(rows, embeddings, params, quarantine)
        mean = _center(rows, embeddings) if rows else mean
        rows = _without_wrong_labels(rows, embeddings, mean, params.min_identity_cosine, quarantine)
    if not rows:
        raise _no_usable_face(quarantine)
    write_table(folder / INDEX, FaceRow, _place(rows, parts, folder))
    write_table(folder / QUARANTINE, QuarantineRow, sorted(quarantine, key=lambda row: (row.file, row.identity)))
    write_recognizer_file(folder, RecognizerFile(params.recognizer, mean))
    return _write_card(folder, params, parts, rows, quarantine)


def _place(rows: list[FaceRow], parts: PartSet, folder: Path) -> Iterator[FaceRow]:
    """Pack the crops that are used into the folder's shards; yield the rows with embeddings and their new offsets."""
    with ShardWriter(folder) as writer:
        for row in rows:
            place = writer.add_bytes(f"{row.key}.png", parts.image_bytes(row))
            yield replace(row, embedding=parts.embedding(row), **place._asdict())


def _write_card(
    folder: Path, params: CropParams, parts: PartSet, rows: list[FaceRow], quarantine: list[QuarantineRow]
) -> Card:
    photographs_card = parts.copy_sources(folder)
    photographs_digest = parts.photographs_digest()
    write_people(folder, photographs_digest, ((row.identity, row.split) for row in rows))
    people_by_split = Counter({row.identity: row.split for row in rows}.values())
    for split in SPLITS:
        if not people_by_split[split]:
            _log.warning("the split %s has no people; add people, change crop.split, or name splits in a CSV", split)
    return write_card(
        folder,
        "faces",
        params,
        inputs={"photographs": photographs_digest},
        counts={
            "photographs": len(rows) + len(quarantine),
            "faces": len(rows),
            "people": len({row.identity for row in rows}),
        },
        rejections=dict(sorted(Counter(row.reason for row in quarantine).items())),
        facts=FacesFacts(
            size_px=params.size_px,
            recognizer=params.recognizer.digest(),
            embedding_dim=parts.embedding_dim,
            people_by_split=dict(sorted(people_by_split.items())),
            consent=ConsentFacts(sha256=parts.consent, rights=_rights(rows)),
            photographs_card=photographs_card,
        ),
    )


def _rights(rows: list[FaceRow]) -> list[RightsFacts]:
    """Return each consent basis and licence with its number of people and photographs."""
    members: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        members.setdefault((row.consent_basis, row.consent_licence), []).append(row.identity)
    return [
        RightsFacts(basis=basis, licence=licence, people=len(set(people)), photographs=len(people))
        for (basis, licence), people in sorted(members.items())
    ]


def _without_repeats(
    rows: list[FaceRow], embeddings: Embeddings, params: CropParams, quarantine: list[QuarantineRow]
) -> tuple[list[FaceRow], Embeddings]:
    """Quarantine files of two identities, repeated files and near-duplicates of a person."""
    faults = _repeated_files(rows)
    members: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        if index not in faults:
            members.setdefault(row.identity, []).append(index)
    mean = mean_of_people(embeddings, [row.identity for row in rows]) if len(members) >= MIN_PEOPLE else None
    for indices in members.values():
        # The largest of several similar faces is kept.
        ordered = sorted(indices, key=lambda i: (-rows[i].eye_distance_px, i))
        repeats = find_near_duplicates(
            [rows[i].perceptual_hash for i in ordered],
            params.near_duplicate_bits,
            None if mean is None else cosine_table(embeddings[ordered], embeddings[ordered], mean),
            params.near_duplicate_cosine,
        )
        for repeat, original in repeats.items():
            faults[ordered[repeat]] = ("near-duplicate", f"looks like {rows[ordered[original]].file}")
    for index, (reason, detail) in sorted(faults.items()):
        quarantine.append(QuarantineRow(rows[index].file, rows[index].identity, reason, detail))
    kept = [i for i in range(len(rows)) if i not in faults]
    return [rows[i] for i in kept], embeddings[kept]


def _repeated_files(rows: list[FaceRow]) -> dict[int, tuple[str, str]]:
    """Map index -> (reason, detail) for files with equal bytes; the first is kept unless their identities differ."""
    same: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        same.setdefault(row.photo_sha256, []).append(index)
    faults: dict[int, tuple[str, str]] = {}
    for indices in same.values():
        people = sorted({rows[i].identity for i in indices})
        if len(people) > 1:
            # The identity is ambiguous, and the file could be on both sides of the split.
            faults |= dict.fromkeys(indices, ("two-identities", f"the same file is listed as {', '.join(people)}"))
        else:
            faults |= dict.fromkeys(indices[1:], ("duplicate", f"the same bytes as {rows[indices[0]].file}"))
    return faults


def _center(rows: list[FaceRow], embeddings: Embeddings) -> Embeddings:
    """Return the mean embedding of the training people, or of all people if there are too few in training."""
    training = [i for i, row in enumerate(rows) if row.split == "train"]
    if len({rows[i].identity for i in training}) < MIN_PEOPLE:
        _log.warning("fewer than %d training people: face features are centered by the mean of all people", MIN_PEOPLE)
        training = list(range(len(rows)))
    return mean_of_people(embeddings[training], [rows[i].identity for i in training])


def _without_wrong_labels(
    rows: list[FaceRow], embeddings: Embeddings, mean: Embeddings, min_cosine: float, quarantine: list[QuarantineRow]
) -> list[FaceRow]:
    """Quarantine faces with a low cosine to their person's other faces; store the cosine in the other rows."""
    identities = [row.identity for row in rows]
    if len(set(identities)) < MIN_PEOPLE:
        _log.warning("fewer than %d people: wrong labels are not detected", MIN_PEOPLE)
        return rows
    kept = []
    for row, cosine in zip(rows, identity_cosines(embeddings, identities, mean), strict=True):
        if cosine is not None and cosine < min_cosine:
            detail = (
                f"cosine {cosine:.2f} to the person's other photographs is below min_identity_cosine {min_cosine:g}"
            )
            quarantine.append(QuarantineRow(row.file, row.identity, "wrong-label", detail))
        else:
            kept.append(replace(row, identity_cosine=cosine))
    return kept


def _no_usable_face(quarantine: list[QuarantineRow]) -> InputError:
    """Log the first rejected files, since no artifact is written that lists them, and return the error."""
    for row in quarantine[:_MAX_LOGGED]:
        _log.warning("rejected %s: %s: %s", row.file, row.reason, row.detail)
    reasons = Counter(row.reason for row in quarantine)
    counts = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
    if not quarantine:
        fix = "the folder has no image files; add one sub-folder of images per person"
    elif set(reasons) <= {"no-consent", "consent-expired"}:
        fix = f"add a valid line for each person to {CONSENT}"
    else:
        fix = "add other photographs, or change the limits in crop.quality that the reasons name"
    return InputError(f"no usable face in {len(quarantine)} photographs: {counts or 'none given'}; {fix}")
