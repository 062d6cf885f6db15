"""The oracle teacher stands with the renderer that it asks."""

from pathlib import Path

import numpy as np
import pytest

from swapcore.data.faces import Face
from swapcore.data.tables import write_table
from swapcore.errors import ArtifactError
from swapcore.ops.image import decode
from swapcore.synth.people import PARAMETERS, PictureRow, draw_shots, photograph
from swapcore.synth.truth import render_true_swap
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
    write_table(tmp_path / PARAMETERS, PictureRow, [photograph(shot, tmp_path) for shot in shots])
    source, template = (face(shot.file, decode((tmp_path / shot.file).read_bytes())) for shot in shots)
    teacher = OracleTeacher(tmp_path)
    truth = render_true_swap(shots[0].identity, shots[1].identity, shots[1].attributes, SIZE)
    assert np.array_equal(teacher.swap(source, template), truth.image)
    assert np.array_equal(teacher.swap(template, template), template.image)
    with pytest.raises(ArtifactError, match=r"does not know holiday\.jpg"):
        teacher.swap(face("holiday.jpg", source.image), template)
