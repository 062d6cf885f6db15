"""Insertion of the gate's decision into the report's page."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

import jinja2

from swapcore.errors import ArtifactError
from swapcore.evaluation.methods import TEACHER, TEMPLATE_COPIED
from swapcore.evaluation.report import DECISION, Cell, format_number
from swapcore.evaluation.summary import METRICS
from swapcore.registry.bounds import Bounds
from swapcore.registry.gate import Decision

HEADLINE = (
    "identity/cosine_source", "identity/cosine_template", "identity/margin", "identity/gain", "identity/top1",
    "truth/psnr_face", "attributes/landmark_error", "outside/l1", "failures/no_face", "realism/kid",
)  # fmt: skip
"""Metrics stored as tags of the version and shown in the decision, with their intervals."""
WORDS = {"champion": "Champion", "challenger": "Challenger only", "refused": "Not registered"}


@dataclass(frozen=True)
class Row:
    """A metric on the page."""

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
    """Insert the decision at the report's placeholder.

    Args:
        page: HTML of the report.
        decision: the gate's decision.
        version: the registered version, or None.
        own: the model's metrics.
        champion: the champion's metrics, or None.
        bounds: register.bounds.

    Raises:
        ArtifactError: the page has no placeholder.
    """
    if DECISION not in page:
        raise ArtifactError("report.html: no placeholder for the gate's decision; run evaluate again")
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
    for metric in METRICS:
        if metric.name not in HEADLINE or metric.name not in own:
            continue
        line = lines.get(metric.name)
        cells = [_cell(own, metric.name)]
        if decision.against:
            gain = Cell(_number(line.gain), _interval(*line.interval)) if line and line.interval else None
            cells += [_cell(champion or {}, metric.name), gain]
        cells += [_cell(own, f"{method}/{metric.name}") for method in (TEMPLATE_COPIED, TEACHER)]
        unit = f"{metric.unit}, {metric.better} is better" if metric.unit else f"{metric.better} is better"
        rows.append(Row(metric.label, unit, cells, failed=line is not None and not line.passed))
    return rows


def _cell(metrics: Mapping[str, float], name: str) -> Cell | None:
    if name not in metrics:
        return None
    return Cell(format_number(metrics[name]), _interval(metrics[f"{name}/low"], metrics[f"{name}/high"]))


def _number(number: float | None) -> str:
    return "–" if number is None else format_number(number)


def _interval(low: float, high: float) -> str:
    return f"{format_number(low)} to {format_number(high)}"
