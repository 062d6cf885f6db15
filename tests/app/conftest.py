"""A small model, drawn images and a report folder for the page."""

from pathlib import Path

import numpy as np
import pytest

from swapcore.app.rendered_people import RenderedPeople
from swapcore.app.server import make_app
from swapcore.app.swapping import PageSwapper
from swapcore.config import NetworkParams, read_params
from swapcore.inference.image_swapper import Swapper
from swapcore.ops.image import encode_png
from swapcore.stages.synthesize import run
from tests.drawn_photographs import draw_face
from tests.inference.small_model import write_model


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("app") / "model", NetworkParams(kind="dlib", path=None, sha256=None))


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """source.png, template.png, and no_face.png."""
    folder = tmp_path_factory.mktemp("app-photographs")
    for name, seed in (("source", 5), ("template", 6)):
        (folder / f"{name}.png").write_bytes(encode_png(draw_face(seed)[0]))
    (folder / "no_face.png").write_bytes(encode_png(np.full((300, 300, 3), 120, np.uint8)))
    return folder


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two rendered people with two images each."""
    folder = tmp_path_factory.mktemp("people") / "people"
    usual = read_params(Path(__file__).parents[2] / "params.yaml").synthesize
    small = {
        "num_people": 2,
        "images_per_person": 2,
        "size_px": 192,
        "workers": 1,
        "attribute_range": 0.3,
        "write_truth": False,
    }
    run(usual.model_copy(update=small), photographs=folder)
    return folder


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report folder, and next to it a file that the page must not serve."""
    folder = tmp_path_factory.mktemp("app-report") / "report"
    folder.mkdir()
    (folder.parent / "secret.txt").write_text("secret")
    (folder / "metrics.json").write_text('{"secret": 1}')
    (folder / "sheet.png").write_bytes(encode_png(draw_face(7)[0]))
    (folder / "report.html").write_text("<title>report</title>")
    return folder


@pytest.fixture(scope="session")
def page_swapper(model: Path) -> PageSwapper:
    return PageSwapper(Swapper(model), RenderedPeople(Path("nowhere")))


@pytest.fixture
def client(page_swapper: PageSwapper, report: Path):
    return make_app(page_swapper, report, ["127.0.0.1", "localhost"]).test_client()
