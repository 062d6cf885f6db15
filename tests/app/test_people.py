"""The true swap of two rendered images is found by their bytes."""

import json
from pathlib import Path

import cv2
import numpy as np

from swapcore.app.rendered_people import RenderedPeople
from swapcore.app.swapping import PageSwapper
from swapcore.app.uploads import Upload
from swapcore.inference.image_swapper import Swapper
from swapcore.ops.metrics import psnr


def upload(path: Path) -> Upload:
    return Upload(path.name, path.read_bytes())


def test_the_true_swap_of_a_person_onto_itself_is_the_template(people: Path) -> None:
    known = RenderedPeople(people)
    first, second = sorted(people.rglob("person-00000/*.png"))[:2]
    true = known.true_swap(upload(first).sha256, upload(second).sha256)
    assert true is not None
    assert psnr(true, cv2.imread(str(second), cv2.IMREAD_COLOR_RGB)) > 45
    assert known.true_swap("00" * 32, upload(second).sha256) is None


def test_the_metrics_include_the_distance_to_the_truth(people: Path, model: Path) -> None:
    page_swapper = PageSwapper(Swapper(model), RenderedPeople(people))
    result = page_swapper.swap(upload(people / "person-00000/0000.png"), upload(people / "person-00001/0000.png"))
    assert result.truth is not None
    true = cv2.imdecode(np.frombuffer(result.truth, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert true.shape == (192, 192, 3)
    assert 5 < result.metrics["result to truth, dB PSNR"] < 60
    json.dumps(result.metrics)
