"""The model card: what a registered model is for, what it was made from, how good it is, and where it fails."""

from collections.abc import Mapping, Sequence
from typing import Any

from swapcore.data.artifact import Card
from swapcore.evaluation.summary import FIGURES

MODEL_CARD = "README.md"
"""Its name among the registered model's files, as other tools look for it."""
_PURPOSE = """\
## Intended use
Gives a template photograph the identity of a source photograph. For work with people's consent: anonymizing photographs, making
labeled fakes for research on detection, film and photography with everybody's agreement. Not for showing anybody doing what they
did not do without their consent, nor for passing a check of identity. What it makes is synthetic and must be called so.
"""


def write_model_card(name: str, model: Card, faces: Card | None, report: Card, metrics: Mapping[str, float]) -> str:
    """The card as Markdown.

    Args:
        name: of the registered model.
        model: the model's card.
        faces: the card of the faces behind it; None where the model does not carry it.
        report: the report's card.
        metrics: the report's figures.
    """
    parts = [
        f"# {name}",
        f"Face identity swap at {model.facts.get('size_px', '?')} px, trained by swapcore {model.swapcore_version}.\n",
        _PURPOSE,
        _data(model, faces),
        _figures(report, metrics),
        _limits(report, metrics),
        _licence(faces),
    ]
    return "\n".join(parts)


def _rights(faces: Card | None) -> list[dict[str, Any]]:
    return list(faces.facts.get("consent", {}).get("rights", [])) if faces else []


def _data(model: Card, faces: Card | None) -> str:
    lines = ["## Data and consent"]
    for right in _rights(faces):
        lines.append(
            f"- {right['photographs']} photographs of {right['people']} people. Basis: {right['basis'] or 'not named'}. "
            f"Licence: {right['licence'] or 'not named'}."
        )
    if len(lines) == 1:
        lines.append(
            "- The model does not carry the card of its faces: the basis of consent is not known. Do not use it."
        )
    if faces:
        splits = ", ".join(f"{number} {split}" for split, number in faces.facts.get("people_by_split", {}).items())
        lines.append(f"- People by part: {splits}; nobody stands in two.")
    groups = model.facts.get("groups", {})
    teacher = groups.get("facts", {}).get("teacher", {})
    lines.append(
        f"- {model.counts.get('groups', 0)} sample groups, fakes by the teacher {teacher.get('name', 'unknown')}."
    )
    lines.append("- Who is in it can be asked by name: `swapcore lineage --person ID`.\n")
    return "\n".join(lines)


def _figures(report: Card, metrics: Mapping[str, float]) -> str:
    lines = [
        "## Figures",
        f"{report.counts.get('pairs', 0)} pairs of {report.counts.get('people', 0)} people that it never saw; 95 % intervals over "
        f"people; identity judged: {report.facts.get('judge', 'unknown')}.\n",
        "| figure | model | template copied | teacher |",
        "|---|---|---|---|",
    ]
    for figure in FIGURES:
        if figure.name in metrics:
            unit = f", {figure.unit}" if figure.unit else ""
            cells = [_cell(metrics, f"{answer}{figure.name}") for answer in ("", "template_copied/", "teacher/")]
            lines.append(f"| {figure.label}{unit} ({figure.better} is better) | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(metrics: Mapping[str, float], name: str) -> str:
    if name not in metrics:
        return "–"
    return f"{metrics[name]:.3g} ({metrics[f'{name}/low']:.3g} to {metrics[f'{name}/high']:.3g})"


def _limits(report: Card, metrics: Mapping[str, float]) -> str:
    lines = ["## Limits"]
    if report.facts.get("self_judged"):
        lines.append(
            "- Identity was judged by the network that training used, under jitter: believe differences more than levels."
        )
    worst = report.facts.get("worst_slice")
    if worst:
        value = metrics.get(f"slices/{worst}/margin".replace(" ", "_"))
        lines.append(
            f"- Worst kind of pairs: {worst.replace('/', ' is ')}"
            + (f", margin {value:.3g}." if value is not None else ".")
        )
    lines += [
        "- One face a picture, near-frontal, at the size above; people and light unlike the data's were not tried.",
        "- Skin tone, hair and head shape stay the template's; glasses, hands and hair before the face were not trained for.\n",
    ]
    return "\n".join(lines)


def _licence(faces: Card | None) -> str:
    licences: Sequence[str] = sorted({str(right["licence"]) or "not named" for right in _rights(faces)})
    data = ", ".join(licences) or "unknown"
    return f"## Licence\nCode: Apache-2.0. The weights may be used only as the licence of the data allows: {data}.\n"
