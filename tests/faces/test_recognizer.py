"""dlib's network in torch: its numbers are dlib's, its framing is right, gradients reach the pixels, nothing in it learns."""

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
from swapcore.faces.align import CHIP_PX, align, recogniser_chip
from swapcore.faces.dlib_weights import LANDMARK_FILE, RECOGNISER_FILE, package_file
from swapcore.faces.networks import load_recogniser
from swapcore.faces.recognizer import Recogniser, cut_chip
from swapcore.ops.embedding import centred, cosine
from swapcore.ops.geometry import warp
from swapcore.ops.image import to_tensor

DLIB = NetworkParams(kind="dlib", path=None, sha256=None)


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    torch.set_num_threads(1)
    return load_recogniser(DLIB)


@pytest.fixture(scope="module")
def dlib_network():
    return dlib.face_recognition_model_v1(str(package_file(RECOGNISER_FILE)))


def noise(count: int, size_px: int, seed: int = 0) -> np.ndarray:
    """Blurred noise with a full range of colours."""
    raw = np.random.default_rng(seed).integers(0, 256, (count, size_px, size_px, 3), dtype=np.uint8)
    return np.stack([cv2.normalize(cv2.GaussianBlur(image, None, 3), None, 0, 255, cv2.NORM_MINMAX) for image in raw])


def test_embeddings_equal_dlibs(recogniser, dlib_network):
    chips = noise(3, CHIP_PX)
    expected = np.array([list(dlib_network.compute_face_descriptor(chip)) for chip in chips])
    found = recogniser.features_of_chips(to_tensor(chips)).embedding.numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_levels_run_from_fine_to_coarse(recogniser):
    features = recogniser.features(to_tensor(noise(2, 64)))
    shapes = [tuple(level.shape) for level in features.levels]
    assert shapes == [(2, 32, 35, 35), (2, 64, 17, 17), (2, 128, 8, 8), (2, 256, 4, 4), (2, 256, 2, 2)]
    assert features.embedding.shape == (2, recogniser.embedding_dim) == (2, 128)
    assert torch.equal(recogniser(to_tensor(noise(2, 64))), features.embedding)


def test_gradient_reaches_the_pixels_and_only_them(recogniser):
    crops = to_tensor(noise(2, 128)).requires_grad_()
    features = recogniser.features(crops)
    (features.embedding.square().sum() + sum(level.mean() for level in features.levels)).backward()
    touched = crops.grad.abs().amax(1)
    assert (touched[:, 40:100, 40:90] > 0).float().mean() > 0.9
    assert all(parameter.grad is None for parameter in recogniser.parameters())


def test_a_step_along_the_gradient_gains_what_the_gradient_promises(recogniser):
    crops = to_tensor(noise(1, 96)).requires_grad_()
    weights = torch.randn(128, generator=torch.Generator().manual_seed(2))
    (recogniser(crops) @ weights).sum().backward()
    direction = crops.grad / crops.grad.norm()
    step = 1e-2
    with torch.no_grad():
        ahead, behind = ((recogniser(crops + sign * step * direction) @ weights).item() for sign in (1, -1))
    assert (ahead - behind) / (2 * step) == pytest.approx(crops.grad.norm().item(), rel=0.05)


def test_it_is_frozen_even_when_its_holder_trains(recogniser):
    holder = torch.nn.ModuleList([recogniser]).train()
    assert holder.training
    assert not any(module.training for module in recogniser.modules())
    assert not any(parameter.requires_grad for parameter in recogniser.parameters())


def test_embed_agrees_with_forward_in_any_batch_size_and_repeats_exactly(recogniser):
    images = noise(5, 80)
    whole = recogniser.embed(images, batch_size=5)
    assert whole.dtype == np.float32
    assert np.array_equal(whole, recogniser.embed(images, batch_size=5))
    np.testing.assert_allclose(recogniser.embed(images, batch_size=2), whole, atol=2e-6)
    np.testing.assert_allclose(recogniser(to_tensor(images)).numpy(), whole, atol=2e-6)
    assert recogniser.embed(images[:0], batch_size=2).shape == (0, 128)


def test_kept_in_bf16_it_gives_the_same_under_autocast_and_the_original_stays(recogniser):
    kept, given = recogniser.kept_in(torch.bfloat16), []
    for network in (recogniser, kept):
        crops = to_tensor(noise(2, 64)).requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            features = network.features(crops)
        (features.embedding.square().sum() + features.levels[0].float().mean()).backward()
        given.append([features.embedding, *features.levels, crops.grad])
    assert all(torch.equal(a, b) for a, b in zip(*given, strict=True))
    assert recogniser.stem.weight.dtype == torch.float32
    assert not any(parameter.requires_grad for parameter in kept.parameters())


def test_bf16_autocast_keeps_the_identity(recogniser):
    crops = to_tensor(noise(4, 112)).requires_grad_()
    exact = recogniser(crops)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        features = recogniser.features(crops)
    features.embedding.sum().backward()
    assert features.embedding.dtype == torch.float32
    assert features.levels[0].dtype == torch.bfloat16
    assert torch.isfinite(crops.grad).all()
    mean = exact.mean(0)
    assert cosine(centred(features.embedding, mean), centred(exact, mean)).min() > 0.97


@pytest.mark.parametrize("size_px", [64, 128, 256, 512, 1024])
def test_the_chip_is_the_same_at_every_crop_size(size_px):
    """A smooth pattern given at the template's scale is cut alike, whatever the crop's resolution."""
    chips = []
    for size in (512, size_px):
        y, x = np.mgrid[:size, :size] * (512 / size) + (512 / size - 1) / 2
        picture = np.stack([np.sin(x / 60), np.cos(y / 50), np.sin((x + y) / 80)])
        chips.append(cut_chip(torch.from_numpy(picture[None]).float(), recogniser_chip, CHIP_PX))
    assert chips[0].shape == (1, 3, CHIP_PX, CHIP_PX)
    assert (chips[0] - chips[1]).abs()[..., 2:-2, 2:-2].max() < 0.02


@given(st.lists(st.floats(-2, 2, width=32), min_size=12, max_size=12))
@settings(max_examples=40, deadline=None)
def test_centred_gives_unit_vectors_whose_cosine_is_symmetric(values):
    first, second, mean = torch.tensor(values).view(3, 4)
    a, b = centred(first, mean), centred(second, mean)
    assert torch.allclose(cosine(a, b), cosine(b, a))
    assert abs(cosine(a, b)) <= 1 + 1e-5
    if (first - mean).norm() > 1e-3:
        assert a.norm().item() == pytest.approx(1, abs=1e-4)


def test_cosine_by_hand():
    mean = torch.tensor([1.0, 1.0])
    east, north, west = (centred(torch.tensor(v), mean) for v in ([3.0, 1.0], [1.0, 5.0], [0.0, 1.0]))
    assert cosine(east, north).item() == pytest.approx(0)
    assert cosine(east, west).item() == pytest.approx(-1)
    assert torch.isfinite(centred(mean, mean)).all()


# --- on real photographs -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def photographs() -> Path:
    folder = os.environ.get("SWAPCORE_FACES")
    if not folder:
        pytest.skip("SWAPCORE_FACES names no folder of photographs")
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
def test_our_framing_gives_dlibs_embedding(found_faces, recogniser, size_px):
    """Cut from our crop, the chip is seen as dlib's own get_face_chip of the photograph is."""
    some = found_faces[:24]
    own = np.stack([dlib.get_face_chip(image, shape, CHIP_PX) for _, _, image, shape in some])
    expected = recogniser.features_of_chips(to_tensor(own)).embedding
    crops = np.stack([crop_of(image, shape, size_px) for _, _, image, shape in some])
    mean = expected.mean(0)
    similar = cosine(centred(torch.from_numpy(recogniser.embed(crops, batch_size=8)), mean), centred(expected, mean))
    assert similar.mean() > 0.93
    assert similar.min() > 0.85


@pytest.mark.faces
@pytest.mark.slow
def test_every_smiling_person_is_found_among_the_neutral_ones(found_faces, recogniser):
    embeddings = {}
    for expression in ("neutral", "smiling"):
        rows = sorted((r for r in found_faces if r[0] == expression), key=lambda row: row[1])
        crops = np.stack([crop_of(image, shape, 256) for _, _, image, shape in rows])
        embeddings[expression] = torch.from_numpy(recogniser.embed(crops, batch_size=16))
    mean = torch.cat(list(embeddings.values())).mean(0)
    table = centred(embeddings["smiling"], mean) @ centred(embeddings["neutral"], mean).T
    assert len(table) == 82
    assert (table.argmax(1) == torch.arange(82)).all()
