"""Extraction of one aligned face per photograph, or a rejection reason."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from swapcore.config import CropParams
from swapcore.cropping.part import CropPart, PhotographRow, Shard, copy_source_files, write_part
from swapcore.data import consent as consents
from swapcore.data.artifact import file_digest
from swapcore.data.consent import CONSENT, ConsentLine, read_consent
from swapcore.data.faces import INDEX, FaceRow, QuarantineRow, encode_mesh
from swapcore.data.images import decode_photograph, read_file
from swapcore.data.lineage import pass_on
from swapcore.data.manifests import PhotographEntry, PhotographList, read_manifest
from swapcore.data.shards import ShardWriter
from swapcore.data.splits import split_of
from swapcore.errors import FaceError, ImageError
from swapcore.faces.duplicates import perceptual_hash
from swapcore.faces.extract import AlignedFace, extract_face
from swapcore.faces.mesh.expression import measure_mesh_expression
from swapcore.faces.mesh.pose import measure_pose
from swapcore.faces.networks import load_recognizer
from swapcore.faces.quality import Quality, find_defect, measure_quality
from swapcore.faces.recognizer import Recognizer
from swapcore.ops.device import select_device
from swapcore.ops.image import Image, encode_png
from swapcore.parallel import ordered_map
from swapcore.progress import progress
from swapcore.tables import TableWriter

_BATCH_SIZE = 32
"""Batch size of the recognizer. Shards end at batch boundaries, so features depend on neither shards nor workers."""
_CHUNK_SIZE = 8
_MIN_TASKS_FOR_WORKERS = 256


@dataclass(frozen=True)
class ExtractionTask:
    """A worker's input for one photograph."""

    entry: PhotographEntry
    consent: ConsentLine
    params: CropParams


@dataclass(frozen=True)
class ExtractedPhotograph:
    """A worker's result for one photograph."""

    sha256: str
    """Hash of the file; empty if it cannot be read."""
    result: "tuple[FaceRow, Image, bytes] | QuarantineRow"
    """Row, crop and PNG of a usable face. The row has no features, shard offset or identity cosine yet."""


Extracted = tuple[ExtractionTask, ExtractedPhotograph]


def extract_shard(
    params: CropParams,
    photographs: Path,
    shard: Shard,
    folder: Path,
    fetch: Callable[[list[PhotographEntry]], None] | None = None,
) -> None:
    """Extract the faces of one shard of the photographs with consent, and write the part into an empty folder.

    The first shard also lists the files that are not opened: files without identity, and photographs without consent.

    Args:
        params: the section crop.
        photographs: a folder or CSV.
        shard: which share of the photographs.
        folder: where to write the part.
        fetch: makes the content of a shard's photographs available; None if it is.

    Raises:
        InputError: the photographs' list or consent.csv is invalid.
        ParamsError: the device is not available.
    """
    manifest = read_manifest(photographs)
    tasks, denied = _with_consent(manifest, params)
    recognizer = load_recognizer(params.recognizer).to(select_device(params.device))
    own = _share(tasks, shard)
    if fetch is not None:
        fetch([task.entry for task in own])
    part = _extract_all(own, recognizer, folder)
    if shard.number == 0:
        opened = {task.entry.file for task in tasks}
        unopened = [_photograph(entry, "") for entry in manifest.entries if entry.file not in opened]
        part = CropPart(part.num_faces, denied + part.quarantine, unopened + part.photographs)
        copy_source_files(manifest.root, folder)
        pass_on("photographs", manifest.root, folder)
    inputs = {"consent": file_digest(manifest.root / CONSENT), "listing": _listing_digest(tasks)}
    write_part(folder, params, part, shard, inputs=inputs, embedding_dim=recognizer.embedding_dim)


def _with_consent(manifest: PhotographList, params: CropParams) -> tuple[list[ExtractionTask], list[QuarantineRow]]:
    """Split the photographs into tasks with consent today and quarantine rows."""
    consent, today = read_consent(manifest.root), consents.today()
    tasks, quarantine = [], list(manifest.quarantine)
    for entry in manifest.entries:
        line = consent.find(entry.identity, today)
        if isinstance(line, str):
            other = consent.similar(entry.identity)
            detail = f"{CONSENT} has no valid line for this person" + (f", but one for {other!r}" if other else "")
            quarantine.append(QuarantineRow(entry.file, entry.identity, line, detail))
        else:
            tasks.append(ExtractionTask(entry, line, params))
    return tasks, quarantine


def _share(tasks: list[ExtractionTask], shard: Shard) -> list[ExtractionTask]:
    """Return a shard's tasks: consecutive whole batches, evenly distributed over the shards."""
    num_batches = -(-len(tasks) // _BATCH_SIZE)
    first, end = (number * num_batches // shard.of * _BATCH_SIZE for number in (shard.number, shard.number + 1))
    return tasks[first:end]


def _listing_digest(tasks: list[ExtractionTask]) -> str:
    lines = ("\0".join((task.entry.file, task.entry.identity, task.consent.basis)) + "\n" for task in tasks)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _photograph(entry: PhotographEntry, sha256: str) -> PhotographRow:
    return PhotographRow(entry.file, entry.identity, entry.split or "", sha256)


def _extract_all(tasks: list[ExtractionTask], recognizer: Recognizer, folder: Path) -> CropPart:
    """Extract all faces, write their crops to tar shards and their rows to the table of faces."""
    quarantine: list[QuarantineRow] = []
    photographs: list[PhotographRow] = []
    num_faces = 0
    with ShardWriter(folder) as writer, TableWriter(folder / INDEX, FaceRow) as table:
        for batch in _batches(_extracted(tasks), _BATCH_SIZE):
            rows, crops = [], []
            for task, extracted in batch:
                photographs.append(_photograph(task.entry, extracted.sha256))
                if isinstance(extracted.result, QuarantineRow):
                    quarantine.append(extracted.result)
                    continue
                row, crop, png = extracted.result
                place = writer.add_bytes(f"{row.key}.png", png)
                rows.append(replace(row, shard=place.shard, offset=place.offset, size=place.size))
                crops.append(crop)
            features = recognizer.embed(np.stack(crops), _BATCH_SIZE) if crops else ()
            for row, own in zip(rows, features, strict=True):
                table.add(replace(row, embedding=own.tolist()))
            num_faces += len(rows)
    return CropPart(num_faces, quarantine, photographs)


def _extracted(tasks: list[ExtractionTask]) -> Iterator[Extracted]:
    # Starting processes takes longer than processing a few photographs.
    workers = tasks[0].params.workers if len(tasks) >= _MIN_TASKS_FOR_WORKERS else 1
    results = ordered_map(extract_photograph, tasks, workers=workers, chunk_size=_CHUNK_SIZE)
    return zip(tasks, progress(results, "crop", len(tasks)), strict=True)


def _batches(extracted: Iterator[Extracted], size: int) -> Iterator[list[Extracted]]:
    """Group into lists of size; the grouping is fixed, so that features do not depend on the workers."""
    batch = []
    for pair in extracted:
        batch.append(pair)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def extract_photograph(task: ExtractionTask) -> ExtractedPhotograph:
    """Decode, detect, align and measure one photograph; runs in a worker."""
    entry, params = task.entry, task.params
    sha256 = ""
    try:
        data = read_file(entry.path)
        sha256 = hashlib.sha256(data).hexdigest()
        image = decode_photograph(data, entry.path, params.max_megapixels)
        face = extract_face(image, params.size_px, params.several_faces, entry.path)
    except (ImageError, FaceError) as error:
        # The full path would make the artifact depend on the location of the photographs.
        detail = str(error).removeprefix(f"{error.path}: ")
        return ExtractedPhotograph(sha256, QuarantineRow(entry.file, entry.identity, error.reason, detail))
    quality = measure_quality(face)
    fault = find_defect(quality, params.quality)
    if fault:
        return ExtractedPhotograph(sha256, QuarantineRow(entry.file, entry.identity, *fault))
    row = _face_row(task, sha256, image, face, quality)
    return ExtractedPhotograph(sha256, (row, face.crop, encode_png(face.crop)))


def _face_row(task: ExtractionTask, sha256: str, image: Image, face: AlignedFace, quality: Quality) -> FaceRow:
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
        **_mesh_columns(face),
    )


def _mesh_columns(face: AlignedFace) -> dict[str, Any]:
    """Pitch, expression and landmarks of a face that the face mesh confirms."""
    if face.mesh is None:
        return {}
    expression = measure_mesh_expression(torch.from_numpy(face.mesh)[None])
    return {
        "pitch_deg": measure_pose(face.mesh).pitch_deg,
        "expression": [float(value) for value in expression],
        "mesh": encode_mesh(face.mesh, face.affine, face.crop.shape[0]),
    }
