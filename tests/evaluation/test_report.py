"""The report's files: the same bytes each time, one page that asks nothing of the network, and readable in a browser."""

import html.parser
import json
import re
import shutil
import subprocess
from dataclasses import replace

import cv2
import numpy as np
import pytest

from swapcore.errors import ArtifactError
from swapcore.evaluation.findings import evaluate_methods
from swapcore.evaluation.pairs import draw_pairs
from swapcore.evaluation.realism import describe
from swapcore.evaluation.report import format_number
from swapcore.evaluation.report_files import read_losses, write_report
from swapcore.evaluation.scores import ScoreRow
from swapcore.tables import read_table

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NASTY = "<script>alert('x')</script> & \"Łódź\""


@pytest.fixture
def write(world, params, tmp_path):
    def half(s, t):
        return (0.6 * world.true_swap(s, t) + 0.4 * t.image).astype(np.uint8)

    rows = [replace(row, brightness=0.3 + 0.02 * i) for i, row in enumerate(world.rows)]
    methods = world.methods(half)
    pairs = draw_pairs(rows, pairs_per_template=2, max_pairs=40, seed=0)
    photographs = describe(world.evaluator.levels(np.stack([f.image for f in world.faces if f.split == "train"])))
    steps = np.arange(0.0, 100.0, 10.0)

    def write_to(name):
        findings = evaluate_methods(methods, pairs, rows, world.evaluator, photographs, params)
        folder = tmp_path / name
        folder.mkdir()
        write_report(
            folder, findings, methods, world.evaluator, params,
            losses=(steps, {"loss/total": np.exp(-steps / 50), "loss/late": np.where(steps < 40, np.nan, 1.0)}),
            facts=[("Consent", NASTY)], credit=NASTY, stages={"evaluate": {"note": NASTY}}, notes=[NASTY],
        )  # fmt: skip
        return folder

    return write_to


def test_report_is_reproducible(write):
    first, second = write("first"), write("second")
    names = sorted(path.name for path in first.iterdir())
    assert names == [
        "identity_scatter.svg", "metrics.json", "pairs.parquet", "report.html", "sheet.png", "slices.parquet", "slices.svg",
    ]  # fmt: skip
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_metrics_and_pairs_can_be_read(write):
    folder = write("report")
    metrics = json.loads((folder / "metrics.json").read_text())
    rows = [row for row in read_table(folder / "pairs.parquet", ScoreRow) if row.method == "model"]
    assert metrics["identity/margin"] == pytest.approx(np.mean([row.margin for row in rows]), abs=1e-6)
    assert cv2.imread(str(folder / "sheet.png")) is not None


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.sources, self.tags = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [v for name, v in attrs if name in {"src", "href", "xlink:href", "data", "srcset", "action"}]


def test_page_is_self_contained(write):
    text = (write("report") / "report.html").read_text()
    page = Page(text)
    assert page.sources
    assert all(source.startswith(("data:image/", "#")) for source in page.sources)
    assert not {"script", "link", "iframe", "object", "embed"} & set(page.tags)
    assert "@import" not in text
    assert all(target.startswith("#") for target in re.findall(r"url\(['\"]?([^)'\"]*)", text))
    assert page.tags.count("img") == 8 * 4  # source, template, model, truth
    assert page.tags.count("svg") == 3


def test_page_has_required_statements(write):
    text = (write("report") / "report.html").read_text()
    for words in (
        "These images are synthetic",
        "toy recognizer",
        "template copied",
        "95 % interval",
        "identity/margin",
        "Consent",
    ):
        assert words in text


def test_page_escapes_names(write):
    text = (write("report") / "report.html").read_text()
    assert "<script>" not in text
    assert text.count("&lt;script&gt;") == 4


def test_self_evaluated_page_labels_all_identity_metrics(write, world):
    recognizer = replace(world.evaluator.recognizer, label="self-evaluated, jittered", jittered=True)
    object.__setattr__(world.evaluator, "recognizer", recognizer)
    text = (write("report") / "report.html").read_text()
    assert text.count('<span class="tag">self-evaluated, jittered</span>') >= 7


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.123, "0.12"), (-0.5, "−0.50"), (12.34, "12.3"), (123.4, "123"), (-0.001, "0.00"), (0, "0.00")],
)
def test_format_number_has_known_values(number, text):
    assert format_number(number) == text


def test_losses_with_gaps_are_read(tmp_path):
    path = tmp_path / "losses.csv"
    path.write_text("step,loss/a,loss/b,rate\n1,2,,5\n2,1,3,5\n")
    steps, curves = read_losses(path)
    assert steps.tolist() == [1, 2]
    assert list(curves) == ["loss/a", "loss/b"]
    assert np.isnan(curves["loss/b"][0])


def test_missing_losses_give_none(tmp_path):
    assert read_losses(tmp_path / "losses.csv") is None
    (tmp_path / "losses.csv").write_text("step,loss\n")
    assert read_losses(tmp_path / "losses.csv") is None


@pytest.mark.parametrize("text", ["loss\n1\n", "step,loss\n1,many\n", "step,loss\n1\n"])
def test_damaged_losses_are_named(tmp_path, text):
    (tmp_path / "losses.csv").write_text(text)
    if text == "step,loss\n1\n":
        assert read_losses(tmp_path / "losses.csv")[1] == {}
        return
    with pytest.raises(ArtifactError, match=r"losses\.csv.*run train again"):
        read_losses(tmp_path / "losses.csv")


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_page_renders_in_a_browser(write, tmp_path):
    folder = write("report")
    shot = tmp_path / "shot.png"
    flags = [
        "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--window-size=1000,3000",
    ]  # fmt: skip
    subprocess.run(
        [CHROMIUM, *flags, f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={shot}", (folder / "report.html").as_uri()],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    image = cv2.imread(str(shot))
    assert image.shape[:2] == (3000, 1000)
    assert (image < 128).all(2).mean() > 0.01  # ink
    colors = len(np.unique(image.reshape(-1, 3), axis=0))
    assert colors > 5000  # pictures, not only text
    margins = np.concatenate([image[:, :40], image[:, -40:]], axis=1)
    assert (margins == 255).all()  # nothing runs over the page's edge
