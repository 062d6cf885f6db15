"""report.html: one page that needs nothing but itself: figures with intervals, pictures, plots, and where it all came from."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

import cv2
import jinja2
from markupsafe import Markup

from swapcore.evaluation.methods import MODEL, TEMPLATE_COPIED
from swapcore.evaluation.sheet import KINDS, Shown
from swapcore.evaluation.summary import FIGURES, Figure, SliceValue, Value
from swapcore.ops.image import Image

TEMPLATE = "report.html.j2"
DECISION = "<!-- decision of the gate -->"
"""Where register puts the decision, with the champion's figures: evaluate knows no registry."""
PICTURE_QUALITY = 92
"""JPEG quality of the page's pictures; sheet.png holds them without loss."""
CAPTIONS = {"best": "Best", "median": "Median", "worst": "Worst", "random": "Drawn at random"}


@dataclass(frozen=True)
class Report:
    """All that the page says."""

    labels: Mapping[str, str]
    """Answer to its label, the model first."""
    figures: Mapping[str, Mapping[str, Value]]
    """Answer to figure to value."""
    judge: str
    self_judged: bool
    num_pairs: int
    num_people: int
    shown: Sequence[Shown]
    scatter: str
    slice_plot: str
    worst: SliceValue | None
    losses: str | None
    facts: Sequence[tuple[str, str]]
    """Name and text of everything the figures rest on: data, consent, licence, digests."""
    credit: str
    """Whose photographs are shown, and by what right."""
    params: Mapping[str, str]
    """Stage to its params, as text."""
    notes: Sequence[str]
    """What the reader must know before believing a figure."""


@dataclass(frozen=True)
class Cell:
    """A figure of one answer, as text."""

    value: str
    interval: str


def picture(image: Image) -> str:
    """A data URL of an RGB picture."""
    done, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, PICTURE_QUALITY])
    if not done:
        raise ValueError(f"cannot encode an image of shape {image.shape}")
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()


def format_number(number: float) -> str:
    """Three digits that count, with a true minus sign."""
    decimals = 0 if abs(number) >= 100 else 1 if abs(number) >= 10 else 2
    text = f"{number:.{decimals}f}"
    return text.replace("-", "−") if float(text) else text.removeprefix("-")


def format_value(value: Value | None) -> Cell | None:
    """A value and its interval as text."""
    if value is None:
        return None
    low, high = value.interval
    return Cell(format_number(value.value), f"{format_number(low)} to {format_number(high)}")


def _table(report: Report) -> list[tuple[str, list[tuple[Figure, list[Cell | None], bool]]]]:
    """Sections of the headline table: figure, a cell an answer, and whether any is there."""
    titles = {
        "truth": "Against the truth", "identity": "Identity", "attributes": "The template's attributes",
        "outside": "What must stay, what must change", "inside": "What must stay, what must change",
        "failures": "Failures and realism", "realism": "Failures and realism",
    }  # fmt: skip
    sections: dict[str, list[tuple[Figure, list[Cell | None], bool]]] = {title: [] for title in titles.values()}
    for figure in FIGURES:
        cells = [format_value(report.figures[answer].get(figure.name)) for answer in report.labels]
        if any(cells):
            sections[titles[figure.name.split("/")[0]]].append((figure, cells, figure.name == "identity/margin"))
    return [(title, lines) for title, lines in sections.items() if lines]


def render(report: Report) -> str:
    """The page's HTML; the same report gives the same bytes."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(picture=picture, number=format_number, value=format_value, decision=Markup(DECISION))
    text = files("swapcore.evaluation").joinpath(TEMPLATE).read_text(encoding="utf-8")
    used = {figure.name for figure in FIGURES if any(figure.name in values for values in report.figures.values())}
    grids = [(CAPTIONS[kind], [pair for pair in report.shown if pair.kind == kind]) for kind in KINDS]
    return environment.from_string(text).render(
        report=report,
        model=report.figures[MODEL],
        copied=report.figures.get(TEMPLATE_COPIED, {}),
        sections=_table(report),
        grids=[(caption, pairs) for caption, pairs in grids if pairs],
        meanings=[figure for figure in FIGURES if figure.name in used],
    )
