"""Oracle teacher."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawn_faces import Look, write_faces

from swapcore.config import read_params
from swapcore.data.faces import Face, FaceSet, at_size
from swapcore.errors import ArtifactError, ParamsError
from swapcore.ops.geometry import apply, warp
from swapcore.ops.image import decode
from swapcore.synth.landmarks import POINT_NAMES
from swapcore.synth.people import PARAMETERS, PictureRow, draw_shots
from swapcore.synth.render import render
from swapcore.synth.taking import save, take
from swapcore.synth.truth import render_true_swap
from swapcore.tables import write_table
from swapcore.teachers.base import load_teacher
from swapcore.teachers.oracle import OracleTeacher

SIZE = 64


def face(file: str, image: np.ndarray) -> Face:
    identity = np.hstack([np.eye(2), np.zeros((2, 1))])
    return Face(
        key=file, identity=file[:12], split="train", file=file, image=image, points=np.zeros((5, 2)), affine=identity,
        embedding=np.zeros(4, np.float32),
    )  # fmt: skip


def test_the_oracle_renders_the_true_swap_in_the_templates_crop(tmp_path: Path) -> None:
    shots = [draw_shots(1, person, 1, SIZE, 0.7)[0] for person in (0, 1)]
    write_table(
        tmp_path / PARAMETERS, PictureRow, [save(shot, next(take([shot], "cpu", 1)), tmp_path) for shot in shots]
    )
    source, template = (face(shot.file, decode((tmp_path / shot.file).read_bytes())) for shot in shots)
    teacher = OracleTeacher(tmp_path, SIZE)
    truth = render_true_swap(shots[0].identity, shots[1].identity, shots[1].attributes, SIZE)
    assert np.array_equal(teacher.swap(source, template).image, truth.image)
    assert np.array_equal(teacher.swap(template, template).image, template.image)
    with pytest.raises(ArtifactError, match=r"has no row for holiday\.jpg"):
        teacher.swap(face("holiday.jpg", source.image), template)


def test_truth_and_template_are_cut_and_resized_alike(tmp_path: Path) -> None:
    shot = draw_shots(1, 0, 1, SIZE, 0.7)[0]
    write_table(tmp_path / PARAMETERS, PictureRow, [save(shot, next(take([shot], "cpu", 1)), tmp_path)])
    photo = face(shot.file, decode((tmp_path / shot.file).read_bytes()))
    turn = np.array([[1.1, 0.2, -5.3], [-0.2, 1.1, 7.7]])
    cropped = replace(photo, image=warp(photo.image, turn, SIZE), affine=turn)
    smaller = at_size(cropped, 48)
    assert np.array_equal(OracleTeacher(tmp_path, SIZE).swap(smaller, smaller).image, smaller.image)


def test_its_landmarks_are_those_of_the_true_swap_in_the_templates_crop(tmp_path: Path) -> None:
    shots = [draw_shots(1, person, 1, SIZE, 0.7)[0] for person in (0, 1)]
    write_table(
        tmp_path / PARAMETERS, PictureRow, [save(shot, next(take([shot], "cpu", 1)), tmp_path) for shot in shots]
    )
    source, template = (face(shot.file, decode((tmp_path / shot.file).read_bytes())) for shot in shots)
    truth = render_true_swap(shots[0].identity, shots[1].identity, shots[1].attributes, SIZE)
    turn = np.array([[1.1, 0.2, -5.3], [-0.2, 1.1, 7.7]])
    cut = replace(template, affine=turn)
    np.testing.assert_allclose(OracleTeacher(tmp_path, SIZE).swap(source, cut).points, apply(turn, truth.points[:5]))
    own = render(shots[1].identity, shots[1].attributes, SIZE)
    assert np.abs(truth.points[:5] - own.points[:5]).max() > 0.3  # another face has them elsewhere


def test_the_oracle_is_loaded_only_where_crop_handed_on_how_the_photographs_were_rendered(tmp_path: Path) -> None:
    params = read_params(Path(__file__).parents[2] / "params.yaml")
    oracle = params.groups.model_copy(update={"teacher": "oracle"})
    faces = FaceSet(write_faces(tmp_path / "faces", [Look(0, 0, "train")], params))
    with pytest.raises(
        ParamsError, match=r"groups\.teacher: oracle .* has no parameters\.parquet; choose another teacher"
    ):
        load_teacher(oracle, faces)
    write_table(faces.folder / PARAMETERS, PictureRow, [])
    assert load_teacher(oracle, faces).name == "oracle"


def test_exact_surface_points_of_an_image_and_of_its_swap_with_itself_agree(tmp_path: Path) -> None:
    shot = draw_shots(1, 0, 1, SIZE, 0.7)[0]
    write_table(tmp_path / PARAMETERS, PictureRow, [save(shot, next(take([shot], "cpu", 1)), tmp_path)])
    turn = np.array([[1.1, 0.2, -5.3], [-0.2, 1.1, 7.7]])
    cropped = replace(face(shot.file, decode((tmp_path / shot.file).read_bytes())), affine=turn)
    teacher = OracleTeacher(tmp_path, SIZE)
    own, swapped = teacher.surface(cropped), teacher.swap(cropped, cropped).surface
    assert own.shape == (len(POINT_NAMES), 3)
    assert swapped is not None
    np.testing.assert_allclose(own, swapped, atol=1e-3)
    assert set(np.unique(own[:, 2])) <= {0.0, 1.0}
    picture = render(shot.identity, shot.attributes, SIZE)
    np.testing.assert_allclose(own[:, :2], apply(turn, picture.points), atol=1e-3)
