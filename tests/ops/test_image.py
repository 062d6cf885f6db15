"""Conversion between images, tensors and PNG."""

import io

import numpy as np
import PIL.Image
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from swapcore.ops.image import decode, encode_png, encode_sheet, resize, tile, to_images, to_tensor


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def test_to_tensor_by_hand():
    tensor = to_tensor(np.array([[[[0, 255, 51]]]], np.uint8))
    assert tensor.shape == (1, 3, 1, 1)
    assert tensor.dtype == torch.float32
    torch.testing.assert_close(tensor.flatten(), torch.tensor([-1.0, 1.0, -0.6]))


def test_every_gray_level_round_trips():
    images = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
    np.testing.assert_array_equal(to_images(to_tensor(images)), images)


def test_to_images_clips_and_rounds():
    batch = torch.tensor([-3.0, 3.0, 1 / 255 + 1e-4]).view(1, 3, 1, 1)
    np.testing.assert_array_equal(to_images(batch)[0, 0, 0], [0, 255, 128])
    assert to_images(batch.to(torch.bfloat16)).dtype == np.uint8


@pytest.mark.parametrize(
    "wrong", [np.zeros((1, 4, 4, 3), np.float32), np.zeros((4, 4, 3), np.uint8), np.zeros((1, 3, 4, 4), np.uint8)]
)
def test_to_tensor_refuses_other_shapes(wrong):
    with pytest.raises(ValueError, match="expected uint8"):
        to_tensor(wrong)


def test_to_images_refuses_other_shapes():
    with pytest.raises(ValueError, match="expected"):
        to_images(torch.zeros(1, 4, 4, 3))


def test_to_images_detaches():
    assert to_images(torch.zeros(1, 3, 2, 2, requires_grad=True)).shape == (1, 2, 2, 3)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 9))
def test_png_is_lossless_and_rgb(height, width, seed):
    image = noise(height, width, 3, seed=seed)
    np.testing.assert_array_equal(decode(encode_png(image)), image)


def test_resize():
    image = noise(8, 8, 3)
    assert resize(image, 8) is image
    halved = image.reshape(4, 2, 4, 2, 3).mean((1, 3))
    assert np.abs(resize(image, 4) - halved).max() <= 0.5
    assert resize(image, 20).shape == (20, 20, 3)


def test_tile_by_hand():
    black, gray = np.zeros((4, 4, 3), np.uint8), np.full((8, 8, 3), 7, np.uint8)
    sheet = tile([[black, gray], [gray, black]], 4, gap_px=1)
    assert sheet.shape == (9, 9, 3)
    assert (sheet[4] == 255).all()
    assert (sheet[:4, 5:] == 7).all()
    assert (sheet[5:, 5:] == 0).all()


def test_a_sheet_is_marked_as_synthetic_and_deterministic():
    image = noise(20, 30, 3)
    data = encode_sheet(image)
    assert data == encode_sheet(image.copy())
    np.testing.assert_array_equal(decode(data), image)
    with PIL.Image.open(io.BytesIO(data)) as read:
        read.load()  # also verifies the checksums
        assert "digitalsourcetype/compositeWithTrainedAlgorithmicMedia" in read.text["XML:com.adobe.xmp"]
