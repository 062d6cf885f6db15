"""The gate, on models made better and worse on purpose."""

import pytest

from swapcore.errors import ParamsError
from swapcore.evaluation.scores import SliceRow
from swapcore.registry.bounds import outside_bounds
from swapcore.registry.gate import decide
from swapcore.registry.reports import EvaluatedModel
from tests.registry.small_reports import GATE, PROTOCOL, is_dark, make_rows


def evaluated(rows, **protocol) -> EvaluatedModel:
    slice_rows = [
        SliceRow(row.pair, "template light", "dark" if is_dark(int(row.template[1:])) else "medium") for row in rows
    ]
    columns = {"identity/margin": "margin", "outside/l1": "outside_l1", "truth/psnr_face": "truth_psnr_face"}
    known = {name: [getattr(row, column) for row in rows] for name, column in columns.items()}
    metrics = {name: sum(values) / len(values) for name, values in known.items() if None not in values}
    return EvaluatedModel(metrics, rows, slice_rows, PROTOCOL | protocol)


OLD = evaluated(make_rows())


def test_better_model_becomes_champion():
    decision = decide(evaluated(make_rows(0.5)), OLD, "3", GATE)
    assert decision.outcome == "champion"
    assert decision.reason == "better than version 3: identity/margin by 0.25"
    margin = decision.lines[0]
    assert (margin.gain, *margin.interval) == pytest.approx((0.25,) * 3)  # every pair gained the same
    assert {line.name for line in decision.lines} == {
        "identity/margin", "outside/l1", "template light: dark, margin", "template light: medium, margin",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (make_rows(0.0), "identity/margin must be better beyond its interval, its gain is -0.25"),
        (make_rows(), "identity/margin must be better beyond its interval, its gain is 0 (0 to 0)"),
        (make_rows(0.5, outside_l1=2.25), "outside/l1 may be worse by at most 0.5, its gain is -0.75"),
        (make_rows(0.5, dark=-0.5), "template light: dark, margin may be worse by at most 0.05, its gain is -0.25"),
        (make_rows(0.5, truth_psnr_face=30.0), "truth/psnr_face must be in both reports"),
    ],
)
def test_model_with_a_worse_metric_stays_challenger(new, reason):
    decision = decide(evaluated(new), OLD, "3", GATE)
    assert decision.outcome == "challenger"
    assert reason in decision.reason
    assert decision.against == "3"


def test_gain_within_its_interval_is_not_enough():
    """A mean gain that a single person's pairs make."""
    rows = make_rows()
    lucky = [row if row.source != "s0" else make_rows(1.0)[row.pair] for row in rows]
    decision = decide(evaluated(lucky), OLD, "3", GATE)
    assert decision.outcome == "challenger"
    assert decision.lines[0].gain > 0.1
    assert decision.lines[0].interval[0] <= 0


def test_deterioration_within_tolerance_is_allowed():
    assert decide(evaluated(make_rows(0.5, dark=-0.27, outside_l1=1.9)), OLD, "3", GATE).outcome == "champion"


@pytest.mark.parametrize("changed", [{"pairs": "x" * 64}, {"recognizer": "y" * 64}, {"size_px": "128"}])
def test_different_protocols_are_not_compared(changed):
    decision = decide(evaluated(make_rows(0.9), **changed), OLD, "3", GATE)
    assert decision.outcome == "challenger"
    assert decision.reason.startswith("cannot be compared with version 3: evaluation protocols differ: ")
    assert next(iter(changed)) in decision.reason
    assert not decision.lines


def test_rows_of_other_pairs_are_not_compared():
    assert "pairs.parquet" in decide(evaluated(make_rows(0.9)[::-1]), OLD, "3", GATE).reason


def test_missing_metrics_do_not_promote():
    gate = GATE.model_copy(update={"better": ("truth/psnr_face",)})
    assert "the reports have none of the metrics" in decide(evaluated(make_rows(0.9)), OLD, "3", gate).reason


@pytest.mark.parametrize(
    "wrong", [{"better": ("identity/magrin",)}, {"better": ("realism/kid",)}, {"not_worse": {"speed": 1.0}}]
)
def test_unknown_metric_is_named(wrong):
    with pytest.raises(ParamsError, match=rf"register\.gate\.{next(iter(wrong))}: unknown metric"):
        decide(OLD, OLD, "3", GATE.model_copy(update=wrong))


def test_bounds():
    metrics = {"identity/gain": 0.25, "identity/gain/low": 0.1, "outside/l1": float("nan")}
    assert outside_bounds(metrics, {"identity/gain": (0.25, 0.25)}) == []
    assert outside_bounds(metrics, {"identity/gain": (0.3, None)}) == ["identity/gain = 0.25 is outside 0.3 to None"]
    assert len(outside_bounds(metrics, {"identity/gain": (None, 0.2), "outside/l1": (0.0, None)})) == 2
    with pytest.raises(
        ParamsError, match=r"register\.bounds: unknown metric identity/gian; use one of the report's: identity/gain"
    ):
        outside_bounds(metrics, {"identity/gian": (0.0, None)})
