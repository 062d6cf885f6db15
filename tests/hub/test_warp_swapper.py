"""`builtin:warp`: the reference, whole images, crops, and errors."""

import numpy as np
import pytest
from drawn_photographs import draw_face

from swapcore.errors import ArtifactError, FaceError, InputError
from swapcore.faces.align import template_points
from swapcore.hub import references
from swapcore.hub.loading import load_face_swapper
from swapcore.hub.references import WARP, resolve_model
from swapcore.hub.warp_swapper import WarpSwapper
from swapcore.inference.image_swapper import Swapper
from swapcore.ops.geometry import similarity_transform, warp
from swapcore.warp import WARP_VERSION


def crop(person: int, size_px: int) -> np.ndarray:
    image, drawn = draw_face(person, size_px=3 * size_px, eye_distance_px=0.5 * size_px)
    return warp(image, similarity_transform(drawn[:2], template_points(size_px)[:2]), size_px)


def test_the_reference_has_a_digest_and_no_folder():
    located = resolve_model(WARP)
    assert (located.name, located.version, len(located.digest)) == (WARP, WARP_VERSION, 64)
    with pytest.raises(InputError, match="no weights"):
        _ = located.folder


def test_another_built_in_name_is_refused():
    with pytest.raises(InputError, match="builtin:warp"):
        resolve_model("builtin:nothing")


def test_without_the_mesh_the_error_names_the_command(monkeypatch):
    monkeypatch.setattr(references, "missing_reason", lambda: "mesh: not installed; run: pip install it")
    with pytest.raises(ArtifactError, match="run: pip install it"):
        resolve_model(WARP)


def test_whole_images_keep_their_size_and_surroundings():
    source, _ = draw_face(0, size_px=300, eye_distance_px=60)
    template, _ = draw_face(1, size_px=500, eye_distance_px=90)
    result = Swapper(WARP, device="cpu").swap(source, template)
    changed = np.abs(result.image.astype(int) - template).max(-1)
    assert result.image.shape == template.shape
    assert changed[200:260, 220:280].mean() > 3
    assert changed[:30].max() == 0
    assert result.provenance.model.name == WARP


def test_crops_of_two_sizes():
    swapper = load_face_swapper(WARP, "cpu")
    swapped = swapper.swap_crops(crop(0, 160)[None], crop(1, 128)[None])
    assert swapped.shape == (1, 128, 128, 3)
    assert np.abs(swapped[0].astype(int) - crop(1, 128)).mean() > 1
    assert np.linalg.norm(swapper.embed(swapped), axis=1) == pytest.approx(1)


def test_a_crop_without_a_face_is_one_line():
    with pytest.raises(FaceError, match="template: the face mesh sees no face"):
        WarpSwapper().swap_crops(crop(0, 128)[None], np.full((1, 128, 128, 3), 128, np.uint8))
