"""The frozen set in pixels: aligned crops of every picture and of every true swap, and the digest that they have in common."""

import functools
import hashlib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from swapcore.data.faces import Face
from swapcore.evaluation.methods import Batch
from swapcore.evaluation.pairs import Pair
from swapcore.evaluation.truth_benchmark.frozen import NAMESPACE, Extent, draw_pairs, draw_shots
from swapcore.faces.align import NUM_ALIGNMENT_POINTS, align
from swapcore.files import in_place
from swapcore.ops.geometry import Affine, Points, apply, warp
from swapcore.ops.image import Image
from swapcore.parallel import ordered_map
from swapcore.progress import progress
from swapcore.synth.identity import Identity
from swapcore.synth.people import Shot
from swapcore.synth.render import render
from swapcore.synth.truth import render_true_swap

_KEY_POINTS = 5


class Job(NamedTuple):
    """One template, and who is put onto it."""

    template: Shot
    sources: list[Identity]


class Template(NamedTuple):
    """What rendering a job gives."""

    image: Image
    points: Points
    """(5, 2) exact key points in crop pixels."""
    affine: Affine
    """(2, 3): rendered picture to crop."""
    truths: list[Image]
    """The true swap with each source."""


@dataclass(frozen=True)
class TruthSet:
    """The benchmark's pictures."""

    extent: Extent
    faces: list[Face]
    pairs: list[Pair]
    truths: Batch
    """uint8 (P, S, S, 3), in the order of the pairs."""

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 over the namespace, the pairs and every pixel: who prints the same measured on the same."""
        digest = hashlib.sha256(f"{NAMESPACE}\0{self.extent}\0{self.pairs}".encode())
        for image in [*(face.image for face in self.faces), *self.truths]:
            digest.update(np.ascontiguousarray(image).data)
        return digest.hexdigest()

    def number(self, source: Face, template: Face) -> int:
        """Place of the pair of these two faces."""
        return self._numbers[source.key, template.key]

    @functools.cached_property
    def _numbers(self) -> dict[tuple[str, str], int]:
        return {(self.faces[p.source].key, self.faces[p.template].key): n for n, p in enumerate(self.pairs)}


def render_job(job: Job, size_px: int) -> Template:
    """Render a template and its true swaps, all cut alike: by the template's exact key points."""
    shot = job.template
    picture = render(shot.identity, shot.attributes, shot.size_px)
    affine = align(picture.points[:NUM_ALIGNMENT_POINTS], size_px)
    truths = [render_true_swap(source, shot.identity, shot.attributes, shot.size_px) for source in job.sources]
    return Template(
        image=warp(picture.image, affine, size_px),
        points=apply(affine, picture.points[:_KEY_POINTS]),
        affine=affine,
        truths=[warp(truth.image, affine, size_px) for truth in truths],
    )


def render_set(extent: Extent, workers: int) -> TruthSet:
    """Render everything; the pixels do not depend on the number of worker processes (0 = one for each core)."""
    shots, pairs = draw_shots(extent), draw_pairs(extent)
    jobs = _jobs(shots, pairs)
    work = functools.partial(render_job, size_px=extent.size_px)
    rendered = list(progress(ordered_map(work, jobs, workers=workers, chunk_size=2), "rendering", len(jobs)))
    return _assemble(extent, shots, pairs, rendered)


def _jobs(shots: list[Shot], pairs: list[Pair]) -> list[Job]:
    sources: list[list[Identity]] = [[] for _ in shots]
    for pair in pairs:
        sources[pair.template].append(shots[pair.source].identity)
    return [Job(shot, identities) for shot, identities in zip(shots, sources, strict=True)]


def _assemble(extent: Extent, shots: list[Shot], pairs: list[Pair], rendered: list[Template]) -> TruthSet:
    truths = [truth for template in rendered for truth in template.truths]
    return TruthSet(extent, list(_faces(shots, rendered)), pairs, np.stack(truths))


def _faces(shots: list[Shot], rendered: list[Template]) -> Iterator[Face]:
    for shot, template in zip(shots, rendered, strict=True):
        yield Face(
            key=shot.file.removesuffix(".png"),
            identity=shot.person,
            split="test",
            file=shot.file,
            image=template.image,
            points=template.points,
            affine=template.affine,
            embedding=np.zeros(0, np.float32),
        )


def load_or_render(extent: Extent, workers: int, cache: Path | None) -> TruthSet:
    """The set from the cache folder; rendered, and kept there if a folder is given, where the cache has none that fits.

    The first template is rendered in any case and compared, so that pixels of another renderer are never used.
    """
    if cache is None:
        return render_set(extent, workers)
    path = cache / f"{NAMESPACE}-{extent.size_px}px.npz"
    known = _read(path, extent)
    if known is None:
        known = render_set(extent, workers)
        _write(path, known)
    return known


def _read(path: Path, extent: Extent) -> TruthSet | None:
    shots, pairs = draw_shots(extent), draw_pairs(extent)
    try:
        with np.load(path, allow_pickle=False) as kept:
            images, points, affines, truths = (kept[name] for name in ("images", "points", "affines", "truths"))
            digest = str(kept["digest"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    first = render_job(_jobs(shots, pairs)[0], extent.size_px)
    if len(images) != len(shots) or len(truths) != len(pairs) or not np.array_equal(images[0], first.image):
        return None
    templates = [Template(*values, truths=[]) for values in zip(images, points, affines, strict=True)]
    known = TruthSet(extent, list(_faces(shots, templates)), pairs, truths)
    return known if known.digest == digest and np.array_equal(truths[0], first.truths[0]) else None


def _write(path: Path, truth_set: TruthSet) -> None:
    arrays: dict[str, npt.NDArray[np.generic]] = {
        "images": np.stack([face.image for face in truth_set.faces]),
        "points": np.stack([face.points for face in truth_set.faces]),
        "affines": np.stack([face.affine for face in truth_set.faces]),
        "truths": truth_set.truths,
        "digest": np.array(truth_set.digest),
    }
    with in_place(path) as beside, beside.open("wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]
