"""Field models: swaps of crops and faces at any resolution, and their export."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from swapcore.config import NetworkParams
from swapcore.errors import ArtifactError
from swapcore.faces.align import template_points
from swapcore.faces.detect import Box
from swapcore.faces.extract import AlignedFace, extract_face
from swapcore.faces.mesh import crops as mesh_crops
from swapcore.hub.crop_swapper import CropSwapper
from swapcore.hub.face_swapper import FaceInImage
from swapcore.hub.field_swapper import FieldSwapper
from swapcore.hub.loading import load_face_swapper
from swapcore.hub.native_crop import crop_native, side_for
from swapcore.ops.geometry import apply, invert
from swapcore.serving.export import FIELD_INPUTS, OnnxSwap, export_onnx
from swapcore.warp import crop_guides as warp_guide
from tests.drawn_photographs import draw_face
from tests.inference.small_model import FIELDS, write_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    network = NetworkParams(kind="dlib", path=None, sha256=None)
    return write_model(tmp_path_factory.mktemp("models") / "fields", network, shape=FIELDS)


@pytest.fixture(scope="module")
def swapper(folder: Path) -> FieldSwapper:
    return FieldSwapper(folder)


def crops(num: int, size_px: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (num, size_px, size_px, 3), dtype=np.uint8)


def face_in(size_px: int, crop_px: int) -> FaceInImage:
    """A face that fills an image of size_px."""
    image = crops(1, size_px)[0]
    scale = crop_px / size_px
    affine = np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2]])
    points = np.array([[40.0, 50], [80, 50], [60, 75], [45, 90], [75, 90]])
    crop = np.ascontiguousarray(image[:: size_px // crop_px, :: size_px // crop_px])
    return FaceInImage(image, AlignedFace(crop, affine, Box(0, 0, size_px, size_px, 1.0), points, points))


def test_a_model_is_loaded_by_its_kind(folder: Path, model: Path) -> None:
    assert isinstance(load_face_swapper(folder, "cpu"), FieldSwapper)
    assert isinstance(load_face_swapper(model, "cpu"), CropSwapper)
    with pytest.raises(ArtifactError, match="predicts fields"):
        CropSwapper(folder)
    with pytest.raises(ArtifactError, match="predicts pixels"):
        FieldSwapper(model)


@pytest.mark.parametrize(("source_px", "template_px"), [(128, 128), (200, 128), (128, 300)])
def test_crops_of_any_size_are_swapped_at_the_templates(
    swapper: FieldSwapper, source_px: int, template_px: int
) -> None:
    templates = crops(2, template_px, 1)
    swapped = swapper.swap_crops(crops(2, source_px), templates)
    assert swapped.shape == templates.shape
    assert swapped.dtype == np.uint8
    assert np.array_equal(swapped[:, : template_px // 5], templates[:, : template_px // 5])  # above the window
    assert not np.array_equal(swapped, templates)


def test_faces_are_swapped_at_the_images_resolution(swapper: FieldSwapper) -> None:
    swapped = swapper.swap_faces([face_in(256, 128)], [face_in(512, 128)])[0]
    assert swapped.relit
    assert swapped.before.shape == swapped.after.shape == (512, 512, 3)
    np.testing.assert_allclose(apply(invert(swapped.affine), swapped.points)[0], [161.5, 201.5])


def test_native_crops_are_bounded() -> None:
    shown = face_in(512, 128)
    assert crop_native(shown, 300).crop.shape == (300, 300, 3)
    assert crop_native(shown, 128).crop is shown.face.crop


def test_the_side_nearest_to_one_that_is_asked_for(swapper: FieldSwapper, model: Path) -> None:
    assert [side_for(swapper, px) for px in (64, 256, 5000)] == [128, 256, 2048]
    assert side_for(CropSwapper(model), 256) == 64


def test_without_the_mesh_the_standard_points_guide(swapper: FieldSwapper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warp_guide, "is_installed", lambda: False)
    guide = warp_guide.crop_guides(crops(2, 128), crops(2, 128, 1), 64)
    assert guide.flow.shape == (2, 2, 64, 64)
    assert max(guide.flow.abs().max(), guide.own_flow.abs().max()) < 1e-6
    assert guide.visible[:, :, 36, 32].min() == 1
    assert swapper.swap_crops(crops(1, 128), crops(1, 128, 1)).shape == (1, 128, 128, 3)


@pytest.mark.skipif(not warp_guide.is_installed(), reason="the face mesh's files are not installed")
def test_the_mesh_finds_a_drawn_face_and_no_face_in_noise() -> None:
    crop = extract_face(draw_face(3)[0], 256, "central", Path()).crop
    found, nothing = mesh_crops.crop_landmarks(np.stack([crop, crops(1, 256)[0]]))
    assert nothing is None
    assert found is not None
    assert found.shape == (478, 3)
    np.testing.assert_allclose(found[[468, 473], :2].mean(0), template_points(256)[:2].mean(0), atol=12)


def test_the_exported_file_composes_at_any_size(folder: Path, swapper: FieldSwapper, tmp_path: Path) -> None:
    written = export_onnx(folder, tmp_path / "fields.onnx")
    assert written.max_difference < 1e-3
    assert [each.name for each in onnx.load(tmp_path / "fields.onnx").graph.input] == list(FIELD_INPUTS)
    inputs = swapper.inputs(crops(1, 150), crops(1, 210, 1))
    found = OnnxSwap(tmp_path / "fields.onnx", threads=1)(*(values.numpy() for values in inputs))
    wanted = swapper.swap_crops(crops(1, 150), crops(1, 210, 1))
    assert np.abs(np.rint((found[0].clip(-1, 1) + 1) * 127.5) - wanted[0].transpose(2, 0, 1)).max() <= 1
