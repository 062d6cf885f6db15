"""The registered teacher, with untrained models: what they paint is not good, but must always be the same."""

import pickle
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from swapcore.config import GroupsParams, NetworkParams, read_params
from swapcore.data.artifact import file_digest
from swapcore.data.faces import FaceSet
from swapcore.errors import InputError, ParamsError
from swapcore.faces.align import NUM_ALIGNMENT_POINTS, align
from swapcore.models.artifact import WEIGHTS
from swapcore.ops.geometry import apply, warp
from swapcore.ops.image import Image
from swapcore.synth.people import draw_shots
from swapcore.synth.render import render
from swapcore.teachers.base import BatchTeacher, load_teacher
from swapcore.teachers.making import FakeJob, FakeMaker, make_fakes
from swapcore.teachers.registered import RegisteredTeacher
from swapcore.teachers.warp import WarpTeacher
from tests.drawn_faces import Look, face, write_faces
from tests.inference.small_model import SIZE_PX, write_model

DLIB = NetworkParams(kind="dlib", path=None, sha256=None)
PARAMS = read_params(Path(__file__).parents[2] / "params.yaml")
GROUPS = PARAMS.groups


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "model", DLIB)


@pytest.fixture(scope="module")
def teacher(model: Path) -> RegisteredTeacher:
    return RegisteredTeacher(model)


def write_copier(folder: Path) -> Path:
    """A model that leaves the template alone."""
    model = write_model(folder, DLIB)
    weights = load_file(model / WEIGHTS)
    weights["output.bias"][12:16] = -50.0  # the mask's channels
    save_file(weights, model / WEIGHTS)
    return model


def test_it_gives_the_models_swap_and_is_known_by_the_models_digest(teacher: RegisteredTeacher, model: Path) -> None:
    source, template = face(0, size_px=SIZE_PX), face(1, size_px=SIZE_PX)
    fake = teacher.swap(source, template).image
    assert (fake.shape, fake.dtype) == ((SIZE_PX, SIZE_PX, 3), np.uint8)
    assert np.abs(fake.astype(int) - template.image).mean() > 1
    assert np.abs(fake.astype(int) - teacher.swap(face(2, size_px=SIZE_PX), template).image).max() > 0
    assert (teacher.model, teacher.version) == (model, file_digest(model / WEIGHTS))


def test_the_same_bytes_in_another_process_and_with_more_threads(teacher: RegisteredTeacher) -> None:
    source, template = face(0, size_px=SIZE_PX), face(1, size_px=SIZE_PX)
    fake = teacher.swap(source, template).image
    assert len(pickle.dumps(teacher)) < 1000
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        again = pickle.loads(pickle.dumps(teacher)).swap(source, template).image
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(again, fake)


@pytest.mark.parametrize("size_px", [48, 96])
def test_at_another_size_only_what_the_model_changed_changes(size_px: int, tmp_path: Path) -> None:
    model, template = write_copier(tmp_path / "model"), face(1, size_px=size_px)
    np.testing.assert_array_equal(
        RegisteredTeacher(model).swap(face(0, size_px=size_px), template).image, template.image
    )


def test_faces_of_another_size(teacher: RegisteredTeacher) -> None:
    fake = teacher.swap(face(0), face(1)).image
    assert fake.shape == face(1).image.shape
    assert np.abs(fake.astype(int) - face(1).image).mean() > 1


def test_the_landmarks_move_with_the_face(model: Path) -> None:
    shot = draw_shots(1, 0, 1, 160, 0.4)[0]
    picture = render(shot.identity, shot.attributes, shot.size_px)
    cut, larger = align(picture.points[:NUM_ALIGNMENT_POINTS], 96), np.array([[1.1, 0.0, -4.8], [0.0, 1.1, -4.8]])
    template = replace(face(1), image=warp(picture.image, cut, 96), points=apply(cut, picture.points[:5]))
    teacher = RegisteredTeacher(model)
    vars(teacher)["_swapper"] = SimpleNamespace(
        size_px=96, max_crop_px=96, swap_crops=lambda _, templates: [warp(templates[0], larger, 96)]
    )
    found, expected = teacher.swap(face(0), template).points, apply(larger, template.points)
    assert np.abs(found - expected).mean() < 0.4 < 0.8 < np.abs(template.points - expected).mean()


def test_the_landmarks_of_an_unchanged_face_stay(tmp_path: Path) -> None:
    teacher = RegisteredTeacher(write_copier(tmp_path / "model"))
    np.testing.assert_array_equal(teacher.swap(face(0), face(1)).points, face(1).points)
    faceless = replace(face(1), image=np.full((96, 96, 3), 90, np.uint8))
    np.testing.assert_array_equal(teacher.swap(face(0), faceless).points, faceless.points)


def test_batches_of_a_gpu_give_the_same_fakes_in_order(model: Path, tmp_path: Path, monkeypatch) -> None:
    looks = [Look(person, picture, "train") for person in range(3) for picture in range(2)]
    faces = FaceSet(write_faces(tmp_path / "faces", looks, PARAMS))
    jobs = [FakeJob(faces.rows[i], faces.rows[j]) for i in range(6) for j in range(6) if i != j]
    maker = FakeMaker(RegisteredTeacher(model), faces.reader, SIZE_PX)
    single = list(make_fakes(maker, jobs, 1))
    sizes = []

    def counted(teacher: RegisteredTeacher, sources: list[Image], templates: list[Image]) -> list[Image]:
        sizes.append(len(sources))
        return swap_images(teacher, sources, templates)

    swap_images = RegisteredTeacher.swap_images
    monkeypatch.setattr(RegisteredTeacher, "in_batches", True)  # as on a GPU
    monkeypatch.setattr(RegisteredTeacher, "swap_images", counted)
    batched = list(make_fakes(maker, jobs, 1))
    assert sizes == [30]
    for one, other in zip(single, batched, strict=True):
        assert np.abs(one.image.astype(int) - other.image).max() <= 1
        np.testing.assert_allclose(one.points, other.points, atol=0.5)
    assert np.abs(single[0].image.astype(int) - single[1].image).max() > 1


def test_a_teacher_of_other_kind_is_not_batched() -> None:
    assert not isinstance(WarpTeacher(), BatchTeacher)


def named(model: str | None) -> GroupsParams:
    return GROUPS.model_copy(update={"teacher": "registered", "teacher_model": model})


def test_the_teacher_is_on_the_device_of_the_params(model: Path) -> None:
    assert not RegisteredTeacher(model).in_batches
    assert RegisteredTeacher(model, "cuda:0").in_batches
    with pytest.raises(ParamsError, match="cuda:7 is not available"):
        load_teacher(named(str(model)).model_copy(update={"device": "cuda:7"}), None)  # type: ignore[arg-type]


def test_params_name_it(model: Path, teacher: RegisteredTeacher, tmp_path: Path) -> None:
    assert load_teacher(named(str(model)), None).version == teacher.version  # type: ignore[arg-type]  # asks no faces
    with pytest.raises(ParamsError, match=r"groups\.teacher_model: is null, and teacher: registered needs a model"):
        load_teacher(named(None), None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no such model"):
        load_teacher(named(str(tmp_path / "nothing")), None)  # type: ignore[arg-type]


def test_the_built_in_warp_can_be_registered_as_the_teacher() -> None:
    params = GROUPS.model_copy(update={"teacher": "registered", "teacher_model": "builtin:warp"})
    assert isinstance(load_teacher(params, SimpleNamespace()), WarpTeacher)
