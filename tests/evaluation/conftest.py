"""A toy world: people are face colors, photographs are backgrounds; so the true swap of any two is known."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from swapcore.config import EvaluateParams
from swapcore.data.faces import Face, FaceRow
from swapcore.evaluation.attributes import FaceMeasures
from swapcore.evaluation.identity import EvaluationRecognizer, Gallery
from swapcore.evaluation.methods import MODEL, TEMPLATE_COPIED, Method, copy_template, one_by_one
from swapcore.evaluation.scores import Evaluator
from swapcore.faces.align import template_points
from swapcore.faces.expression import Expression
from swapcore.ops.image import Image
from swapcore.ops.masks import face_mask

SIZE = 48
POINTS = template_points(SIZE)
MASK = face_mask(POINTS, SIZE, softness=0.0)[..., None]
CENTER = slice(22, 32)


def paint(color: np.ndarray, background: Image) -> Image:
    return np.where(MASK > 0, color, background).astype(np.uint8)


def embed(images: np.ndarray) -> np.ndarray:
    """The color in the middle of the face."""
    return images[:, CENTER, CENTER].mean((1, 2))


def levels(images: np.ndarray) -> list[np.ndarray]:
    return [images.reshape(-1, 8, SIZE // 8, 8, SIZE // 8, 3).mean((2, 4)).transpose(0, 3, 1, 2) / 255.0]


def measure(image: Image) -> FaceMeasures | None:
    return FaceMeasures(POINTS, 0.0, 0.0, 0.0, Expression(*[0.0] * 5)) if image.std() > 0 else None


@dataclass(frozen=True)
class World:
    faces: list[Face]
    rows: list[FaceRow]
    evaluator: Evaluator

    def true_swap(self, source: Face, template: Face) -> Image:
        return paint(self.color(source.identity), template.image)

    def color(self, identity: str) -> np.ndarray:
        return next(face.image[24, 24] for face in self.faces if face.identity == identity)

    def methods(self, swap: Callable[[Face, Face], Image]) -> list[Method]:
        return [
            Method(MODEL, "model", one_by_one(swap)),
            Method(TEMPLATE_COPIED, "template copied", copy_template),
        ]


def row_of(face: Face, **changes) -> FaceRow:
    row = FaceRow(
        key=face.key, file=face.file, identity=face.identity, split=face.split, photo_sha256="0" * 64, photo_width=64,
        photo_height=64, box=[0.0, 0.0, 1.0, 1.0], landmarks=[0.0] * 10, affine=[1.0, 0, 0, 0, 1, 0],
        crop_points=face.points.ravel().tolist(), eye_distance_px=12.0, sharpness=0.1, brightness=0.5, clipped=0.0,
        yaw_deg=0.0, roll_deg=0.0, perceptual_hash="0" * 16, embedding=[0.0], identity_cosine=None,
        consent_basis="made up", consent_licence="CC0", shard="", offset=0, size=0,
    )  # fmt: skip
    return replace(row, **changes)


def make_world(num_people: int, photographs: int, *, jittered: bool = False, with_truth: bool = True) -> World:
    rng = np.random.default_rng(0)
    faces = []
    for person in range(num_people + 4):
        color = rng.integers(30, 226, 3)
        for turn in range(photographs):
            background = rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
            identity, split = f"person {person}", "test" if person < num_people else "train"
            faces.append(
                Face(
                    key=f"p{person:02d}-{turn}",
                    identity=identity,
                    split=split,
                    file=f"{identity}/{turn}.png",
                    image=paint(color, background),
                    points=POINTS,
                    affine=np.eye(2, 3),
                    embedding=color.astype(np.float32),
                )
            )
    test = [face for face in faces if face.split == "test"]
    gallery = Gallery(
        np.array([f.key for f in test]), np.array([f.identity for f in test]), embed(np.stack([f.image for f in test]))
    )
    recognizer = EvaluationRecognizer("toy recognizer", embed, np.full(3, 128.0), jittered=jittered, seed=0)
    world = World(
        faces,
        [row_of(face) for face in faces],
        Evaluator(faces.__getitem__, recognizer, gallery, levels, measure, None),
    )
    if with_truth:
        return replace(world, evaluator=replace(world.evaluator, truth=world.true_swap))
    return world


@pytest.fixture
def world() -> World:
    return make_world(12, 2)


@pytest.fixture
def jittered_world() -> World:
    return make_world(6, 2, jittered=True)


@pytest.fixture
def params() -> EvaluateParams:
    return EvaluateParams(
        pairs_per_template=4,
        max_pairs=400,
        recognizer=None,
        champion=None,
        bootstrap_samples=200,
        sheet_rows=8,
        batch_size=7,
        device="cpu",
        seed=0,
    )
