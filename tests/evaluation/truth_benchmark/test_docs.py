"""docs/reference/truth-benchmark.md against the code: every metric and every option."""

from pathlib import Path

import pytest

from swapcore.cli.benchmark import benchmark
from swapcore.evaluation.truth_benchmark.frozen import NAMESPACE, VERSION
from swapcore.evaluation.truth_benchmark.results import name_of
from swapcore.evaluation.truth_benchmark.scoring import BENCHMARK_METRICS

DOCUMENT = (Path(__file__).parents[3] / "docs" / "reference" / "truth-benchmark.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("metric", BENCHMARK_METRICS, ids=lambda metric: metric.name)
def test_every_metric_is_in_the_documented_table(metric):
    header, *_ = [line for line in DOCUMENT.splitlines() if line.startswith("| metric | template copied |")]
    lines = [line for line in DOCUMENT.splitlines() if line.startswith(f"| {name_of(metric)} |")]
    assert len(lines) == 1
    assert lines[0].count("|") == header.count("|")


def test_every_option_is_documented():
    options = {option.opts[-1] for option in benchmark.commands["truth"].params}
    options -= {"--workers", "--device", "--verbose", "--quiet"}
    assert {option for option in options if f"{option} " not in DOCUMENT.replace("`", " ")} == set()


def test_documented_version_is_the_current_one():
    assert NAMESPACE in DOCUMENT
    assert f"Version {VERSION} at 128 px, pixels sha256 " in DOCUMENT
