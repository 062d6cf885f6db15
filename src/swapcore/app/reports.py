"""Evaluation reports that the page shows: the given folder, and the champion's report from the registry."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from swapcore.app.models import OfferedModel
from swapcore.data.artifact import Card, read_card
from swapcore.data.facts import ReportFacts
from swapcore.errors import SwapcoreError
from swapcore.evaluation.metrics_file import read_metrics

if TYPE_CHECKING:
    from swapcore.evaluation.summary import Metric

GIVEN, CHAMPION_REPORT = "report", "champion-report"
"""First part of the URLs of a report's files."""
REPORT_FILES: Final = {"sheet.png": "image/png", "report.html": "text/html"}
"""File to MIME type; no other file of a report is served."""
HEADLINES: Final = (
    "identity/top1", "identity/cosine_source", "identity/cosine_template", "attributes/landmark_error",
)  # fmt: skip
GROUPS: Final = {
    "identity": "Identity", "truth": "Distance to the true swap", "attributes": "Pose and expression",
    "outside": "Background", "inside": "Change", "failures": "Failures", "realism": "Realism",
}  # fmt: skip
"""First part of a metric's name to heading."""
_log = logging.getLogger(__name__)


class PageReports:
    """Folders of the reports."""

    def __init__(self, given: Path) -> None:
        self._folders = {GIVEN: given}
        self._temporary: TemporaryDirectory[str] | None = None

    def fetch_champion(self, name: str) -> None:
        """Download the report of a registered model's champion; without one nothing changes."""
        from swapcore.registry.trace import report_path
        from swapcore.tracking.versions import fetch_folder, find_champion

        try:
            champion = find_champion(name)
            if champion is None:
                return
            self._temporary = TemporaryDirectory(prefix="swapcore-report-")
            path = report_path(champion.tags.get("swapcore.report", ""))
            folder = fetch_folder(champion.run_id, path, Path(self._temporary.name))
        except SwapcoreError as error:
            _log.debug("no report of the champion: %s", error)
            return
        if folder is not None:
            self._folders[CHAMPION_REPORT] = folder

    def file(self, place: str, name: str) -> Path | None:
        """Path of a report's file if it is one of REPORT_FILES and exists."""
        if place not in self._folders or name not in REPORT_FILES:
            return None
        path = self._folders[place] / name
        return path if path.is_file() else None

    def urls(self, place: str) -> list[str]:
        """URL paths of the files of one report that exist."""
        return [f"/{place}/{name}" for name in REPORT_FILES if self.file(place, name)]

    def described(self, models: Sequence[OfferedModel]) -> list[dict[str, Any]]:
        """Each report that exists, for the page."""
        return [
            {"files": urls} | describe_report(folder, models)
            for place, folder in self._folders.items()
            if (urls := self.urls(place))
        ]


def describe_report(folder: Path, models: Sequence[OfferedModel]) -> dict[str, Any]:
    """Describe a report: the model that it is about, the sample, and all metrics with their meaning.

    Args:
        folder: the report.
        models: one of them can be the evaluated model.
    """
    from swapcore.evaluation.summary import METRICS  # slow to import

    card = _read(lambda: read_card(folder, "report", ReportFacts))
    metrics = _read(lambda: read_metrics(folder)) or {}
    return {
        "model": _evaluated_model(card, models),
        "pairs": card and card.counts.get("pairs"),
        "people": card and card.counts.get("people"),
        "recognizer": card and card.facts.recognizer,
        "self_evaluated": bool(card and card.facts.self_evaluated),
        "metrics": [_describe_metric(metric, metrics) for metric in METRICS if metric.name in metrics],
    }


def _read(read: Any) -> Any:
    """The value, or None if the file is missing or was written by another version."""
    try:
        return read()
    except SwapcoreError as error:
        _log.debug("%s", error)
        return None


def _evaluated_model(card: Card[ReportFacts] | None, models: Sequence[OfferedModel]) -> str:
    """Label of the evaluated model, or its digest if the page does not offer it."""
    digest = card.inputs.get("model", "") if card else ""
    labels = [model.label for model in models if digest and model.located.digest == digest]
    return labels[0] if labels else f"model with digest {digest[:12]}…" if digest else ""


def _describe_metric(metric: "Metric", metrics: Mapping[str, float]) -> dict[str, Any]:
    from swapcore.evaluation.methods import TEMPLATE_COPIED

    return {
        "label": metric.label,
        "group": GROUPS[metric.name.partition("/")[0]],
        "unit": metric.unit,
        "better": metric.better,
        "meaning": metric.meaning,
        "headline": metric.name in HEADLINES,
        "value": metrics[metric.name],
        "low": metrics.get(f"{metric.name}/low"),
        "high": metrics.get(f"{metric.name}/high"),
        "copied": metrics.get(f"{TEMPLATE_COPIED}/{metric.name}"),
    }
