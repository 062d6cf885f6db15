"""Files and table: whole, the same again, and what another program needs."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from swapcore.errors import InputError
from swapcore.evaluation.methods import copy_template
from swapcore.evaluation.truth_benchmark.methods import swap_of_folder
from swapcore.evaluation.truth_benchmark.rendered import TruthSet
from swapcore.evaluation.truth_benchmark.results import export, headline, sheet, table, write_results
from swapcore.evaluation.truth_benchmark.scoring import BENCHMARK_METRICS, BenchmarkResult, score
from swapcore.ops.image import decode


@pytest.fixture(scope="module")
def measured(tiny: TruthSet) -> BenchmarkResult:
    return score(copy_template, "copies", tiny)


def test_table_has_one_line_per_metric(measured: BenchmarkResult, tiny: TruthSet) -> None:
    lines = table(measured).splitlines()
    assert len(lines) == 2 + len(BENCHMARK_METRICS)
    assert lines[0].split("|")[2].strip() == "copies"
    assert "Closer to the true swap than the template, % ↑" in lines[2]
    assert len({len(line) for line in lines}) == 1
    assert tiny.digest in headline(tiny)


def test_files_are_complete_and_reproducible(measured: BenchmarkResult, tiny: TruthSet, tmp_path: Path) -> None:
    for name in ("one", "other"):
        write_results(tmp_path / name, measured, copy_template, 12)
    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == ["metrics.json", "pairs.csv", "sheet.png"]
    assert all((tmp_path / "one" / n).read_bytes() == (tmp_path / "other" / n).read_bytes() for n in names)
    metrics = json.loads((tmp_path / "one" / "metrics.json").read_text())
    assert metrics["pixels_sha256"] == tiny.digest
    assert metrics["methods"]["truth"]["metrics"]["truth/l1_face"]["value"] == 0
    with (tmp_path / "one" / "pairs.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 4 * len(tiny.pairs)
    assert rows[1]["pair"] == "0001"


def test_sheet_has_source_template_output_and_true_swap(tiny: TruthSet) -> None:
    picture = sheet(tiny, copy_template, 12)
    assert picture.shape == (2 * 66 - 2, 4 * 66 - 2, 3)
    pair = tiny.pairs[1]
    columns = [tiny.faces[pair.source].image, *[tiny.faces[pair.template].image] * 2, tiny.truths[1]]
    for place, expected in enumerate(columns):
        assert np.array_equal(picture[66:130, 66 * place : 66 * place + 64], expected)


def test_exported_pairs_can_be_swapped_and_scored(tiny: TruthSet, tmp_path: Path) -> None:
    export(tmp_path / "pairs", tiny)
    for side in ("source", "template"):
        names = sorted(path.name for path in (tmp_path / "pairs" / side).iterdir())
        assert names == ["0000.png", "0001.png"]
    templates = [tiny.faces[pair.template] for pair in tiny.pairs]
    sources = [tiny.faces[pair.source] for pair in tiny.pairs]
    assert np.array_equal(decode((tmp_path / "pairs/source/0001.png").read_bytes()), sources[1].image)
    swap = swap_of_folder(tmp_path / "pairs" / "template", tiny)
    assert np.array_equal(swap(sources, templates), copy_template(sources, templates))
    with (tmp_path / "pairs" / "pairs.csv").open() as stream:
        row = list(csv.DictReader(stream))[1]
    assert float(row["template_left_eye_x"]) == pytest.approx(templates[1].points[0, 0], abs=1e-3)
    assert json.loads((tmp_path / "pairs" / "benchmark.json").read_text())["pixels_sha256"] == tiny.digest
    truths = {truth.tobytes() for truth in tiny.truths}
    assert not [p for p in (tmp_path / "pairs").rglob("*.png") if decode(p.read_bytes()).tobytes() in truths]


def test_export_does_not_overwrite(tiny: TruthSet, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    for place in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(InputError, match="exists and is not an empty folder"):
            export(place, tiny)
