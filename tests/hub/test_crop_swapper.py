"""The loaded model of a folder: swaps of aligned crops and of faces, embeddings, and damaged folders."""

import shutil

import numpy as np
import pytest
import torch

from swapcore.data.recognizer_file import read_recognizer_file
from swapcore.errors import ArtifactError
from swapcore.faces.align import template_points
from swapcore.faces.networks import load_recognizer
from swapcore.hub.crop_swapper import CropSwapper
from swapcore.hub.face_swapper import face_of_square
from swapcore.models.artifact import load_generator
from swapcore.ops.image import to_images, to_tensor


@pytest.fixture(scope="module")
def pairs() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (2, 3, 64, 64, 3), dtype=np.uint8)


def test_crops_are_swapped_by_generator_and_recognizer(model, pairs):
    swapped = CropSwapper(model).swap_crops(*pairs)
    generator, _ = load_generator(model)
    source, template = (to_tensor(images) for images in pairs)
    description = generator.description.describe(load_recognizer(read_recognizer_file(model).network).features, source)
    with torch.no_grad():
        expected = to_images(generator(source, template, description).image)
    assert swapped.shape == (3, 64, 64, 3)
    assert swapped.dtype == np.uint8
    assert np.array_equal(swapped, expected)


def test_each_pair_is_swapped_independently(model, pairs):
    swapper = CropSwapper(model)
    together = swapper.swap_crops(*pairs).astype(int)
    for place in range(3):
        alone = swapper.swap_crops(*(images[place : place + 1] for images in pairs)).astype(int)
        assert np.abs(alone[0] - together[place]).max() <= 1
    exchanged = swapper.swap_crops(pairs[0][[1, 0, 2]], pairs[1]).astype(int)
    assert np.abs(exchanged[0] - together[0]).max() > 0


@pytest.mark.parametrize("name", ["weights.safetensors", "model.json", "recognizer.json"])
@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_damaged_file_is_named_in_one_line(model, tmp_path, name, damage):
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    data = (folder / name).read_bytes()
    (folder / name).unlink()
    if damage == "cut":
        (folder / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(ArtifactError) as caught:
        CropSwapper(folder)
    assert str(folder / name) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_faces_are_swapped_at_the_crops_resolution(model, pairs):
    swapper = CropSwapper(model)
    points = template_points(64)
    faces = [[face_of_square(image, points, 64) for image in side] for side in pairs]
    results = swapper.swap_faces(*faces)
    assert np.array_equal(np.stack([result.after for result in results]), swapper.swap_crops(*pairs))
    assert all(np.array_equal(result.before, image) for result, image in zip(results, pairs[1], strict=True))
    assert all(np.allclose(result.points, points) and not result.relit for result in results)


def test_embeddings_are_centered_and_of_unit_length(model, pairs):
    swapper = CropSwapper(model)
    embeddings = swapper.embed(pairs[0])
    assert np.linalg.norm(embeddings, axis=1) == pytest.approx(1, abs=1e-5)
    swapper.embedding_mean = swapper.network.recognizer.embed(pairs[0][:1], 1)[0] * 0.5
    assert not np.allclose(swapper.embed(pairs[0]), embeddings, atol=1e-3)


def test_a_face_of_another_size_is_resized_and_keeps_its_image():
    image = np.random.default_rng(1).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    shown = face_of_square(image, template_points(96), 64)
    assert np.array_equal(shown.image, image)
    assert shown.face.crop.shape == (64, 64, 3)
    assert np.allclose(shown.face.points, template_points(64))
