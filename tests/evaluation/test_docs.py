"""docs/evaluation.md against the code: every metric with its unit and meaning."""

from pathlib import Path

import pytest

from swapcore.evaluation.summary import METRICS

DOCUMENT = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_figure_is_documented(metric):
    assert f"| `{metric.name}` | {metric.unit or '–'} | {metric.better} | {metric.meaning} |" in DOCUMENT
