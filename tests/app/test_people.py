"""Rendered people are known again by their pictures, and the truth shown is the true swap."""

import json
from pathlib import Path

import cv2
import numpy as np

from swapcore.app.rendered_people import KnownPeople
from swapcore.app.swapping import Swapping, Upload
from swapcore.inference.image_swapper import PhotographSwapper
from swapcore.ops.metrics import psnr


def upload(path: Path) -> Upload:
    return Upload(path.name, path.read_bytes())


def test_the_truth_of_a_persons_own_face_is_the_template(people: Path) -> None:
    known = KnownPeople(people)
    first, second = sorted(people.rglob("person-00000/*.png"))[:2]
    true = known.true_swap(upload(first).sha256, upload(second).sha256)
    assert true is not None
    assert psnr(true, cv2.imread(str(second), cv2.IMREAD_COLOR_RGB)) > 45
    assert known.true_swap("00" * 32, upload(second).sha256) is None


def test_the_page_measures_against_it(people: Path, model: Path) -> None:
    swapping = Swapping(PhotographSwapper(model), KnownPeople(people))
    answer = swapping.answer(upload(people / "person-00000/0000.png"), upload(people / "person-00001/0000.png"))
    assert answer.truth is not None
    true = cv2.imdecode(np.frombuffer(answer.truth, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert true.shape == (192, 192, 3)
    assert 5 < answer.figures["to the truth, dB"] < 60
    json.dumps(answer.figures)
