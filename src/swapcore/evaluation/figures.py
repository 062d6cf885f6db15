"""A report's figures as they lie on disk, read without importing what computes them."""

import json
from pathlib import Path

from swapcore.errors import ArtifactError

METRICS = "metrics.json"


def read_figures(report: Path) -> dict[str, float]:
    """The report's figures by name.

    Raises:
        ArtifactError: metrics.json is missing or holds something else.
    """
    path = report / METRICS
    try:
        return {str(name): float(value) for name, value in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        raise ArtifactError(f"{path}: cannot be read as figures by name; run evaluate again") from None
