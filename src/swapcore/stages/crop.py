"""Photographs to aligned faces: every photograph ends as a row of the index or, with its reason, of the quarantine."""

import hashlib
import logging
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from swapcore.config import CropParams, InputPath, OutputPath
from swapcore.data import consent as consents
from swapcore.data.artifact import CARD, building, file_digest, write_card
from swapcore.data.consent import CONSENT, ConsentLine, read_consent
from swapcore.data.faces import INDEX, QUARANTINE, FaceRow, QuarantineRow
from swapcore.data.lineage import pass_on, write_people
from swapcore.data.manifests import Manifest, PhotographEntry, read_manifest
from swapcore.data.photographs import decode_photograph, read_file
from swapcore.data.recogniser_file import RecogniserFile, write_recogniser_file
from swapcore.data.shards import Place, ShardReader, ShardWriter
from swapcore.data.splits import split_of
from swapcore.errors import FaceError, ImageError, InputError
from swapcore.faces.duplicates import find_near_duplicates, perceptual_hash
from swapcore.faces.extract import AlignedFace, extract_face
from swapcore.faces.labels import MIN_PEOPLE, identity_cosines, mean_of_people
from swapcore.faces.networks import load_recogniser
from swapcore.faces.quality import Quality, find_fault, measure_quality
from swapcore.faces.recogniser import Recogniser
from swapcore.ops.image import Image, encode_png
from swapcore.ops.metrics import cosine_table
from swapcore.parallel import ordered_map
from swapcore.progress import progress
from swapcore.synth.people import PARAMETERS
from swapcore.tables import write_table

_log = logging.getLogger(__name__)

_BATCH_SIZE = 32
_CHUNK_SIZE = 8
_WORTH_WORKERS = 256
_SPOOL = "spool"

Embeddings = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Task:
    """What a worker needs to know of one photograph."""

    entry: PhotographEntry
    consent: ConsentLine
    params: CropParams


@dataclass(frozen=True)
class Cut:
    """What a worker makes of one photograph."""

    sha256: str
    """Of the file; empty if it cannot be read."""
    result: "tuple[FaceRow, Image, bytes] | QuarantineRow"
    """Row, crop and PNG of a usable face. The row still lacks what only the whole set tells: features and place."""


def run(params: CropParams, *, photographs: InputPath, faces: OutputPath) -> dict[str, float]:
    """Crop every photograph that its person allows to be used, and write the faces artifact.

    Raises:
        InputError: the photographs' list or consent.csv cannot be used, or no photograph shows a usable face.
    """
    manifest = read_manifest(photographs)
    tasks, quarantine = _with_consent(manifest, params)
    recogniser = load_recogniser(params.recogniser)
    with building(faces) as folder:
        rows, embeddings, hashes = _cut_all(tasks, recogniser, folder / _SPOOL, quarantine)
        rows, embeddings = _without_repeats(rows, embeddings, params, quarantine)
        mean = _centre(rows, embeddings) if rows else np.zeros(recogniser.embedding_dim, np.float32)
        rows = _without_wrong_labels(rows, embeddings, mean, params.min_identity_cosine, quarantine)
        if not rows:
            raise InputError(
                f"{photographs}: no usable face in {len(quarantine)} photographs: {_by_reason(quarantine)}"
            )
        _write(folder, params, rows, mean, quarantine)
        if (manifest.root / PARAMETERS).is_file():
            # How synthesized photographs were rendered: the oracle teacher and the truth in evaluation read it.
            shutil.copyfile(manifest.root / PARAMETERS, folder / PARAMETERS)
        pass_on("photographs", manifest.root, folder)
        photographs_digest = _input_digest(manifest, hashes)
        write_people(folder, photographs_digest, ((row.identity, row.split) for row in rows))
        rejections = dict(sorted(Counter(row.reason for row in quarantine).items()))
        counts = {
            "photographs": len(rows) + len(quarantine),
            "faces": len(rows),
            "people": len({row.identity for row in rows}),
        }
        write_card(
            folder, "faces", params,
            inputs={"photographs": photographs_digest},
            counts=counts,
            rejections=rejections,
            facts={
                "size_px": params.size_px,
                "recogniser": params.recogniser.digest(),
                "embedding_dim": recogniser.embedding_dim,
                "people_by_split": dict(sorted(Counter({row.identity: row.split for row in rows}.values()).items())),
                "consent": {"sha256": file_digest(manifest.root / CONSENT), "rights": _rights(rows)},
                "photographs_card": _digest_of(manifest.root / CARD),
            },
        )  # fmt: skip
    return {key: float(value) for key, value in counts.items()} | {
        f"rejected/{reason}": float(count) for reason, count in rejections.items()
    }


def _with_consent(manifest: Manifest, params: CropParams) -> tuple[list[Task], list[QuarantineRow]]:
    """The photographs that may be opened today, and rows for all others."""
    consent, today = read_consent(manifest.root), consents.today()
    tasks, quarantine = [], list(manifest.quarantine)
    for entry in manifest.entries:
        line = consent.find(entry.identity, today)
        if isinstance(line, str):
            detail = f"{CONSENT} has no line in force for this person"
            quarantine.append(QuarantineRow(entry.file, entry.identity, line, detail))
        else:
            tasks.append(Task(entry, line, params))
    return tasks, quarantine


def _cut_all(
    tasks: list[Task], recogniser: Recogniser, spool: Path, quarantine: list[QuarantineRow]
) -> tuple[list[FaceRow], Embeddings, dict[str, str]]:
    """Rows of all usable faces, places in the spool, their features (N, D), and each file's hash."""
    rows: list[FaceRow] = []
    parts: list[Embeddings] = [np.zeros((0, recogniser.embedding_dim), np.float32)]
    hashes: dict[str, str] = {}
    with ShardWriter(spool) as writer:
        for batch in _batches(_cuts(tasks), _BATCH_SIZE):
            crops = []
            for task, cut in batch:
                hashes[task.entry.file] = cut.sha256
                if isinstance(cut.result, QuarantineRow):
                    quarantine.append(cut.result)
                    continue
                row, crop, png = cut.result
                place = writer.add_bytes(f"{row.key}.png", png)
                rows.append(replace(row, shard=place.shard, offset=place.offset, size=place.size))
                crops.append(crop)
            if crops:
                parts.append(recogniser.embed(np.stack(crops), _BATCH_SIZE))
    return rows, np.concatenate(parts), hashes


def _cuts(tasks: list[Task]) -> Iterator[tuple[Task, Cut]]:
    # Starting processes takes longer than cutting a few photographs.
    workers = tasks[0].params.workers if len(tasks) >= _WORTH_WORKERS else 1
    cuts = ordered_map(cut_photograph, tasks, workers=workers, chunk_size=_CHUNK_SIZE)
    return zip(tasks, progress(cuts, "crop", len(tasks)), strict=True)


def _batches(cuts: Iterator[tuple[Task, Cut]], size: int) -> Iterator[list[tuple[Task, Cut]]]:
    """Lists of so many; always the same photographs together, so that features do not depend on the workers."""
    batch = []
    for cut in cuts:
        batch.append(cut)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def cut_photograph(task: Task) -> Cut:
    """Everything that can be done with one photograph alone; runs in a worker."""
    entry, params = task.entry, task.params
    sha256 = ""
    try:
        data = read_file(entry.path)
        sha256 = hashlib.sha256(data).hexdigest()
        image = decode_photograph(data, entry.path, params.max_megapixels)
        face = extract_face(image, params.size_px, params.several_faces, entry.path)
    except (ImageError, FaceError) as error:
        # The full path would make the artifact depend on where the photographs lie.
        detail = str(error).removeprefix(f"{error.path}: ")
        return Cut(sha256, QuarantineRow(entry.file, entry.identity, error.reason, detail))
    quality = measure_quality(face)
    fault = find_fault(quality, params.quality)
    if fault:
        return Cut(sha256, QuarantineRow(entry.file, entry.identity, *fault))
    row = _face_row(task, sha256, image, face, quality)
    return Cut(sha256, (row, face.crop, encode_png(face.crop)))


def _face_row(task: Task, sha256: str, image: Image, face: AlignedFace, quality: Quality) -> FaceRow:
    entry = task.entry
    return FaceRow(
        key=entry.key,
        file=entry.file,
        identity=entry.identity,
        split=entry.split or split_of(entry.identity, task.params.split),
        photo_sha256=sha256,
        photo_width=image.shape[1],
        photo_height=image.shape[0],
        box=list(face.box[:4]),
        landmarks=face.landmarks.ravel().tolist(),
        affine=face.affine.ravel().tolist(),
        crop_points=face.points.ravel().tolist(),
        eye_distance_px=quality.eye_distance_px,
        sharpness=quality.sharpness,
        brightness=quality.brightness,
        clipped=quality.clipped,
        yaw_deg=quality.yaw_deg,
        roll_deg=quality.roll_deg,
        perceptual_hash=perceptual_hash(face.crop),
        embedding=[],
        identity_cosine=None,
        consent_basis=task.consent.basis,
        consent_licence=task.consent.licence,
        shard="",
        offset=0,
        size=0,
    )


def _without_repeats(
    rows: list[FaceRow], embeddings: Embeddings, params: CropParams, quarantine: list[QuarantineRow]
) -> tuple[list[FaceRow], Embeddings]:
    """Set aside photographs under two names, repeated files and near-duplicates of a person."""
    faults = _repeated_files(rows)
    members: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        if index not in faults:
            members.setdefault(row.identity, []).append(index)
    mean = mean_of_people(embeddings, [row.identity for row in rows]) if len(members) >= MIN_PEOPLE else None
    for indices in members.values():
        # Of several alike the largest face stays.
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
    return [replace(rows[i], embedding=embeddings[i].tolist()) for i in kept], embeddings[kept]


def _repeated_files(rows: list[FaceRow]) -> dict[int, tuple[str, str]]:
    """Index -> (reason, detail) of files with the same bytes: the first stays, unless they name different people."""
    same: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        same.setdefault(row.photo_sha256, []).append(index)
    faults: dict[int, tuple[str, str]] = {}
    for indices in same.values():
        people = sorted({rows[i].identity for i in indices})
        if len(people) > 1:
            # Nobody can tell whom it shows; used, it might stand on both sides of the split.
            faults |= dict.fromkeys(indices, ("two-identities", f"the same file stands under {', '.join(people)}"))
        else:
            faults |= dict.fromkeys(indices[1:], ("duplicate", f"the same bytes as {rows[indices[0]].file}"))
    return faults


def _centre(rows: list[FaceRow], embeddings: Embeddings) -> Embeddings:
    """The mean over the training people, or over everybody where the training part has too few to tell a mean."""
    training = [i for i, row in enumerate(rows) if row.split == "train"]
    if len({rows[i].identity for i in training}) < MIN_PEOPLE:
        _log.warning("fewer than %d people to train on: face features are centred by everybody's mean", MIN_PEOPLE)
        training = list(range(len(rows)))
    return mean_of_people(embeddings[training], [rows[i].identity for i in training])


def _without_wrong_labels(
    rows: list[FaceRow], embeddings: Embeddings, mean: Embeddings, min_cosine: float, quarantine: list[QuarantineRow]
) -> list[FaceRow]:
    """Set aside faces far from the rest of their person; the others' rows get their cosine."""
    identities = [row.identity for row in rows]
    if len(set(identities)) < MIN_PEOPLE:
        _log.warning("fewer than %d people: wrong labels cannot be told and are not looked for", MIN_PEOPLE)
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


def _write(
    folder: Path, params: CropParams, rows: list[FaceRow], mean: Embeddings, quarantine: list[QuarantineRow]
) -> None:
    """Move the used pictures from the spool to the shards, and write the tables."""
    reader = ShardReader(folder / _SPOOL)
    placed = []
    with ShardWriter(folder) as writer:
        for row in rows:
            png = reader.read_bytes(Place(row.shard, row.offset, row.size))
            place = writer.add_bytes(f"{row.key}.png", png)
            placed.append(replace(row, shard=place.shard, offset=place.offset, size=place.size))
    _remove_spool(folder / _SPOOL)
    write_table(folder / INDEX, FaceRow, placed)
    write_table(folder / QUARANTINE, QuarantineRow, sorted(quarantine, key=lambda row: (row.file, row.identity)))
    write_recogniser_file(folder, RecogniserFile(params.recogniser, mean))


def _remove_spool(spool: Path) -> None:
    for path in spool.iterdir():
        path.unlink()
    spool.rmdir()


def _input_digest(manifest: Manifest, hashes: dict[str, str]) -> str:
    """SHA-256 over consent.csv and every photograph's name, person, split and, where it was opened, content."""
    digest = hashlib.sha256(file_digest(manifest.root / CONSENT).encode())
    for entry in sorted(manifest.entries, key=lambda entry: entry.file):
        line = (entry.file, entry.identity, entry.split or "", hashes.get(entry.file, ""))
        digest.update(("\0".join(line) + "\n").encode())
    return digest.hexdigest()


def _rights(rows: list[FaceRow]) -> list[dict[str, str | int]]:
    """Each consent basis and licence, with how many people and photographs rest on it."""
    members: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        members.setdefault((row.consent_basis, row.consent_licence), []).append(row.identity)
    return [
        {"basis": basis, "licence": licence, "people": len(set(people)), "photographs": len(people)}
        for (basis, licence), people in sorted(members.items())
    ]


def _digest_of(path: Path) -> str | None:
    return file_digest(path) if path.is_file() else None


def _by_reason(quarantine: Iterable[QuarantineRow]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in Counter(row.reason for row in quarantine).most_common())
