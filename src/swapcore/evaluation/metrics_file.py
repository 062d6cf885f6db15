"""Reader of a report's metrics.json that imports nothing heavy."""

import json
from pathlib import Path

from swapcore.errors import ArtifactError

METRICS_FILE = "metrics.json"


def read_metrics(report: Path) -> dict[str, float]:
    """Read the report's metrics by name.

    Raises:
        ArtifactError: metrics.json is missing or invalid.
    """
    path = report / METRICS_FILE
    try:
        return {str(name): float(value) for name, value in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError):
        raise ArtifactError(f"{path}: missing, or not a mapping of names to numbers; run evaluate again") from None
