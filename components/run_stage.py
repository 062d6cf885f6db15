"""The body of a KFP task: validated params, the stage's call, and the artifact's metadata."""

import math
import pkgutil
import shutil
from pathlib import Path
from typing import Any

from kfp.dsl import HTML, Artifact, Metrics

from swapcore.cli.log import configure_logging
from swapcore.cli.main import report_errors
from swapcore.config import section_of
from swapcore.data.artifact import CARD, Card


def run_stage(
    stage: str, params: dict, metrics: Metrics, page: HTML | None = None, run: str = "", **ports: Any
) -> None:
    """Run a stage on KFP artifacts and log its metrics.

    Args:
        stage: its name, which is also its section of params.yaml.
        params: the section as plain values, with "null" for None.
        metrics: the KFP artifact to log to.
        page: where to copy the report's HTML page.
        run: `module:function` to call instead of the stage's `run`.
        **ports: the artifacts, inputs first and the output last.
    """
    output = list(ports.values())[-1]
    for name, value in call(stage, params, run or f"swapcore.stages.{stage}:run", **ports).items():
        metrics.log_metric(name, value if math.isfinite(value) else str(value))  # JSON has no NaN
    folder = Path(output.path)
    if (folder / CARD).is_file():  # the user's own images have none
        card = Card.model_validate_json((folder / CARD).read_text(encoding="utf-8"))
        output.metadata.update(card.model_dump(exclude={"inputs", "facts"}))
    if page:
        shutil.copyfile(folder / "report.html", page.path)


def call(stage: str, params: dict, function: str, **ports: Any) -> Any:
    """Call a function with a stage's validated section and local paths; a user's error ends the task with one line."""
    configure_logging()
    with report_errors("swapcore"):
        section = section_of(stage, replaced(params, "null", None))
        given = {port: located(value) for port, value in ports.items() if value is not None}
        return pkgutil.resolve_name(function)(section, **given)


def located(value: Any) -> Any:
    """Replace artifacts, also in lists, by their paths."""
    if isinstance(value, list):
        return [located(item) for item in value]
    return Path(value.path) if isinstance(value, Artifact) else value


def replaced(value: Any, old: str | None, new: str | None) -> Any:
    """Replace a value everywhere in nested values: KFP's dict parameters cannot hold null, so "null" is sent instead."""
    if isinstance(value, dict):
        return {key: replaced(item, old, new) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced(item, old, new) for item in value]
    return new if value == old else value
