"""What one photograph tells alone: a face found, aligned, cut, measured and described, or the reason why not."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from swapcore.config import CropParams
from swapcore.cropping.part import Facts, Part, PhotographRow, Shard, copy_known, write_part
from swapcore.data import consent as consents
from swapcore.data.artifact import file_digest
from swapcore.data.consent import CONSENT, ConsentLine, read_consent
from swapcore.data.faces import FaceRow, QuarantineRow
from swapcore.data.images import decode_photograph, read_file
from swapcore.data.lineage import pass_on
from swapcore.data.manifests import Manifest, PhotographEntry, read_manifest
from swapcore.data.shards import ShardWriter
from swapcore.data.splits import split_of
from swapcore.errors import FaceError, ImageError
from swapcore.faces.duplicates import perceptual_hash
from swapcore.faces.extract import AlignedFace, extract_face
from swapcore.faces.networks import load_recognizer
from swapcore.faces.quality import Quality, find_defect, measure_quality
from swapcore.faces.recognizer import Recognizer
from swapcore.ops.image import Image, encode_png
from swapcore.parallel import ordered_map
from swapcore.progress import progress

_BATCH_SIZE = 32
"""Photographs whose faces are described together. Shards end where batches end: features depend on neither shards nor workers."""
_CHUNK_SIZE = 8
_WORTH_WORKERS = 256


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
    """Row, crop and PNG of a usable face. The row still lacks its features, place, and what only the whole set tells."""


def cut_shard(params: CropParams, photographs: Path, shard: Shard, folder: Path) -> None:
    """Cut one shard of the photographs that their people allow to be used, and write the part into an empty folder.

    The first shard also holds what no shard opens: files without a person, and photographs without consent.

    Raises:
        InputError: the photographs' list or consent.csv cannot be used.
    """
    manifest = read_manifest(photographs)
    tasks, denied = _with_consent(manifest, params)
    recognizer = load_recognizer(params.recognizer)
    part = _cut_all(_share(tasks, shard), recognizer, folder)
    if shard.number == 0:
        cut = {task.entry.file for task in tasks}
        unopened = [_photograph(entry, "") for entry in manifest.entries if entry.file not in cut]
        part = Part(part.rows, denied + part.quarantine, unopened + part.photographs)
        copy_known(manifest.root, folder)
        pass_on("photographs", manifest.root, folder)
    facts = Facts(file_digest(manifest.root / CONSENT), _listing_digest(tasks), recognizer.embedding_dim)
    write_part(folder, params, part, shard, facts)


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


def _share(tasks: list[Task], shard: Shard) -> list[Task]:
    """A shard's photographs: whole batches, neighbors, as many as the other shards have, give or take a batch."""
    num_batches = -(-len(tasks) // _BATCH_SIZE)
    first, end = (number * num_batches // shard.of * _BATCH_SIZE for number in (shard.number, shard.number + 1))
    return tasks[first:end]


def _listing_digest(tasks: list[Task]) -> str:
    lines = ("\0".join((task.entry.file, task.entry.identity, task.consent.basis)) + "\n" for task in tasks)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _photograph(entry: PhotographEntry, sha256: str) -> PhotographRow:
    return PhotographRow(entry.file, entry.identity, entry.split or "", sha256)


def _cut_all(tasks: list[Task], recognizer: Recognizer, folder: Path) -> Part:
    """Rows of all usable faces with their features, their pictures in the folder's shards, and what was opened."""
    part = Part([], [], [])
    with ShardWriter(folder) as writer:
        for batch in _batches(_cuts(tasks), _BATCH_SIZE):
            rows, crops = [], []
            for task, cut in batch:
                part.photographs.append(_photograph(task.entry, cut.sha256))
                if isinstance(cut.result, QuarantineRow):
                    part.quarantine.append(cut.result)
                    continue
                row, crop, png = cut.result
                place = writer.add_bytes(f"{row.key}.png", png)
                rows.append(replace(row, shard=place.shard, offset=place.offset, size=place.size))
                crops.append(crop)
            features = recognizer.embed(np.stack(crops), _BATCH_SIZE) if crops else ()
            part.rows.extend(replace(row, embedding=own.tolist()) for row, own in zip(rows, features, strict=True))
    return part


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
    fault = find_defect(quality, params.quality)
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
