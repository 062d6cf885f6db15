"""Small groups artifact of drawn people that a model can learn."""

import json
from pathlib import Path

import numpy as np

from swapcore.config import NetworkParams, Params
from swapcore.data.artifact import write_card
from swapcore.data.facts import GroupsFacts, TeacherFacts
from swapcore.data.groups import FAKE_LABEL, FAKE_TEMPLATE, IMAGES, INDEX, GroupRow, ImageRow
from swapcore.data.recognizer_file import RECOGNIZER
from swapcore.data.shards import ShardWriter
from swapcore.faces.align import template_points
from swapcore.ops.geometry import Affine
from swapcore.ops.image import Image
from swapcore.tables import write_table

SIZE_PX = 64
EMBEDDING_SIZE = 12
UNMOVED: Affine = np.eye(2, 3)


def draw_person(identity: int, setting: int) -> Image:
    """Draw a person (color, eye distance) in a setting (background)."""
    look, scene = np.random.default_rng([1, identity]), np.random.default_rng([2, setting])
    image = np.empty((SIZE_PX, SIZE_PX, 3), np.uint8)
    image[:] = scene.integers(0, 255, 3)
    skin, dark, distance = look.integers(80, 220, 3), look.integers(0, 80, 3), int(look.integers(6, 12))
    image[14:52, 18:46] = skin
    for x in (32 - distance, 32 + distance):
        image[24:28, x - 2 : x + 3] = dark
    image[42:44, 28:37] = dark
    return image


def embed(image: Image, size: int) -> list[float]:
    """Return the means of the four quarters, repeated up to size numbers; they identify drawn people."""
    quarters = image.reshape(2, SIZE_PX // 2, 2, SIZE_PX // 2, 3).mean((1, 3)) / 127.5 - 1
    return [float(value) for value in np.resize(quarters.transpose(2, 0, 1).ravel(), size)]


def write_groups(
    folder: Path,
    params: Params,
    *,
    splits: tuple[str, ...] = ("train", "train", "train", "validation", "validation"),
    kinds: tuple[str, ...] = (FAKE_TEMPLATE, FAKE_LABEL),
    embedding_size: int = EMBEDDING_SIZE,
    fake_alignment: Affine = UNMOVED,
) -> Path:
    """Write a groups artifact of drawn people.

    Args:
        folder: the artifact to write.
        params: its params.
        splits: one person for each entry; two images each, swapped with every other person of the split.
        kinds: kinds of groups.
        embedding_size: D.
        fake_alignment: alignment of all fakes.
    """
    folder.mkdir(parents=True)
    images: list[ImageRow] = []
    rows: list[GroupRow] = []

    def add(key: str, image: Image, origin: str, identity: int, template: int, split: str) -> str:
        alignment = fake_alignment if origin == "fake" else UNMOVED
        place = writer.add(key, image)
        images.append(
            ImageRow(
                key,
                origin,
                f"p{identity}",
                f"p{template}",
                split,
                key,
                template_points(SIZE_PX).ravel().tolist(),
                alignment.ravel().tolist(),
                embed(image, embedding_size),
                *place,
            )
        )
        return key

    with ShardWriter(folder) as writer:
        for identity, split in enumerate(splits):
            for setting in (0, 1):
                add(
                    f"p{identity}-{setting}",
                    draw_person(identity, 10 * identity + setting),
                    "real",
                    identity,
                    identity,
                    split,
                )
        for identity, split in enumerate(splits):
            others = [other for other in range(len(splits)) if splits[other] == split and other != identity]
            for other in others:
                for setting in (0, 1):
                    fake = draw_person(other, 10 * identity + setting)
                    key = add(f"f{other}-{identity}-{setting}", fake, "fake", other, identity, split)
                    real, partner = f"p{identity}-{setting}", f"p{identity}-{1 - setting}"
                    common = {"split": split, "accepted": True, "reason": "", "changed_inside": 9.0,
                              "changed_outside": 0.0, "identity_gain": 0.5}  # fmt: skip
                    rows.append(GroupRow(f"t-{key}", FAKE_TEMPLATE, source=partner, template=key, label=real,
                                         source_identity=f"p{identity}", template_identity=f"p{other}", **common))  # fmt: skip
                    rows.append(GroupRow(f"l-{key}", FAKE_LABEL, source=f"p{other}-{setting}", template=real, label=key,
                                         source_identity=f"p{other}", template_identity=f"p{identity}", **common))  # fmt: skip
    rows = [row for row in rows if row.kind in kinds]
    write_table(folder / INDEX, GroupRow, rows)
    write_table(folder / IMAGES, ImageRow, images)
    _write_recognizer(folder, images)
    facts = GroupsFacts(
        size_px=SIZE_PX,
        teacher=TeacherFacts(name="drawn", version="1"),
        recognizer=NetworkParams(kind="dlib", path=None, sha256=None),
    )
    write_card(folder, "groups", params.groups, inputs={}, counts={"groups": len(rows)}, facts=facts)
    return folder


def _write_recognizer(folder: Path, images: list[ImageRow]) -> None:
    network = NetworkParams(kind="dlib", path=None, sha256=None)
    mean = np.mean([row.embedding for row in images if row.origin == "real"], axis=0)
    document = {"network": network.model_dump(mode="json"), "embedding_mean": mean.tolist()}
    (folder / RECOGNIZER).write_text(json.dumps(document))
