"""docs/benchmark.md against the code: every figure in its table, every option of the command."""

from pathlib import Path

import pytest

from swapcore.cli.benchmark import benchmark
from swapcore.evaluation.truth_benchmark.frozen import NAMESPACE, VERSION
from swapcore.evaluation.truth_benchmark.results import name_of
from swapcore.evaluation.truth_benchmark.scoring import MEASURED

DOCUMENT = (Path(__file__).parents[3] / "docs" / "reference" / "truth-benchmark.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("figure", MEASURED, ids=lambda figure: figure.name)
def test_every_figure_is_in_the_table_of_trivial_answers(figure):
    lines = [line for line in DOCUMENT.splitlines() if line.startswith(f"| {name_of(figure)} |")]
    assert len(lines) == 1
    assert lines[0].count("|") == 6


def test_every_option_is_explained():
    options = {option.opts[-1] for option in benchmark.commands["truth"].params}
    options -= {"--workers", "--device", "--verbose", "--quiet"}
    assert {option for option in options if f"{option} " not in DOCUMENT.replace("`", " ")} == set()


def test_the_version_is_the_codes():
    assert NAMESPACE in DOCUMENT
    assert f"Version {VERSION} at 128 px, pixels sha256 " in DOCUMENT
