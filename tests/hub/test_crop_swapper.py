"""A model folder swaps aligned crops as its generator and recognizer do, and a broken one is refused in one line."""

import shutil

import numpy as np
import pytest
import torch

from swapcore.data.recognizer_file import read_recognizer_file
from swapcore.errors import ArtifactError
from swapcore.faces.networks import load_recognizer
from swapcore.hub.crop_swapper import CropSwapper
from swapcore.models.artifact import load_generator
from swapcore.ops.image import to_images, to_tensor


@pytest.fixture(scope="module")
def pairs() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (2, 3, 64, 64, 3), dtype=np.uint8)


def test_it_swaps_as_generator_and_recognizer_do(model, pairs):
    swapped = CropSwapper(model).swap_crops(*pairs)
    generator, _ = load_generator(model)
    source, template = (to_tensor(images) for images in pairs)
    description = generator.description.describe(load_recognizer(read_recognizer_file(model).network).features, source)
    with torch.no_grad():
        expected = to_images(generator(source, template, description).image)
    assert swapped.shape == (3, 64, 64, 3)
    assert swapped.dtype == np.uint8
    assert np.array_equal(swapped, expected)


def test_each_pair_is_answered_by_itself(model, pairs):
    swapper = CropSwapper(model)
    together = swapper.swap_crops(*pairs).astype(int)
    for place in range(3):
        alone = swapper.swap_crops(*(images[place : place + 1] for images in pairs)).astype(int)
        assert np.abs(alone[0] - together[place]).max() <= 1
    exchanged = swapper.swap_crops(pairs[0][[1, 0, 2]], pairs[1]).astype(int)
    assert np.abs(exchanged[0] - together[0]).max() > 0


@pytest.mark.parametrize("name", ["weights.safetensors", "model.json", "recognizer.json"])
@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_broken_folder_is_named(model, tmp_path, name, damage):
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
