"""Evaluation of known swaps: perfect, copied template, shuffled sources."""

from dataclasses import replace

import numpy as np
import pytest

from swapcore.evaluation.findings import evaluate_methods
from swapcore.evaluation.methods import MODEL, TEMPLATE_COPIED
from swapcore.evaluation.pairs import draw_pairs
from swapcore.evaluation.realism import describe
from swapcore.evaluation.scores import ScoreRow, score_methods
from swapcore.tables import read_table, write_table


def find(world, params, swap):
    pairs = draw_pairs(
        world.rows, pairs_per_template=params.pairs_per_template, max_pairs=params.max_pairs, seed=params.seed
    )
    photographs = describe(world.evaluator.levels(np.stack([f.image for f in world.faces if f.split == "train"])))
    return evaluate_methods(world.methods(swap), pairs, world.rows, world.evaluator, photographs, params)


def test_a_perfect_swap_scores_perfectly(world, params):
    metrics = find(world, params, world.true_swap).metrics
    assert metrics["identity/cosine_source"] == pytest.approx(1, abs=1e-6)
    assert metrics["identity/top1"] == metrics["identity/top5"] == 100
    assert metrics["identity/leak_top1"] == 0
    assert metrics["truth/psnr"] == metrics["truth/psnr_face"] == 100
    assert metrics["truth/ssim_face"] == pytest.approx(1)
    assert metrics["truth/l1"] == metrics["truth/feature"] == metrics["outside/l1"] == 0
    assert metrics["attributes/landmark_error"] == metrics["failures/no_face"] == 0


def test_copied_template_scores_no_identity(world, params):
    metrics = find(world, params, lambda source, template: template.image).metrics
    for prefix in ("", f"{TEMPLATE_COPIED}/"):
        assert metrics[f"{prefix}identity/gain"] == metrics[f"{prefix}identity/gain/high"] == 0
        assert metrics[f"{prefix}identity/cosine_template"] == pytest.approx(1, abs=1e-6)
        assert metrics[f"{prefix}identity/top1"] == 0
        assert metrics[f"{prefix}identity/leak_top1"] == 100
        assert metrics[f"{prefix}inside/l1"] == 0
        assert metrics[f"{prefix}truth/l1_face"] > 20


def test_shuffled_sources_score_chance(world, params):
    rng = np.random.default_rng(0)
    people = sorted({face.identity for face in world.faces if face.split == "test"})

    def swap(source, template):
        other = replace(source, identity=str(rng.choice(people)))
        return world.true_swap(other, template)

    metrics = find(world, params.model_copy(update={"pairs_per_template": 11}), swap).metrics
    chance = 100 / len(people)
    assert metrics["identity/top1/low"] < chance < metrics["identity/top1/high"]
    assert metrics["identity/top5/low"] < 5 * chance < metrics["identity/top5/high"]
    assert abs(metrics["identity/gain"]) < 0.15


def test_copied_template_has_no_gain_under_jitter(params, jittered_world):
    metrics = find(jittered_world, params, lambda source, template: template.image).metrics
    assert metrics["identity/gain/low"] == metrics["identity/gain"] == metrics["identity/gain/high"] == 0


def test_images_without_a_face_are_counted(world, params):
    blank = np.full_like(world.faces[0].image, 128)
    metrics = find(world, params, lambda source, template: blank).metrics
    assert metrics["failures/no_face"] == 100
    assert "attributes/landmark_error" not in metrics
    assert metrics[f"{TEMPLATE_COPIED}/failures/no_face"] == 0


def test_no_truth_metrics_without_true_swaps(world, params):
    untold = replace(world, evaluator=replace(world.evaluator, truth=None))
    assert not [name for name in find(untold, params, world.true_swap).metrics if name.startswith("truth/")]


def test_every_metric_is_in_its_interval(world, params):
    metrics = find(world, params, lambda s, t: (0.5 * world.true_swap(s, t) + 0.5 * t.image).astype(np.uint8)).metrics
    names = [name for name in metrics if not name.endswith(("/low", "/high"))]
    assert len(metrics) == 3 * len(names)
    for name in names:
        assert metrics[f"{name}/low"] <= metrics[name] + 1e-6
        assert metrics[name] <= metrics[f"{name}/high"] + 1e-6


def test_metrics_do_not_depend_on_the_batch_size(params, jittered_world):
    def half(s, t):
        return (0.5 * jittered_world.true_swap(s, t) + 0.5 * t.image).astype(np.uint8)

    first = find(jittered_world, params, half)
    again = find(jittered_world, params.model_copy(update={"batch_size": 16}), half)
    assert first.metrics == again.metrics
    assert first.scores.rows != []


def test_realism_counts_each_template_once(world, params):
    findings = find(world, params, world.true_swap)
    assert findings.realism.num_images == 24
    assert findings.values[MODEL]["realism/kid"].count == 24


def test_rows_round_trip_through_the_table(world, params, tmp_path):
    rows = find(world, params, world.true_swap).scores.rows
    write_table(tmp_path / "pairs.parquet", ScoreRow, rows)
    assert read_table(tmp_path / "pairs.parquet", ScoreRow) == rows
    assert len(rows) == 2 * 24 * 4


def test_output_of_another_size_is_rejected(world, params):
    pairs = draw_pairs(world.rows, pairs_per_template=1, max_pairs=4, seed=0)
    with pytest.raises(ValueError, match=r"model: expected uint8 \(4, 48, 48, 3\)"):
        score_methods(world.methods(lambda s, t: t.image[:24]), pairs, world.evaluator, 4)
