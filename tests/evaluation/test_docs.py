"""docs/evaluation.md against the code: every figure with its unit and meaning."""

from pathlib import Path

import pytest

from swapcore.evaluation.summary import FIGURES

DOCUMENT = (Path(__file__).parents[2] / "docs" / "explanation" / "evaluation.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_every_figure_is_documented(figure):
    assert f"| `{figure.name}` | {figure.unit or '–'} | {figure.better} | {figure.meaning} |" in DOCUMENT
