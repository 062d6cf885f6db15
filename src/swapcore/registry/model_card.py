"""Model cards: intended use, data, metrics and limits of a registered model."""

from collections.abc import Mapping, Sequence

from swapcore.data.artifact import Card
from swapcore.data.facts import FacesFacts, ModelFacts, ReportFacts, RightsFacts
from swapcore.evaluation.methods import TEACHER, TEMPLATE_COPIED
from swapcore.evaluation.summary import METRICS

MODEL_CARD = "README.md"
"""File name that other tools expect."""
_PURPOSE = """\
## Intended use
Gives a template photograph the identity of a source photograph. For use with consent: anonymizing photographs, making labeled
fakes for research on detection, film and photography with the agreement of all people shown. Not for showing people in acts that
did not happen without their consent, and not for passing identity checks. Outputs are synthetic and must be labeled as such.
"""


def write_model_card(
    name: str,
    model: Card[ModelFacts],
    faces: Card[FacesFacts] | None,
    report: Card[ReportFacts],
    metrics: Mapping[str, float],
) -> str:
    """Return the model card as Markdown.

    Args:
        name: name of the registered model.
        model: the model's card.
        faces: the card of its faces; None if the model's lineage does not have it.
        report: the report's card.
        metrics: the report's metrics.
    """
    parts = [
        f"# {name}",
        f"Face identity swap at {model.facts.size_px} px, trained by swapcore {model.swapcore_version}.\n",
        _PURPOSE,
        _data(model, faces),
        _metrics(report, metrics),
        _limits(report),
        _licence(faces),
    ]
    return "\n".join(parts)


def _rights(faces: Card[FacesFacts] | None) -> list[RightsFacts]:
    return faces.facts.consent.rights if faces else []


def _data(model: Card[ModelFacts], faces: Card[FacesFacts] | None) -> str:
    lines = ["## Data and consent"]
    for right in _rights(faces):
        lines.append(
            f"- {right.photographs} photographs of {right.people} people. Basis: {right.basis or 'not named'}. "
            f"Licence: {right.licence or 'not named'}."
        )
    if len(lines) == 1:
        lines.append("- The lineage has no card of the faces: the basis of consent is unknown. Do not use this model.")
    if faces:
        splits = ", ".join(f"{number} {split}" for split, number in faces.facts.people_by_split.items())
        lines.append(f"- People by split: {splits}; splits are identity-disjoint.")
    teacher = model.facts.groups.facts.teacher
    lines.append(f"- {model.counts.get('groups', 0)} sample groups, fakes by the teacher {teacher.name}.")
    lines.append("- To check for a person: `swapcore lineage --person ID`.\n")
    return "\n".join(lines)


def _metrics(report: Card[ReportFacts], metrics: Mapping[str, float]) -> str:
    lines = [
        "## Metrics",
        f"{report.counts.get('pairs', 0)} pairs of {report.counts.get('people', 0)} people of the test split; 95 % intervals over "
        f"people; identity: {report.facts.recognizer}.\n",
        "| metric | model | template copied | teacher |",
        "|---|---|---|---|",
    ]
    for metric in METRICS:
        if metric.name in metrics:
            unit = f", {metric.unit}" if metric.unit else ""
            cells = [_cell(metrics, f"{prefix}{metric.name}") for prefix in ("", f"{TEMPLATE_COPIED}/", f"{TEACHER}/")]
            lines.append(f"| {metric.label}{unit} ({metric.better} is better) | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(metrics: Mapping[str, float], name: str) -> str:
    if name not in metrics:
        return "–"
    return f"{metrics[name]:.3g} ({metrics[f'{name}/low']:.3g} to {metrics[f'{name}/high']:.3g})"


def _limits(report: Card[ReportFacts]) -> str:
    lines = ["## Limits"]
    if report.facts.self_evaluated:
        lines.append(
            "- Identity was measured by the network that training used, on jittered images: differences are more reliable than "
            "absolute values."
        )
    worst = report.facts.worst_slice
    if worst:
        lines.append(f"- Worst slice: {worst.slice}: {worst.value}, margin {worst.margin:.3g}.")
    lines += [
        "- One near-frontal face per image, at the size above; other people and lighting than in the data were not tested.",
        "- Skin tone, hair and head shape stay the template's; glasses, hands and hair before the face were not trained.\n",
    ]
    return "\n".join(lines)


def _licence(faces: Card[FacesFacts] | None) -> str:
    licences: Sequence[str] = sorted({right.licence or "not named" for right in _rights(faces)})
    data = ", ".join(licences) or "unknown"
    return f"## Licence\nCode: Apache-2.0. The weights may be used only as the licence of the data allows: {data}.\n"
