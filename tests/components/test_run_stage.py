"""The body of a KFP task, and the bounds check."""

import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kfp.dsl import HTML, Artifact, Dataset, Metrics, Model

from components.run_stage import replaced, run_stage
from components.stages import bring_champion, good_enough
from swapcore.config import CropParams, EvaluateParams, InputPath, OutputPath
from swapcore.data.artifact import building, write_card
from swapcore.errors import ArtifactError
from tests.registry.small_reports import GATE, make_rows, write_chain, write_report

ROOT = Path(__file__).parents[2]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text().filter(lambda text: text != "null"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def evaluate(params: EvaluateParams, *, faces: InputPath, model: InputPath, report: OutputPath) -> dict[str, float]:
    if not faces.exists():
        raise ArtifactError(f"{faces}: no card.json")
    with building(report) as folder:
        (folder / "report.html").write_text("<p>fine</p>")
        write_card(
            folder, "report", params, inputs={}, counts={"pairs": 3}, rejections={"blurred": 1}, facts={"long": "x"}
        )
    return {"identity/gain": 0.25, "truth/psnr_face": float("inf")}


@pytest.fixture
def params(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The section evaluate as KFP passes it; the stage is replaced by the function above."""
    module = ModuleType("swapcore.stages.evaluate")
    module.run = evaluate  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    section = yaml.safe_load((ROOT / "params.yaml").read_text())["evaluate"]
    floats = {key: float(value) if type(value) is int else value for key, value in section.items()}
    return replaced(floats, None, "null")


@pytest.fixture
def artifacts(tmp_path: Path) -> dict[str, Artifact]:
    (tmp_path / "faces").mkdir()
    kinds = {"faces": Dataset, "model": Model, "report": Artifact}
    return {name: kind(name, str(tmp_path / name)) for name, kind in kinds.items()}


def test_a_stage_runs_and_its_artifact_gets_metadata(params: Any, artifacts: Any, tmp_path: Path) -> None:
    metrics, page = Metrics("metrics", str(tmp_path / "m")), HTML("page", str(tmp_path / "page"))
    run_stage("evaluate", params, metrics, page, **artifacts)
    described = artifacts["report"].metadata
    assert described["counts"] == {"pairs": 3}
    assert described["rejections"] == {"blurred": 1}
    assert len(described["content"]) == 64
    assert described["params"]["champion"] is None
    assert "facts" not in described
    assert metrics.metadata == {"identity/gain": 0.25, "truth/psnr_face": "inf"}
    json.dumps(metrics.metadata, allow_nan=False)
    assert (tmp_path / "page").read_text() == "<p>fine</p>"


def refusal(capsys: Any, *arguments: Any, **ports: Any) -> str:
    with pytest.raises(SystemExit) as ending:
        run_stage(*arguments, **ports)
    assert ending.value.code not in (0, None)
    return str(capsys.readouterr().err)


def test_invalid_params_end_the_task_with_one_line(params: Any, artifacts: Any, capsys: Any) -> None:
    params["sheet_rows"] = 2.5
    line = refusal(capsys, "evaluate", params, Metrics("metrics"), **artifacts)
    assert re.fullmatch(r"swapcore: evaluate\.sheet_rows: .*2\.5\)\n", line)


def test_a_stages_error_ends_the_task_with_one_line(params: Any, artifacts: Any, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "faces").rmdir()
    line = refusal(capsys, "evaluate", params, Metrics("metrics"), **artifacts)
    assert re.fullmatch(r"swapcore: .*faces: no card\.json\n", line)


def test_lists_of_artifacts_and_plain_values_are_passed_on(tmp_path: Path, monkeypatch: Any) -> None:
    def merge_shards(params: CropParams, *, parts: list[Path], faces: Path) -> dict[str, float]:
        assert parts == [tmp_path / "a", tmp_path / "b"]
        faces.mkdir()
        return {"faces": 2.0}

    monkeypatch.setattr("swapcore.stages.crop.merge_shards", merge_shards)
    section = replaced(yaml.safe_load((ROOT / "params.yaml").read_text())["crop"], None, "null")
    parts = [Dataset(name, str(tmp_path / name)) for name in "ab"]
    metrics, faces = Metrics("metrics"), Dataset("faces", str(tmp_path / "faces"))
    run_stage("crop", section, metrics, run="swapcore.stages.crop:merge_shards", parts=parts, faces=faces)
    assert metrics.metadata == {"faces": 2.0}
    assert faces.metadata == {}


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # on a machine that others load
@given(VALUES)
def test_null_survives_a_round_trip(value: Any) -> None:
    assert replaced(replaced(value, None, "null"), "null", None) == value


def section(**changes: Any) -> dict[str, Any]:
    """The section register as KFP hands it over."""
    values = yaml.safe_load((ROOT / "params.yaml").read_text())["register"]
    return replaced(values | changes, None, "null")


def report(folder: Path, **figures: float) -> Artifact:
    folder.mkdir()
    (folder / "metrics.json").write_text(json.dumps(figures))
    return Artifact("report", str(folder))


@pytest.mark.parametrize(
    ("bounds", "value", "good"),
    [
        ({}, 0.0, True),
        ({"a": [0.5, None]}, 0.5, True),
        ({"a": [0.5, None]}, 0.49, False),
        ({"a": [None, 0.5]}, 0.5, True),
        ({"a": [None, 0.5]}, 0.51, False),
        ({"a": [0.0, 1.0], "b": [None, None]}, 0.3, True),
        ({"a": [0.0, 1.0]}, float("nan"), False),
        ({"a": [0.0, 1.0]}, float("inf"), False),
    ],
)
def test_bounds_decide_on_registration(bounds: Any, value: float, good: bool, tmp_path: Path) -> None:
    assert good_enough.python_func(section(bounds=bounds), report(tmp_path / "r", a=value, b=1.0)) is good


def test_a_bound_on_an_unknown_metric_is_refused(tmp_path: Path, capsys: Any) -> None:
    with pytest.raises(SystemExit):
        good_enough.python_func(section(bounds={"c": [0.0, 1.0]}), report(tmp_path / "r", a=1.0, b=2.0))
    assert "unknown metric c; use one of the report's: a, b" in capsys.readouterr().err


def test_in_rounds_a_challenger_must_beat_the_champion(tmp_path: Path, capsys: Any) -> None:
    model = write_chain(tmp_path)
    reports = {
        name: Artifact(name, str(write_report(tmp_path / name, model, make_rows(margin))))
        for name, margin in (("champion", 0.25), ("better", 0.5), ("same", 0.25))
    }
    params = section(gate=GATE.model_dump(mode="json"))
    assert good_enough.python_func(params, reports["better"], reports["champion"]) is True
    assert good_enough.python_func(params, reports["same"], reports["champion"]) is False
    assert "FAILED: identity/margin must be better beyond its interval" in capsys.readouterr().out
    strict = section(gate=GATE.model_dump(mode="json"), bounds={"identity/margin": [2.0, "null"]})
    assert good_enough.python_func(strict, reports["better"], reports["champion"]) is False


def test_the_first_champion_is_fetched_unchanged(tmp_path: Path) -> None:
    model = write_chain(tmp_path)
    bring_champion.python_func(str(model), Model("model", str(tmp_path / "brought/model")))
    assert (tmp_path / "brought/model/card.json").read_bytes() == (model / "card.json").read_bytes()
    with pytest.raises(SystemExit):
        bring_champion.python_func(str(tmp_path / "missing"), Model("model", str(tmp_path / "brought/other")))
