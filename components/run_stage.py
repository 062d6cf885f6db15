"""Inside a task: validates a component's params, calls the stage, and describes what it made."""

import math
import pkgutil
import shutil
from pathlib import Path
from typing import Any

from kfp.dsl import HTML, Artifact, Metrics

from swapcore.cli.main import report_errors
from swapcore.config import section_of
from swapcore.data.artifact import CARD, Card


def run_stage(
    stage: str, params: dict, metrics: Metrics, page: HTML | None = None, run: str = "", **ports: Any
) -> None:
    """Run a stage, or the function that stands for it, on KFP artifacts: inputs first, what is made last."""
    made = list(ports.values())[-1]
    for name, value in call(stage, params, run or f"swapcore.stages.{stage}:run", **ports).items():
        metrics.log_metric(name, value if math.isfinite(value) else str(value))  # JSON has no NaN
    folder = Path(made.path)
    if (folder / CARD).is_file():  # photographs of one's own have none
        card = Card.model_validate_json((folder / CARD).read_text(encoding="utf-8"))
        made.metadata.update(card.model_dump(exclude={"inputs", "facts"}))
    if page:
        shutil.copyfile(folder / "report.html", page.path)


def call(stage: str, params: dict, function: str, **ports: Any) -> Any:
    """Call a function on a stage's section, validated, and on paths; what the user can mend ends the task with one line."""
    with report_errors("swapcore"):
        section = section_of(stage, replaced(params, "null", None))
        given = {port: located(value) for port, value in ports.items() if value is not None}
        return pkgutil.resolve_name(function)(section, **given)


def located(value: Any) -> Any:
    """Artifacts as their paths, all else as it is."""
    if isinstance(value, list):
        return [located(item) for item in value]
    return Path(value.path) if isinstance(value, Artifact) else value


def replaced(value: Any, old: str | None, new: str | None) -> Any:
    """Nested values with each old as new: KFP's dict parameters hold no null, so the word "null" travels for it."""
    if isinstance(value, dict):
        return {key: replaced(item, old, new) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced(item, old, new) for item in value]
    return new if value == old else value
