"""A faces artifact of drawn people, which are fast to draw and easy to distinguish."""

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from swapcore.config import NetworkParams, Params
from swapcore.data.artifact import file_digest, write_card
from swapcore.data.faces import INDEX, QUARANTINE, Face, FaceRow, QuarantineRow
from swapcore.data.recognizer_file import RECOGNIZER
from swapcore.data.shards import Place, ShardWriter
from swapcore.faces.align import template_points
from swapcore.ops.geometry import Points
from swapcore.ops.image import Image
from swapcore.tables import write_table
from tests.card_facts import faces_facts

SIZE_PX = 96


@dataclass(frozen=True)
class Look:
    """One image to draw."""

    person: int
    image_number: int
    split: str

    @property
    def key(self) -> str:
        return f"p{self.person:03d}-{self.image_number}"


def five_points(image_number: int, size_px: int = SIZE_PX) -> Points:
    """Landmarks of the alignment, with a wider mouth (a smile) in odd images."""
    points = template_points(size_px)
    wider = 0.03 * size_px * (image_number % 2)
    points[3] += (-wider, -wider / 2)
    points[4] += (wider, -wider / 2)
    return points


def draw(person: int, image_number: int, size_px: int = SIZE_PX) -> Image:
    """Draw a person's brows, eyes and lips on skin; person and image are seeds."""
    look, scene = np.random.default_rng([1, person]), np.random.default_rng([2, person, image_number])
    points, unit = five_points(image_number, size_px), size_px / 96
    canvas = np.empty((size_px, size_px, 3), np.uint8)
    canvas[:] = scene.integers(0, 256, 3)
    skin = np.array([200, 160, 140]) - int(look.integers(0, 60))
    _ellipse(canvas, points[:2].mean(0) + np.array([0, 8 * unit]), (30 * unit, 42 * unit), skin)
    iris, lips, brow = look.integers(0, 120, 3), look.integers((120, 20, 20), (220, 100, 100)), look.integers(0, 90, 3)
    thick, high = float(look.uniform(1, 3)), float(look.uniform(7, 10))
    for eye in points[:2]:
        _ellipse(canvas, eye, (6 * unit, 3.5 * unit), np.array([240, 240, 240]))
        _ellipse(canvas, eye, (3 * unit, 3 * unit), iris)
        _ellipse(canvas, eye - np.array([0, high * unit]), (8 * unit, thick * unit), brow)
    _ellipse(canvas, points[2], (float(look.uniform(3, 7)) * unit, 2 * unit), skin - 45)
    mouth = points[3:].mean(0)
    half = (points[4, 0] - points[3, 0]) / 2
    _ellipse(canvas, mouth, (half, float(look.uniform(2, 5)) * unit), lips)
    noise = scene.integers(-3, 4, canvas.shape)
    return np.clip(canvas + noise, 0, 255).astype(np.uint8)


def _ellipse(canvas: Image, center: Points, axes: tuple[float, float], color: np.ndarray) -> None:
    sixteenths = [tuple(round(16 * float(value)) for value in pair) for pair in (center, axes)]
    cv2.ellipse(canvas, *sixteenths, 0, 0, 360, [int(c) for c in color], -1, cv2.LINE_AA, 4)


def face(person: int, image_number: int = 0, size_px: int = SIZE_PX) -> Face:
    """Draw a face as a loaded row of the artifact."""
    return Face(
        key=Look(person, image_number, "train").key,
        identity=f"p{person}",
        split="train",
        file=f"p{person}/{image_number}.png",
        image=draw(person, image_number, size_px),
        points=five_points(image_number, size_px),
        affine=np.eye(2, 3),
        embedding=np.zeros(8, np.float32),
    )


class BlockMeans(nn.Module):
    """A face network for drawn people: mean colors of blocks of the inner face."""

    def forward(self, chips: torch.Tensor) -> torch.Tensor:
        inner = chips[:, :, 34:98, 26:86]
        return nn.functional.adaptive_avg_pool2d(inner, (8, 8)).flatten(1)


def write_network(folder: Path) -> NetworkParams:
    """Write BlockMeans as a TorchScript file."""
    path = folder / "block_means.pt"
    torch.jit.script(BlockMeans()).save(str(path))
    return NetworkParams(kind="torchscript", path=path, sha256=file_digest(path))


def write_faces(folder: Path, looks: list[Look], params: Params) -> Path:
    """Write a faces artifact, and its network next to it."""
    folder.mkdir(parents=True)
    network = write_network(folder.parent)
    with ShardWriter(folder) as shards:
        rows = [_row(look, shards.add(look.key, draw(look.person, look.image_number))) for look in looks]
    write_table(folder / INDEX, FaceRow, rows)
    write_table(folder / QUARANTINE, QuarantineRow, [])
    chips = torch.stack([torch.from_numpy(draw(look.person, look.image_number).copy()) for look in looks])
    scaled = nn.functional.interpolate(chips.permute(0, 3, 1, 2) / 127.5 - 1, 112, mode="bilinear")
    mean = BlockMeans()(scaled).mean(0).tolist()
    described = {"network": network.model_dump(mode="json"), "embedding_mean": mean}
    (folder / RECOGNIZER).write_text(json.dumps(described))
    write_card(folder, "faces", params.crop, inputs={}, counts={}, facts=faces_facts(SIZE_PX))
    return folder


def _row(look: Look, place: Place) -> FaceRow:
    return FaceRow(
        key=look.key,
        file=f"p{look.person}/{look.image_number}.png",
        identity=f"p{look.person}",
        split=look.split,
        photo_sha256="0" * 64,
        photo_width=SIZE_PX,
        photo_height=SIZE_PX,
        box=[0.0, 0.0, SIZE_PX, SIZE_PX],
        landmarks=[0.0] * 10,
        affine=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        crop_points=five_points(look.image_number).ravel().tolist(),
        eye_distance_px=24.0,
        sharpness=1.0,
        brightness=0.5,
        clipped=0.0,
        yaw_deg=0.0,
        roll_deg=0.0,
        perceptual_hash="0" * 16,
        embedding=[0.0],
        identity_cosine=None,
        consent_basis="drawn",
        consent_licence="CC0",
        **place._asdict(),
    )
