"""Inside a task: validates a component's params, calls the stage, and describes what it made."""

import importlib
import math
import shutil
import sys
from pathlib import Path
from typing import Any

from kfp.dsl import HTML, Artifact, Metrics
from pydantic import ValidationError

from swapcore.cli import stage_ports
from swapcore.config import Params, describe
from swapcore.data.artifact import CARD, Card
from swapcore.errors import SwapcoreError


def run_stage(stage: str, params: dict, metrics: Metrics, page: HTML | None = None, **ports: Artifact | None) -> None:
    """Run a stage on KFP artifacts; a mistake of the user ends the task with one line."""
    run = importlib.import_module(f"swapcore.stages.{stage}").run
    artifacts = {port: artifact for port, artifact in ports.items() if artifact is not None}
    try:
        section = Params.model_fields[stage].annotation.model_validate(replaced(params, "null", None))
        measured = run(section, **{port: Path(artifact.path) for port, artifact in artifacts.items()})
    except ValidationError as error:
        sys.exit(f"swapcore: {describe(error, stage)}")
    except SwapcoreError as error:
        sys.exit(f"swapcore: {error}")
    for name, value in measured.items():
        metrics.log_metric(name, value if math.isfinite(value) else str(value))  # JSON has no NaN
    made = next(artifacts[port] for port, direction in stage_ports(run).items() if direction == "output")
    card = Card.model_validate_json((Path(made.path) / CARD).read_text(encoding="utf-8"))
    made.metadata.update(card.model_dump(exclude={"inputs", "facts"}))
    if page:
        shutil.copyfile(Path(made.path) / "report.html", page.path)


def replaced(value: Any, old: str | None, new: str | None) -> Any:
    """Nested values with each old as new: KFP's dict parameters hold no null, so the word "null" travels for it."""
    if isinstance(value, dict):
        return {key: replaced(item, old, new) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced(item, old, new) for item in value]
    return new if value == old else value
