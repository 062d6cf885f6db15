"""dlib's network in torch: values, framing, gradients, frozen state."""

import csv
import os
from pathlib import Path

import cv2
import dlib
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from swapcore.config import NetworkParams
from swapcore.faces.align import CHIP_PX, align
from swapcore.faces.dlib_weights import LANDMARK_FILE, RECOGNIZER_FILE, package_file
from swapcore.faces.networks import load_recognizer
from swapcore.faces.recognizer import Recognizer, chip_view, crop_chip, dlib_chip
from swapcore.ops.embedding import centered, cosine
from swapcore.ops.geometry import warp
from swapcore.ops.image import to_tensor

DLIB = NetworkParams(kind="dlib", path=None, sha256=None)


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    torch.set_num_threads(1)
    return load_recognizer(DLIB)


@pytest.fixture(scope="module")
def dlib_network():
    return dlib.face_recognition_model_v1(str(package_file(RECOGNIZER_FILE)))


def noise(count: int, size_px: int, seed: int = 0) -> np.ndarray:
    """Blurred noise with a full range of colors."""
    raw = np.random.default_rng(seed).integers(0, 256, (count, size_px, size_px, 3), dtype=np.uint8)
    return np.stack([cv2.normalize(cv2.GaussianBlur(image, None, 3), None, 0, 255, cv2.NORM_MINMAX) for image in raw])


def test_embeddings_equal_those_of_dlib(recognizer, dlib_network):
    chips = noise(3, CHIP_PX)
    expected = np.array([list(dlib_network.compute_face_descriptor(chip)) for chip in chips])
    found = recognizer.features_of_chips(to_tensor(chips)).embedding.numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_levels_run_from_fine_to_coarse(recognizer):
    features = recognizer.features(to_tensor(noise(2, 64)))
    shapes = [tuple(level.shape) for level in features.levels]
    assert shapes == [(2, 32, 35, 35), (2, 64, 17, 17), (2, 128, 8, 8), (2, 256, 4, 4), (2, 256, 2, 2)]
    assert features.embedding.shape == (2, recognizer.embedding_dim) == (2, 128)
    assert torch.equal(recognizer(to_tensor(noise(2, 64))), features.embedding)


def test_gradient_flows_to_pixels_only(recognizer):
    crops = to_tensor(noise(2, 128)).requires_grad_()
    features = recognizer.features(crops)
    (features.embedding.square().sum() + sum(level.mean() for level in features.levels)).backward()
    touched = crops.grad.abs().amax(1)
    assert (touched[:, 40:100, 40:90] > 0).float().mean() > 0.9
    assert all(parameter.grad is None for parameter in recognizer.parameters())


def test_gradient_matches_finite_difference(recognizer):
    crops = to_tensor(noise(1, 96)).requires_grad_()
    weights = torch.randn(128, generator=torch.Generator().manual_seed(2))
    (recognizer(crops) @ weights).sum().backward()
    direction = crops.grad / crops.grad.norm()
    step = 1e-2
    with torch.no_grad():
        ahead, behind = ((recognizer(crops + sign * step * direction) @ weights).item() for sign in (1, -1))
    assert (ahead - behind) / (2 * step) == pytest.approx(crops.grad.norm().item(), rel=0.05)


def test_recognizer_stays_frozen_in_a_training_module(recognizer):
    holder = torch.nn.ModuleList([recognizer]).train()
    assert holder.training
    assert not any(module.training for module in recognizer.modules())
    assert not any(parameter.requires_grad for parameter in recognizer.parameters())


def test_embed_equals_forward_for_any_batch_size_and_is_deterministic(recognizer):
    images = noise(5, 80)
    whole = recognizer.embed(images, batch_size=5)
    assert whole.dtype == np.float32
    assert np.array_equal(whole, recognizer.embed(images, batch_size=5))
    np.testing.assert_allclose(recognizer.embed(images, batch_size=2), whole, atol=2e-6)
    np.testing.assert_allclose(recognizer(to_tensor(images)).numpy(), whole, atol=2e-6)
    assert recognizer.embed(images[:0], batch_size=2).shape == (0, 128)


def test_bf16_copy_is_identical_under_autocast(recognizer):
    kept, given = recognizer.kept_in(torch.bfloat16), []
    for network in (recognizer, kept):
        crops = to_tensor(noise(2, 64)).requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            features = network.features(crops)
        (features.embedding.square().sum() + features.levels[0].float().mean()).backward()
        given.append([features.embedding, *features.levels, crops.grad])
    assert all(torch.equal(a, b) for a, b in zip(*given, strict=True))
    assert recognizer.stem.weight.dtype == torch.float32
    assert not any(parameter.requires_grad for parameter in kept.parameters())


def test_bf16_autocast_keeps_the_identity(recognizer):
    crops = to_tensor(noise(4, 112)).requires_grad_()
    exact = recognizer(crops)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        features = recognizer.features(crops)
    features.embedding.sum().backward()
    assert features.embedding.dtype == torch.float32
    assert features.levels[0].dtype == torch.bfloat16
    assert torch.isfinite(crops.grad).all()
    mean = exact.mean(0)
    assert cosine(centered(features.embedding, mean), centered(exact, mean)).min() > 0.97


@pytest.mark.parametrize("size_px", [64, 128, 256, 512, 1024])
def test_chip_does_not_depend_on_crop_size(size_px):
    """A smooth pattern in template coordinates gives the same chip at any crop resolution."""
    chips = []
    for size in (512, size_px):
        y, x = np.mgrid[:size, :size] * (512 / size) + (512 / size - 1) / 2
        picture = np.stack([np.sin(x / 60), np.cos(y / 50), np.sin((x + y) / 80)])
        chips.append(
            crop_chip(
                torch.from_numpy(picture[None]).float(), chip_view(dlib_chip, picture.shape[-1], CHIP_PX), CHIP_PX
            )
        )
    assert chips[0].shape == (1, 3, CHIP_PX, CHIP_PX)
    assert (chips[0] - chips[1]).abs()[..., 2:-2, 2:-2].max() < 0.02


@given(st.lists(st.floats(-2, 2, width=32), min_size=12, max_size=12))
@settings(max_examples=40, deadline=None)
def test_centered_vectors_are_unit_and_cosine_is_symmetric(values):
    first, second, mean = torch.tensor(values).view(3, 4)
    a, b = centered(first, mean), centered(second, mean)
    assert torch.allclose(cosine(a, b), cosine(b, a))
    assert abs(cosine(a, b)) <= 1 + 1e-5
    if (first - mean).norm() > 1e-3:
        assert a.norm().item() == pytest.approx(1, abs=1e-4)


def test_cosine_has_known_values():
    mean = torch.tensor([1.0, 1.0])
    east, north, west = (centered(torch.tensor(v), mean) for v in ([3.0, 1.0], [1.0, 5.0], [0.0, 1.0]))
    assert cosine(east, north).item() == pytest.approx(0)
    assert cosine(east, west).item() == pytest.approx(-1)
    assert torch.isfinite(centered(mean, mean)).all()


# --- on real photographs -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def photographs() -> Path:
    folder = os.environ.get("SWAPCORE_FACES")
    if not folder:
        pytest.skip("SWAPCORE_FACES is not set to a folder of photographs")
    return Path(folder)


@pytest.fixture(scope="module")
def found_faces(photographs):
    """(file, identity, image, dlib's five points) of every photograph with a face."""
    detect = dlib.get_frontal_face_detector()
    predict = dlib.shape_predictor(str(package_file(LANDMARK_FILE)))
    found = []
    for row in csv.DictReader((photographs / "faces.csv").open(encoding="utf-8")):
        image = cv2.imread(str(photographs / row["file"]), cv2.IMREAD_COLOR_RGB)
        found.append((row["expression"], row["identity"], image, predict(image, detect(image)[0])))
    return found


def crop_of(image, shape, size_px: int) -> np.ndarray:
    """The aligned crop, from dlib's points: parts 2, 3 are the left eye's corners in the image, 0, 1 the right eye's."""
    points = np.array([[part.x, part.y] for part in shape.parts()], float)
    return warp(image, align(np.stack([points[2:4].mean(0), points[0:2].mean(0), points[4]]), size_px), size_px)


@pytest.mark.faces
@pytest.mark.parametrize("size_px", [128, 256, 512])
def test_crop_framing_reproduces_dlib_embeddings(found_faces, recognizer, size_px):
    """Chips from aligned crops give nearly the embeddings of dlib's get_face_chip."""
    some = found_faces[:24]
    own = np.stack([dlib.get_face_chip(image, shape, CHIP_PX) for _, _, image, shape in some])
    expected = recognizer.features_of_chips(to_tensor(own)).embedding
    crops = np.stack([crop_of(image, shape, size_px) for _, _, image, shape in some])
    mean = expected.mean(0)
    similar = cosine(centered(torch.from_numpy(recognizer.embed(crops, batch_size=8)), mean), centered(expected, mean))
    assert similar.mean() > 0.93
    assert similar.min() > 0.85


@pytest.mark.faces
@pytest.mark.slow
def test_smiling_people_are_retrieved_among_neutral_ones(found_faces, recognizer):
    embeddings = {}
    for expression in ("neutral", "smiling"):
        rows = sorted((r for r in found_faces if r[0] == expression), key=lambda row: row[1])
        crops = np.stack([crop_of(image, shape, 256) for _, _, image, shape in rows])
        embeddings[expression] = torch.from_numpy(recognizer.embed(crops, batch_size=16))
    mean = torch.cat(list(embeddings.values())).mean(0)
    table = centered(embeddings["smiling"], mean) @ centered(embeddings["neutral"], mean).T
    assert len(table) == 82
    assert (table.argmax(1) == torch.arange(82)).all()
