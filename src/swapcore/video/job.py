"""`swapcore video`: look at every frame, steady the face, swap in parts that outlive a kill, join them with the sound."""

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
from swapcore.data.images import read_photograph
from swapcore.errors import FaceError, InputError
from swapcore.files import put_in_place
from swapcore.inference.image_swapper import MAX_MEGAPIXELS, PhotographSwapper, ingredient
from swapcore.ops.geometry import Points
from swapcore.ops.image import Image
from swapcore.progress import progress
from swapcore.provenance.credentials import signing_credentials
from swapcore.provenance.manifest import sign
from swapcore.provenance.marking import Ingredient, Provenance
from swapcore.provenance.payload import to_bits
from swapcore.provenance.watermark import embed
from swapcore.video.reading import Frame, VideoFacts, read_facts, read_frames
from swapcore.video.steadiness import Steadiness, measure_steadiness
from swapcore.video.tracks import Sighting, cut_at, sight, spans, steady_points, to_tracks
from swapcore.video.writing import SUFFIXES, PartWriter, join

PART_FRAMES = 120
"""What a kill costs at most."""
_TRACK = "track.json"
_SIGNED = {".mp4": "video/mp4", ".mov": "video/quicktime"}
"""C2PA has no place for a manifest in Matroska."""
_LARGEST_SIGNED = 2 * 10**9


@dataclass(frozen=True)
class SwappedVideo:
    """What was made."""

    num_frames: int
    num_swapped: int
    spans_s: list[tuple[float, float]]
    """Start and end of every stretch of swapped frames, in seconds."""
    steadiness: Steadiness | None
    """How much the pasted face trembles; None where too few frames in a row show it."""


class Track(NamedTuple):
    """The face's key points, frame -> (5, 2) in the frame's pixels."""

    seen: dict[int, Points]
    """As they were found."""
    steady: dict[int, Points]
    """Smoothed, gaps filled: the frames that are swapped."""


def swap_video(
    video: str | Path,
    out: str | Path,
    *,
    source: str | Path,
    model: str | Path,
    overwrite: bool = False,
    device: str = "cpu",
) -> SwappedVideo:
    """Put the source's face onto the largest face of every frame of a video.

    Frames without a face that can be swapped pass through unchanged but for the encoding; the sound is copied packet by packet.
    A stopped job goes on with the next part when it is started again. Beside out a sidecar, OUT.json, names the swapped spans,
    and how much the pasted face trembles in the written frames, beside the template's own.
    Swapped frames carry the watermark of photographs (from 160 px), and .mp4 and .mov files a signed C2PA manifest.

    Args:
        video: any file that FFmpeg reads.
        out: .mp4, .mov or .mkv; H.264.
        source: a photograph of one person.
        model: as for ``photograph.swap``.
        overwrite: replace a file that is at out already.
        device: where torch computes.

    Raises:
        InputError: the video cannot be read, out may not be written, or an unknown model.
        ImageError, FaceError: the source cannot be used, or no frame shows a face.
    """
    original, target = Path(video), Path(out)
    _check_out(target, original, overwrite=overwrite)
    facts = read_facts(original)
    photograph = read_photograph(Path(source), MAX_MEGAPIXELS)
    swapper = PhotographSwapper(model, device)
    face = swapper.source_crop(photograph.image, Path(source))
    used = (ingredient(Path(source), photograph), Ingredient("template", original.name, file_digest(original)))
    provenance = Provenance("video", swapper.reference, used)
    work = _claimed(target, provenance)
    track = _followed(original, facts, work)
    if not track.steady:
        shutil.rmtree(work, ignore_errors=True)
        raise FaceError(original, "no-face", "no frame shows a face that can be swapped; nothing was written")
    times = _swap_parts(original, facts, work, track.steady, face, swapper, to_bits(provenance))
    joined = work / f"joined{target.suffix}"
    join(sorted(work.glob("part-*.mkv")), original, joined)
    steadiness = measure_steadiness(joined, set(track.steady), track.seen)
    _place_signed(joined, target, provenance)
    swapped = _described(times, sorted(track.steady), facts, steadiness)
    _write_sidecar(target, swapped, provenance)
    shutil.rmtree(work, ignore_errors=True)
    return swapped


def sidecar_path(out: Path) -> Path:
    """Where the swapped spans of a video are written."""
    return out.with_name(f"{out.name}.json")


def _check_out(target: Path, original: Path, *, overwrite: bool) -> None:
    if target.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"{target}: cannot write {target.suffix or 'a file without suffix'}; use {', '.join(SUFFIXES)}"
        )
    if target.exists() and not overwrite:
        raise InputError(f"{target}: exists already; name another file or pass --overwrite")
    if target.exists() and target.samefile(original):
        raise InputError(f"{target}: is the video itself; name another file")


def _claimed(target: Path, provenance: Provenance) -> Path:
    """The folder of what is done so far; another question's is emptied."""
    work = target.with_name(f".{target.name}.parts")
    question = hashlib.sha256(json.dumps(asdict(provenance), sort_keys=True).encode()).hexdigest()
    note = work / "question"
    if not note.is_file() or note.read_text(encoding="utf-8") != question:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        note.write_text(question, encoding="utf-8")
    return work


def _followed(original: Path, facts: VideoFacts, work: Path) -> Track:
    """What was seen of the face, looked for once and kept."""
    kept = work / _TRACK
    if kept.is_file():
        told = json.loads(kept.read_text(encoding="utf-8"))
        return Track(*({int(frame): np.array(each) for frame, each in told[name].items()} for name in Track._fields))
    frames = progress(enumerate(read_frames(original)), "looking", facts.num_frames)
    sightings = [seen for number, frame in frames if (seen := sight(number, frame.image))]
    track = Track({seen.frame: seen.points for seen in sightings}, _all_steady(sightings))
    told = {name: {frame: each.tolist() for frame, each in points.items()} for name, points in track._asdict().items()}
    put_in_place(kept, json.dumps(told))
    return track


def _all_steady(sightings: list[Sighting]) -> dict[int, Points]:
    return {frame: points for track in to_tracks(sightings) for frame, points in steady_points(track).items()}


def _swap_parts(
    original: Path,
    facts: VideoFacts,
    work: Path,
    points: dict[int, Points],
    source: Image,
    swapper: PhotographSwapper,
    watermark: int,
) -> list[int]:
    """Write the parts that are not there yet; the time of every frame."""
    times: list[int] = []
    frames = progress(enumerate(read_frames(original)), "swapping", facts.num_frames)
    for number, part in enumerate(_in_parts(frames)):
        path = work / f"part-{number:06d}.mkv"
        if path.is_file():
            times += [frame.time for _, frame in part]
            continue
        writer = PartWriter(path, facts)
        try:
            for place, frame in part:
                times.append(frame.time)
                image = frame.image
                if place in points:
                    face = cut_at(image, points[place], swapper.swapper.size_px)
                    image = embed(swapper.replace(image, face, source), watermark)
                writer.add(Frame(frame.time, image))
        except BaseException:
            writer.abandon()
            raise
        writer.finish()
    return times


def _place_signed(joined: Path, target: Path, provenance: Provenance) -> None:
    """Give the finished video its name, signed where C2PA knows the container and the file fits in memory twice."""
    mime_type = _SIGNED.get(target.suffix.lower())
    if mime_type is None or joined.stat().st_size > _LARGEST_SIGNED:
        joined.replace(target)
        return
    put_in_place(target, sign(joined.read_bytes(), mime_type, provenance, signing_credentials(), watermarked=True))


def _in_parts(frames: Iterator[tuple[int, Frame]]) -> Iterator[Iterator[tuple[int, Frame]]]:
    """The frames in runs of PART_FRAMES, none of which is held in memory; each run must be used up before the next."""
    for first in frames:
        run = itertools.chain([first], itertools.islice(frames, PART_FRAMES - 1))
        yield run
        for _ in run:
            pass


def _described(times: list[int], swapped: list[int], facts: VideoFacts, steadiness: Steadiness | None) -> SwappedVideo:
    unit, length = float(facts.time_base), float(1 / Fraction(facts.rate))
    begun = times[0] if times else 0
    found = [
        (round((times[first] - begun) * unit, 3), round((times[last] - begun) * unit + length, 3))
        for first, last in spans(swapped)
    ]
    return SwappedVideo(len(times), len(swapped), found, steadiness)


def _write_sidecar(target: Path, swapped: SwappedVideo, provenance: Provenance) -> None:
    document = {"synthetic": True, **asdict(provenance), **asdict(swapped)}
    put_in_place(sidecar_path(target), json.dumps(document, indent=2) + "\n")
