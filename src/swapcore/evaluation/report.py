"""Rendering of report.html, a self-contained page with metrics, images and plots."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

import cv2
import jinja2
from markupsafe import Markup

from swapcore.evaluation.methods import MODEL, TEMPLATE_COPIED
from swapcore.evaluation.sheet import KINDS, ShownPair
from swapcore.evaluation.summary import METRICS, Metric, SliceValue, Value
from swapcore.ops.image import Image

TEMPLATE = "report.html.j2"
DECISION = "<!-- decision of the gate -->"
"""Placeholder that register replaces by the gate's decision."""
IMAGE_QUALITY = 92
"""JPEG quality of the page's images; sheet.png is lossless."""
CAPTIONS = {"best": "Best", "median": "Median", "worst": "Worst", "random": "Drawn at random"}


@dataclass(frozen=True)
class Report:
    """Content of the page."""

    labels: Mapping[str, str]
    """Method -> label, the model first."""
    values: Mapping[str, Mapping[str, Value]]
    """Method -> metric -> value."""
    recognizer: str
    self_evaluated: bool
    num_pairs: int
    num_people: int
    shown: Sequence[ShownPair]
    scatter: str
    slice_plot: str
    worst: SliceValue | None
    losses: str | None
    facts: Sequence[tuple[str, str]]
    """Name and text of everything that the metrics depend on: data, consent, licence, digests."""
    credit: str
    """Consent basis and licence of the photographs that are shown."""
    params: Mapping[str, str]
    """Stage -> params as text."""
    notes: Sequence[str]
    """Sentences shown at the top."""


@dataclass(frozen=True)
class Cell:
    """Text of a metric of one method."""

    value: str
    interval: str


def data_url(image: Image) -> str:
    """Return the data URL of an RGB image."""
    done, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, IMAGE_QUALITY])
    if not done:
        raise ValueError(f"cannot encode an image of shape {image.shape}")
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()


def format_number(number: float) -> str:
    """Format with three significant digits and a typographic minus sign."""
    decimals = 0 if abs(number) >= 100 else 1 if abs(number) >= 10 else 2
    text = f"{number:.{decimals}f}"
    return text.replace("-", "−") if float(text) else text.removeprefix("-")


def format_value(value: Value | None) -> Cell | None:
    """Format a value and its interval."""
    if value is None:
        return None
    low, high = value.interval
    return Cell(format_number(value.value), f"{format_number(low)} to {format_number(high)}")


def _table(report: Report) -> list[tuple[str, list[tuple[Metric, list[Cell | None], bool]]]]:
    """Return the sections of the metrics table: metric, one cell per method, and whether it is the headline."""
    titles = {
        "truth": "Distance to the true swap", "identity": "Identity", "attributes": "The template's attributes",
        "outside": "Change outside and inside the face", "inside": "Change outside and inside the face",
        "failures": "Failures and realism", "realism": "Failures and realism",
    }  # fmt: skip
    sections: dict[str, list[tuple[Metric, list[Cell | None], bool]]] = {title: [] for title in titles.values()}
    for metric in METRICS:
        cells = [format_value(report.values[method].get(metric.name)) for method in report.labels]
        if any(cells):
            sections[titles[metric.name.split("/")[0]]].append((metric, cells, metric.name == "identity/margin"))
    return [(title, lines) for title, lines in sections.items() if lines]


def render(report: Report) -> str:
    """Render the page's HTML; equal reports give equal bytes."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(data_url=data_url, number=format_number, value=format_value, decision=Markup(DECISION))
    text = files("swapcore.evaluation").joinpath(TEMPLATE).read_text(encoding="utf-8")
    used = {metric.name for metric in METRICS if any(metric.name in values for values in report.values.values())}
    grids = [(CAPTIONS[kind], [pair for pair in report.shown if pair.kind == kind]) for kind in KINDS]
    return environment.from_string(text).render(
        report=report,
        model=report.values[MODEL],
        copied=report.values.get(TEMPLATE_COPIED, {}),
        sections=_table(report),
        grids=[(caption, pairs) for caption, pairs in grids if pairs],
        meanings=[metric for metric in METRICS if metric.name in used],
    )
