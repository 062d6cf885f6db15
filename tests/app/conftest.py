"""A small model, drawn images and a report folder for the page."""

from pathlib import Path

import av
import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient

from swapcore.app.models import OfferedModels
from swapcore.app.rendered_people import RenderedPeople
from swapcore.app.reports import PageReports
from swapcore.app.server import make_app
from swapcore.app.swapping import PageSwapper
from swapcore.config import NetworkParams, Section, read_params
from swapcore.data.artifact import write_card
from swapcore.data.facts import ReportFacts
from swapcore.evaluation.report_files import write_json
from swapcore.hub.references import weights_digest
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


METRICS = {
    "identity/top1": 91.5,
    "identity/cosine_source": 0.62,
    "identity/cosine_template": 0.21,
    "truth/psnr_face": 24.3,
}


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Path:
    """A report folder about the model, and next to it a file that the page must not serve."""
    folder = tmp_path_factory.mktemp("app-report") / "report"
    folder.mkdir()
    (folder.parent / "secret.txt").write_text("secret")
    metrics = {name + end: value + change for name, value in METRICS.items() for end, change in ENDS.items()}
    write_json(folder / "metrics.json", {**metrics, "template_copied/identity/top1": 4.0, "secret": 1})
    (folder / "sheet.png").write_bytes(encode_png(draw_face(7)[0]))
    (folder / "report.html").write_text("<title>report</title>")
    facts = ReportFacts(
        recognizer="dlib", self_evaluated=True, size_px=64, worst_slice=None, champion=None, protocol={}
    )
    inputs = {"model": weights_digest(model)}
    write_card(folder, "report", NoParams(), inputs=inputs, counts={"pairs": 40, "people": 12}, facts=facts)
    return folder


ENDS = {"": 0.0, "/low": -0.1, "/high": 0.1}


class NoParams(Section):
    """No params."""


@pytest.fixture(scope="session")
def models(model: Path) -> OfferedModels:
    return OfferedModels(str(model))


@pytest.fixture(scope="session")
def page_swapper(models: OfferedModels) -> PageSwapper:
    return PageSwapper(models.load(models.given), RenderedPeople(Path("nowhere")))


@pytest.fixture
def app(models: OfferedModels, report: Path) -> Flask:
    return make_app(models, PageReports(report), RenderedPeople(Path("nowhere")), ["127.0.0.1", "localhost"])


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short video of a drawn face that moves."""
    path = tmp_path_factory.mktemp("app-clip") / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width = stream.height = 320
        stream.pix_fmt = "yuv420p"
        for number in range(8):
            image = draw_face(9, size_px=320, eye_distance_px=64, center=(0.46 + 0.01 * number, 0.45))[0]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path
