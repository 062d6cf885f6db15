"""Face swap in a video: track, swap parts, join, sign."""

import hashlib
import itertools
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from swapcore.data.artifact import file_digest
from swapcore.errors import FaceError, InputError
from swapcore.faces.detect import Box
from swapcore.files import fit_name, hidden_sibling, locked, write_atomic
from swapcore.hub.face_swapper import FaceInImage
from swapcore.inference.image_swapper import Swapper
from swapcore.inference.input_image import read_input
from swapcore.ops.geometry import Points
from swapcore.ops.image import Image
from swapcore.progress import progress
from swapcore.provenance.credentials import signing_credentials
from swapcore.provenance.manifest import sign
from swapcore.provenance.marking import Ingredient, Provenance
from swapcore.provenance.payload import to_bits
from swapcore.provenance.watermark import embed
from swapcore.video.joining import FORMATS, Plan, check_times, join, plan_streams
from swapcore.video.meshes import MeshSmoother
from swapcore.video.reading import Frame, VideoFacts, read_facts, read_frames
from swapcore.video.steadiness import Steadiness, measure_steadiness
from swapcore.video.tracks import Detection, crop_at, follow_face, spans, steady_points, to_tracks
from swapcore.video.writing import PART_SUFFIX, PartWriter

PART_FRAMES = 120
"""Frames per part: at most this many are swapped again after an interruption."""
_TRACK = "track.json"
_VERSION = 3
"""Of the files in the work folder; those of another version are not used."""
_SIGNED = {".mp4": "video/mp4", ".mov": "video/quicktime"}
"""Containers that can hold a C2PA manifest; Matroska cannot."""
_MAX_SIGNED_BYTES = 2 * 10**9
"""Signing holds the file in memory twice."""


@dataclass(frozen=True)
class SwappedVideo:
    """Summary of a swapped video."""

    num_frames: int
    num_swapped: int
    spans_s: list[tuple[float, float]]
    """Start and end of every run of swapped frames, in seconds."""
    steadiness: Steadiness | None
    """Jitter of the pasted face; None if no three consecutive frames show it."""


class Track(NamedTuple):
    """The tracked face, by frame number."""

    detected: dict[int, Detection]
    """Without smoothing."""
    steady: dict[int, Points]
    """Landmarks (5, 2) in pixels of the frame, smoothed, with short gaps filled; these frames are swapped."""
    times: list[int]
    """Time of every frame, in units of VideoFacts.time_base."""
    last_duration: int
    """Of the last frame, in the same units; 0 = not stated."""


def swap_video(
    video: str | Path,
    out: str | Path,
    *,
    source: str | Path,
    model: str | Path,
    overwrite: bool = False,
    device: str = "auto",
) -> SwappedVideo:
    """Put the source's face onto the largest face of every frame of a video.

    Frames without a usable face are only re-encoded. Sound is copied, or encoded as AAC where the container cannot hold it;
    subtitles that the container can hold and chapters are copied. An interrupted job continues with the next part
    when it is run again. The sidecar OUT.json lists the swapped spans and the jitter of the pasted face compared with the
    template's. Swapped frames carry the watermark of images (from 160 px), .mp4 and .mov files a signed C2PA manifest.

    Args:
        video: any file that FFmpeg reads.
        out: .mp4, .mov or .mkv; H.264.
        source: an image file of one person.
        model: as for ``image_swapper.swap``.
        overwrite: replace an existing file at out.
        device: as for ``image_swapper.swap``.

    Raises:
        InputError: the video cannot be read, out cannot be written, or there is no such model.
        ImageError, FaceError: the source cannot be used, or no frame shows a usable face.
    """
    original, target = Path(video), Path(out)
    _check_out(target, original, overwrite=overwrite)
    facts = read_facts(original)
    plan = plan_streams(original, target.suffix.lower())
    given = read_input(source, "source")
    swapper = Swapper(model, device)
    face = swapper.source_face(given.image, given.path)
    used = (given.ingredient, Ingredient("template", original.name, file_digest(original)))
    provenance = Provenance("video", swapper.reference, used)
    work = hidden_sibling(target, "parts")
    with locked(work, target):
        _claim(work, provenance)
        return _swap(_Job(original, target, facts, plan, work, provenance), face, swapper)


class _Job(NamedTuple):
    """What stays the same during a swap."""

    original: Path
    target: Path
    facts: VideoFacts
    plan: Plan
    work: Path
    provenance: Provenance


def _swap(job: _Job, source: FaceInImage, swapper: Swapper) -> SwappedVideo:
    """Track, swap parts, join, measure, sign; the work folder is removed at the end."""
    track = _track_face(job)
    if not track.steady:
        shutil.rmtree(job.work, ignore_errors=True)
        raise FaceError(job.original, "no-face", "no frame shows a face that can be swapped; nothing was written")
    check_times(track.times, job.facts.time_base, job.target)
    _swap_parts(job, track, source, swapper)
    joined = job.work / f"joined{job.plan.suffix}"
    last = track.last_duration * job.facts.time_base if track.last_duration else None
    parts = sorted(job.work.glob(f"part-*{PART_SUFFIX}"))
    join(parts, job.original, joined, job.plan, origin=job.facts.origin, last=last)
    own = {number: found.points for number, found in track.detected.items()}
    steadiness = measure_steadiness(joined, set(track.steady), own)
    _place_signed(joined, job.target, job.provenance)
    swapped = _summarize(track.times, sorted(track.steady), job.facts, steadiness)
    _write_sidecar(job.target, swapped, job.provenance)
    shutil.rmtree(job.work, ignore_errors=True)
    return swapped


def sidecar_path(out: Path) -> Path:
    """Path of the JSON file that lists the swapped spans of a video."""
    return out.with_name(fit_name(out.name, after=".json"))


def _check_out(target: Path, original: Path, *, overwrite: bool) -> None:
    if target.suffix.lower() not in FORMATS:
        raise InputError(f"{target}: cannot write {target.suffix or 'a file without suffix'}; use {', '.join(FORMATS)}")
    if target.is_dir():
        raise InputError(f"{target}: is a folder; name a file")
    if target.exists() and not overwrite:
        raise InputError(f"{target}: exists already; name another file or pass --overwrite")
    if target.exists() and target.samefile(original):
        raise InputError(f"{target}: is the input video; name another file")


def _claim(work: Path, provenance: Provenance) -> None:
    """Empty the folder of finished parts if they were made from other inputs or another model."""
    facts = json.dumps([_VERSION, asdict(provenance)], sort_keys=True)
    inputs = hashlib.sha256(facts.encode()).hexdigest()
    record = work / "inputs"
    if record.is_file() and record.read_text(encoding="utf-8") == inputs:
        return
    for path in work.iterdir():
        path.unlink()
    write_atomic(record, inputs)


def _track_face(job: _Job) -> Track:
    """Track the face once and keep the result in the work folder."""
    path = job.work / _TRACK
    if path.is_file():
        return _read_track(path)
    frames = progress(enumerate(read_frames(job.original)), "tracking", job.facts.num_frames)
    times: list[int] = []
    durations = [0]

    def images() -> Iterator[tuple[int, Image]]:
        for number, frame in frames:
            times.append(frame.time)
            durations[0] = frame.duration
            yield number, frame.image

    detections = follow_face(images())
    track = Track({found.frame: found for found in detections}, _smooth_all(detections), times, durations[0])
    _write_track(path, track)
    return track


def _write_track(path: Path, track: Track) -> None:
    saved = {
        "detected": [[found.frame, list(found.box), found.points.tolist()] for found in track.detected.values()],
        "steady": [[frame, points.tolist()] for frame, points in track.steady.items()],
        "times": track.times,
        "last_duration": track.last_duration,
    }
    write_atomic(path, json.dumps(saved))


def _read_track(path: Path) -> Track:
    saved = json.loads(path.read_text(encoding="utf-8"))
    detected = {frame: Detection(frame, Box(*box), np.array(points)) for frame, box, points in saved["detected"]}
    steady = {frame: np.array(points) for frame, points in saved["steady"]}
    return Track(detected, steady, saved["times"], saved["last_duration"])


def _smooth_all(detections: list[Detection]) -> dict[int, Points]:
    return {frame: points for track in to_tracks(detections) for frame, points in steady_points(track).items()}


def _swap_parts(job: _Job, track: Track, source: FaceInImage, swapper: Swapper) -> None:
    """Write the missing parts."""
    watermark = to_bits(job.provenance)
    frames = progress(enumerate(read_frames(job.original, quiet=True)), "swapping", job.facts.num_frames)
    for number, part in enumerate(_in_parts(frames)):
        path = job.work / f"part-{number:06d}{PART_SUFFIX}"
        if path.is_file():
            continue
        writer = PartWriter(path, job.facts)
        smoother = MeshSmoother()  # of each part alone, so that a resumed job writes the same
        try:
            for place, frame in part:
                image = frame.image
                if place in track.steady:
                    detected = track.detected.get(place)
                    face = crop_at(image, track.steady[place], swapper.model.size_px, detected)
                    face = smoother.smooth(place, face)
                    image = embed(swapper.replace(image, face, source), watermark)
                writer.add(Frame(frame.time, image))
        except BaseException:
            writer.abandon()
            raise
        writer.finish()


def _place_signed(joined: Path, target: Path, provenance: Provenance) -> None:
    """Move the finished video to its name; sign it if its container can hold a manifest and it is not too large."""
    mime_type = _SIGNED.get(target.suffix.lower())
    if mime_type is None or joined.stat().st_size > _MAX_SIGNED_BYTES:
        joined.replace(target)
        return
    write_atomic(target, sign(joined.read_bytes(), mime_type, provenance, signing_credentials(), watermarked=True))


def _in_parts(frames: Iterator[tuple[int, Frame]]) -> Iterator[Iterator[tuple[int, Frame]]]:
    """Split into runs of PART_FRAMES without holding frames in memory; consume each run before the next."""
    for first in frames:
        run = itertools.chain([first], itertools.islice(frames, PART_FRAMES - 1))
        yield run
        for _ in run:
            pass


def _summarize(times: list[int], swapped: list[int], facts: VideoFacts, steadiness: Steadiness | None) -> SwappedVideo:
    unit, length = float(facts.time_base), float(1 / Fraction(facts.rate))
    begun = times[0] if times else 0
    found = [
        (round((times[first] - begun) * unit, 3), round((times[last] - begun) * unit + length, 3))
        for first, last in spans(swapped)
    ]
    return SwappedVideo(len(times), len(swapped), found, steadiness)


def _write_sidecar(target: Path, swapped: SwappedVideo, provenance: Provenance) -> None:
    document = {"synthetic": True, **asdict(provenance), **asdict(swapped)}
    write_atomic(sidecar_path(target), json.dumps(document, indent=2) + "\n")
