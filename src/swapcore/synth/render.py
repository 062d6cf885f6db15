"""A person and circumstances in, a picture with its exact truth out."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from swapcore.ops.geometry import Points
from swapcore.ops.image import Image
from swapcore.synth.attributes import Attributes
from swapcore.synth.camera import Camera, camera_of
from swapcore.synth.curves import Tensor
from swapcore.synth.features import EYEBALL_RADIUS, eye_of, mouth_line, mouth_of, nose_of
from swapcore.synth.head import Head, stretch
from swapcore.synth.identity import Identity
from swapcore.synth.light import light_of, shade, shadow
from swapcore.synth.materials import dress
from swapcore.synth.mesh import Part
from swapcore.synth.rasterise import rasterise
from swapcore.synth.scene import build_scene, interpolate
from swapcore.synth.sensor import background, develop

RENDERER = 3
"""Raised whenever the same parameters give other pixels, together with benchmark/frozen.VERSION; the card states it."""
_SUPERSAMPLING = 2
POINT_NAMES = (
    "left_eye", "right_eye", "nose_base", "mouth_left", "mouth_right",
    "left_eye_outer", "left_eye_inner", "right_eye_inner", "right_eye_outer",
)  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """A rendered photograph and what is exactly true of it."""

    image: Image
    """uint8 (S, S, 3) RGB."""
    points: Points
    """(9, 2) x, y in pixels, in the order of POINT_NAMES; left is the image's left of a face that looks at the camera."""
    parts: npt.NDArray[np.uint8]
    """(S, S) values of Part."""
    depth: npt.NDArray[np.float32]
    """(S, S) cm from the camera along its axis; infinite in the background."""


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums that several threads share out may round differently: one thread gives the same bytes everywhere."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_num_threads(threads)


def render(identity: Identity, attributes: Attributes, size_px: int, device: str = "cpu") -> Picture:
    """Photograph a person: the same arguments give the same bytes, whatever else the process does.

    Args:
        identity: who.
        attributes: how.
        size_px: side of the square picture.
        device: where torch computes; the bytes are promised for "cpu" only.
    """
    return render_batch([(identity, attributes)], size_px, device)[0]


def render_batch(shots: Sequence[tuple[Identity, Attributes]], size_px: int, device: str = "cpu") -> list[Picture]:
    """Photograph many: picture for picture the bytes of render, brought from the device together.

    Args:
        shots: who and how.
        size_px: side of the square pictures.
        device: where torch computes; what a batch takes there is bounded by its own length.
    """
    with _one_thread():
        return _fetched([_render(*shot, size_px, torch.device(device)) for shot in shots])


@dataclass(frozen=True)
class _Rendered:
    """A picture that is still on the device."""

    image: Tensor
    points: Tensor
    parts: Tensor
    depth: Tensor


def _fetched(pictures: list[_Rendered]) -> list[Picture]:
    """Copy to the host: one transfer for each kind of picture, not one a picture."""
    if not pictures:
        return []
    kinds = (torch.stack([getattr(p, name) for p in pictures]).cpu().numpy() for name in _Rendered.__annotations__)
    return [Picture(*(np.ascontiguousarray(kind) for kind in picture)) for picture in zip(*kinds, strict=True)]


def _render(identity: Identity, attributes: Attributes, size_px: int, device: torch.device) -> _Rendered:
    fine_px = size_px * _SUPERSAMPLING
    camera = camera_of(attributes, fine_px, device)
    scene = build_scene(identity, attributes, camera, fine_px / attributes.span_cm)
    corners, points = camera.project(scene.mesh.vertices.position), camera.project(scene.strand_points)
    seen = rasterise(corners, scene.mesh.triangles, points, fine_px, fine_px)
    surface = interpolate(scene, camera, seen)
    lit, part = dress(identity, attributes, surface, camera)
    light = light_of(attributes, device)
    reached = shadow(scene.caster, surface.position, camera.pivot + camera.shift, light)
    reached = torch.where(lit.is_eye, reached.clamp(min=0.35), reached)
    linear = _enlarged(background(attributes, size_px, device))
    linear[seen.pixel] = shade(replace(lit, shadow=reached), light)
    return _Rendered(
        image=develop(_averaged(linear, size_px), attributes),
        points=exact_points(identity, scene.head, camera),
        parts=_thinned(seen.pixel, part.to(torch.uint8), int(Part.BACKGROUND), size_px),
        depth=_thinned(seen.pixel, camera.distance - surface.position[:, 2], float("inf"), size_px),
    )


def _enlarged(image: Tensor) -> Tensor:
    """(S, S, 3) to the supersampled picture's pixels in a row, (N, 3)."""
    return image.repeat_interleave(_SUPERSAMPLING, 0).repeat_interleave(_SUPERSAMPLING, 1).reshape(-1, 3)


def _averaged(linear: Tensor, size_px: int) -> Tensor:
    """(S, S, 3) means of the supersampled picture's blocks."""
    fine_px = size_px * _SUPERSAMPLING
    rows = linear.reshape(size_px, _SUPERSAMPLING, fine_px * 3).sum(1)
    return rows.reshape(size_px, size_px, _SUPERSAMPLING, 3).sum(2) / _SUPERSAMPLING**2


def _thinned(pixel: Tensor, values: Tensor, empty: float, size_px: int) -> Tensor:
    """(S, S) from values at the pixels of the supersampled picture: one of each block, never a mean of labels."""
    fine_px = size_px * _SUPERSAMPLING
    full = torch.full((fine_px * fine_px,), empty, dtype=values.dtype, device=values.device)
    full[pixel] = values
    return full.reshape(fine_px, fine_px)[::_SUPERSAMPLING, ::_SUPERSAMPLING]


def exact_points(identity: Identity, head: Head, camera: Camera) -> Tensor:
    """(9, 2) the points of POINT_NAMES in the picture, whether they are in sight or not."""
    eye, mouth, nose = eye_of(identity), mouth_of(identity), nose_of(identity)
    device = head.rest.device
    corner_z = eye.ball_z + 0.8 * EYEBALL_RADIUS
    outer, inner = (eye.center_x + eye.half_width, eye.tilt), (eye.center_x - eye.half_width, -eye.tilt)
    corners = [(-outer[0], outer[1]), (-inner[0], inner[1]), inner, outer]
    eyes = torch.tensor([[x, y, corner_z] for x, y in corners], device=device)
    eyes[:, 1] = stretch(identity, eyes[:, 1])
    at = torch.tensor([0.97 * mouth.half_width], device=device)
    mouth_y = float(mouth_line(mouth, at))
    others = torch.stack(
        [
            _on_head(head, 0.0, nose.base_y + 0.12),
            _on_head(head, -float(at), mouth_y),
            _on_head(head, float(at), mouth_y),
        ]
    )
    projected = camera.project(camera.place(torch.cat([eyes, others])))[:, :2].double()
    pixels = projected / _SUPERSAMPLING - 0.5
    left, right = pixels[0:2].mean(0), pixels[2:4].mean(0)
    return torch.cat([torch.stack([left, right]), pixels[4:7], pixels[0:4]])


def _on_head(head: Head, x: float, y: float) -> Tensor:
    """(3,) where the point (x, y) of the neutral face has gone."""
    rest = head.rest.reshape(-1, 3)
    distance = (rest[:, 0] - x) ** 2 + (rest[:, 1] - y) ** 2 + torch.where(rest[:, 2] > -7, 0.0, 1e6)
    return head.position.reshape(-1, 3)[distance.argmin()]
