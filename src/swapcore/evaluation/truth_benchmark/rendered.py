"""Rendered images of the benchmark: aligned crops, true swaps and their digest."""

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
from swapcore.files import atomic_path
from swapcore.ops.geometry import Affine, Points, apply, warp
from swapcore.ops.image import Image
from swapcore.parallel import ordered_map
from swapcore.progress import progress
from swapcore.synth.identity import Identity
from swapcore.synth.people import Shot
from swapcore.synth.render import render
from swapcore.synth.truth import render_true_swap

_NUM_LANDMARKS = 5


class RenderJob(NamedTuple):
    """A template and the identities of its true swaps."""

    template: Shot
    sources: list[Identity]


class RenderedTemplate(NamedTuple):
    """Result of a render job."""

    image: Image
    points: Points
    """(5, 2) exact landmarks in crop pixels."""
    affine: Affine
    """(2, 3): rendered image to crop."""
    truths: list[Image]
    """The true swap with each source."""


@dataclass(frozen=True)
class TruthSet:
    """Images of the benchmark."""

    extent: Extent
    faces: list[Face]
    pairs: list[Pair]
    truths: Batch
    """uint8 (P, S, S, 3), in the order of the pairs."""

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 over namespace, pairs and pixels: equal digests mean equal data."""
        digest = hashlib.sha256(f"{NAMESPACE}\0{self.extent}\0{self.pairs}".encode())
        for image in [*(face.image for face in self.faces), *self.truths]:
            digest.update(np.ascontiguousarray(image).data)
        return digest.hexdigest()

    def number(self, source: Face, template: Face) -> int:
        """Return the index of the pair of these two faces."""
        return self._numbers[source.key, template.key]

    @functools.cached_property
    def _numbers(self) -> dict[tuple[str, str], int]:
        return {(self.faces[p.source].key, self.faces[p.template].key): n for n, p in enumerate(self.pairs)}


def render_job(job: RenderJob, size_px: int) -> RenderedTemplate:
    """Render a template and its true swaps, all aligned by the template's exact landmarks."""
    shot = job.template
    rendered = render(shot.identity, shot.attributes, shot.size_px)
    affine = align(rendered.points[:NUM_ALIGNMENT_POINTS], size_px)
    truths = [render_true_swap(source, shot.identity, shot.attributes, shot.size_px) for source in job.sources]
    return RenderedTemplate(
        image=warp(rendered.image, affine, size_px),
        points=apply(affine, rendered.points[:_NUM_LANDMARKS]),
        affine=affine,
        truths=[warp(truth.image, affine, size_px) for truth in truths],
    )


def render_set(extent: Extent, workers: int) -> TruthSet:
    """Render all images; the pixels do not depend on the number of worker processes (0 = one per core)."""
    shots, pairs = draw_shots(extent), draw_pairs(extent)
    jobs = _jobs(shots, pairs)
    work = functools.partial(render_job, size_px=extent.size_px)
    rendered = list(progress(ordered_map(work, jobs, workers=workers, chunk_size=2), "rendering", len(jobs)))
    return _assemble(extent, shots, pairs, rendered)


def _jobs(shots: list[Shot], pairs: list[Pair]) -> list[RenderJob]:
    sources: list[list[Identity]] = [[] for _ in shots]
    for pair in pairs:
        sources[pair.template].append(shots[pair.source].identity)
    return [RenderJob(shot, identities) for shot, identities in zip(shots, sources, strict=True)]


def _assemble(extent: Extent, shots: list[Shot], pairs: list[Pair], rendered: list[RenderedTemplate]) -> TruthSet:
    truths = [truth for template in rendered for truth in template.truths]
    return TruthSet(extent, list(_faces(shots, rendered)), pairs, np.stack(truths))


def _faces(shots: list[Shot], rendered: list[RenderedTemplate]) -> Iterator[Face]:
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
    """Load the images from the cache folder, or render them and store them there.

    The first template is always rendered and compared, so that images of another renderer version are not used.

    Args:
        extent: size of the benchmark.
        workers: rendering processes, 0 = one per core.
        cache: folder of the cache, or None for no cache.
    """
    if cache is None:
        return render_set(extent, workers)
    path = cache / f"{NAMESPACE}-{extent.size_px}px.npz"
    cached = _read(path, extent)
    if cached is None:
        cached = render_set(extent, workers)
        _write(path, cached)
    return cached


def _read(path: Path, extent: Extent) -> TruthSet | None:
    shots, pairs = draw_shots(extent), draw_pairs(extent)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            images, points, affines, truths = (arrays[name] for name in ("images", "points", "affines", "truths"))
            digest = str(arrays["digest"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    first = render_job(_jobs(shots, pairs)[0], extent.size_px)
    if len(images) != len(shots) or len(truths) != len(pairs) or not np.array_equal(images[0], first.image):
        return None
    templates = [RenderedTemplate(*values, truths=[]) for values in zip(images, points, affines, strict=True)]
    cached = TruthSet(extent, list(_faces(shots, templates)), pairs, truths)
    return cached if cached.digest == digest and np.array_equal(truths[0], first.truths[0]) else None


def _write(path: Path, truth_set: TruthSet) -> None:
    arrays: dict[str, npt.NDArray[np.generic]] = {
        "images": np.stack([face.image for face in truth_set.faces]),
        "points": np.stack([face.points for face in truth_set.faces]),
        "affines": np.stack([face.affine for face in truth_set.faces]),
        "truths": truth_set.truths,
        "digest": np.array(truth_set.digest),
    }
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez(stream, **arrays)  # type: ignore[arg-type]
