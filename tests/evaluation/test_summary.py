"""From rows to metrics: means, intervals, percent, slices, flat names."""

from dataclasses import fields, replace

import pytest

from swapcore.evaluation.methods import MODEL
from swapcore.evaluation.scores import ScoreRow
from swapcore.evaluation.summary import (
    METRICS,
    PERCENT,
    SliceValue,
    Value,
    divided,
    flatten,
    mean_of,
    rule_of_three,
    slice_values,
    worst_slice,
)
from swapcore.ops.metrics import Interval

DRAWING = {"num_samples": 200, "seed": 0}
EMPTY = ScoreRow(
    method=MODEL, pair=0, source="s", template="t", source_identity="a", template_identity="b", cosine_source=0.5,
    cosine_template=0.25, gain=0.5, margin=0.25, source_rank=1, template_rank=2, top1=1.0, top5=1.0, leak_top1=0.0,
    outside_l1=1.0, inside_l1=9.0, no_face=0.0, landmark_error=None, yaw_error_deg=None, roll_error_deg=None,
    truth_psnr=None, truth_ssim=None, truth_l1=None, truth_feature=None, truth_psnr_face=None, truth_ssim_face=None,
    truth_l1_face=None,
)  # fmt: skip


def rows_of(*margins: float) -> list[ScoreRow]:
    return [
        replace(EMPTY, pair=i, margin=margin, source_identity=f"s{i}", template_identity=f"t{i}")
        for i, margin in enumerate(margins)
    ]


def test_every_metric_has_a_column():
    columns = {field.name for field in fields(ScoreRow)}
    assert {metric.column for metric in METRICS} - {""} <= columns
    assert columns >= PERCENT
    assert len({metric.name for metric in METRICS}) == len(METRICS)


def test_mean_skips_unknown_values():
    rows = [replace(EMPTY, outside_l1=None), replace(EMPTY, outside_l1=3.0), replace(EMPTY, outside_l1=5.0)]
    value = mean_of(rows, "outside_l1", **DRAWING)
    assert (value.value, value.count) == (4, 2)
    assert mean_of(rows, "landmark_error", **DRAWING) is None


def test_shares_are_in_percent():
    rows = [replace(EMPTY, top1=float(i == 0), source_identity=str(i), template_identity=str(i)) for i in range(4)]
    assert mean_of(rows, "top1", **DRAWING).value == 25


def test_share_of_100_percent_has_an_interval():
    rows = [replace(EMPTY, source_identity=str(i)) for i in range(30)]
    assert mean_of(rows, "top1", **DRAWING).interval == (90, 100)
    assert mean_of(rows, "no_face", **DRAWING).interval == (0, 10)
    assert rule_of_three(0, 2) == (0, 100)


def test_slices_partition_the_pairs():
    words = [{"light": "dark"}] * 8 + [{"light": "bright"}] * 8
    values = slice_values(rows_of(*[0.0] * 8, *[1.0] * 8), words, **DRAWING)
    assert [(v.word, v.value.value, v.value.count) for v in values] == [("bright", 1, 8), ("dark", 0, 8)]
    assert worst_slice(values).word == "dark"
    assert worst_slice(values).metric == "slices/light/dark/margin"


def test_small_and_complete_slices_are_not_the_worst():
    def slice_of(name, word, value, count):
        return SliceValue(name, word, Value(value, Interval(value, value), count))

    values = [
        slice_of("pose", "frontal", -1, 99),
        slice_of("light", "dark", -0.5, 3),
        slice_of("light", "bright", 0.5, 96),
    ]
    assert [v.slice for v in divided(values)] == ["light", "light"]
    assert worst_slice(values).word == "bright"
    assert worst_slice([]) is None


def test_flat_names_have_intervals_and_method_prefix():
    value = Value(0.12345678, Interval(0.1, 0.2), 3)
    slices = [SliceValue("source skin tone", "dark", value)]
    flat = flatten({MODEL: {"identity/gain": value}, "teacher": {"identity/gain": value}}, slices)
    assert list(flat) == sorted(flat)
    assert flat["identity/gain"] == 0.123457
    assert flat["teacher/identity/gain/high"] == 0.2
    assert flat["slices/source_skin_tone/dark/margin/low"] == 0.1


def test_infinite_metric_is_an_assertion_error():
    with pytest.raises(AssertionError):
        flatten({MODEL: {"x": Value(float("nan"), Interval(0, 0), 1)}}, [])
