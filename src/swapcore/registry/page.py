"""The report's page with the gate's decision in it: figures beside the champion's and the trivial answers'."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

import jinja2

from swapcore.errors import ArtifactError
from swapcore.evaluation.methods import TEACHER, TEMPLATE_COPIED
from swapcore.evaluation.report import DECISION, Cell, format_number
from swapcore.evaluation.summary import FIGURES
from swapcore.registry.bounds import Bounds
from swapcore.registry.gate import Decision

HEADLINE = (
    "identity/cosine_source", "identity/cosine_template", "identity/margin", "identity/gain", "identity/top1",
    "truth/psnr_face", "attributes/landmark_error", "outside/l1", "failures/no_face", "realism/kid",
)  # fmt: skip
"""Figures that become tags of the version and rows of the page, with their intervals, where the report has them."""
WORDS = {"champion": "Champion", "challenger": "Challenger only", "refused": "Not registered"}


@dataclass(frozen=True)
class Row:
    """A figure on the page."""

    label: str
    unit: str
    cells: list[Cell | None]
    failed: bool


def with_decision(
    page: str,
    decision: Decision,
    version: str | None,
    own: Mapping[str, float],
    champion: Mapping[str, float] | None,
    bounds: Bounds,
) -> str:
    """Put the decision where the report leaves room for it.

    Raises:
        ArtifactError: the page leaves none.
    """
    if DECISION not in page:
        raise ArtifactError("report.html: leaves no room for the gate's decision; run evaluate again")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    text = files("swapcore.registry").joinpath("decision.html.j2").read_text(encoding="utf-8")
    fragment = environment.from_string(text).render(
        decision=decision,
        version=version,
        words=WORDS,
        headline=_rows(decision, own, champion),
        number=_number,
        bounds=json.dumps(bounds),
    )
    return page.replace(DECISION, fragment, 1)


def _rows(decision: Decision, own: Mapping[str, float], champion: Mapping[str, float] | None) -> list[Row]:
    rows = []
    lines = {line.name: line for line in decision.lines}
    for figure in FIGURES:
        if figure.name not in HEADLINE or figure.name not in own:
            continue
        line = lines.get(figure.name)
        cells = [_cell(own, figure.name)]
        if decision.against:
            gain = Cell(_number(line.gain), _interval(*line.interval)) if line and line.interval else None
            cells += [_cell(champion or {}, figure.name), gain]
        cells += [_cell(own, f"{answer}/{figure.name}") for answer in (TEMPLATE_COPIED, TEACHER)]
        unit = f"{figure.unit}, {figure.better} is better" if figure.unit else f"{figure.better} is better"
        rows.append(Row(figure.label, unit, cells, failed=line is not None and not line.passed))
    return rows


def _cell(metrics: Mapping[str, float], name: str) -> Cell | None:
    if name not in metrics:
        return None
    return Cell(format_number(metrics[name]), _interval(metrics[f"{name}/low"], metrics[f"{name}/high"]))


def _number(number: float | None) -> str:
    return "–" if number is None else format_number(number)


def _interval(low: float, high: float) -> str:
    return f"{format_number(low)} to {format_number(high)}"
