"""The command from end to end on a small set, and its refusals."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from swapcore.cli import main as cli
from swapcore.evaluation.truth_benchmark import command as truth
from swapcore.evaluation.truth_benchmark.frozen import Extent
from swapcore.evaluation.truth_benchmark.rendered import TruthSet

THEIRS = "def swap(source, template):\n    return template\n"


@pytest.fixture(autouse=True)
def _small(tiny: TruthSet, tiny_extent: Extent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truth, "standard", lambda size_px, num_people=2: tiny_extent)
    monkeypatch.setattr(truth, "load_or_render", lambda extent, workers, cache: tiny)


def test_user_function_is_evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: TruthSet) -> None:
    (tmp_path / "strangers_swap.py").write_text(THEIRS)
    monkeypatch.chdir(tmp_path)
    command = ["benchmark", "truth", "--swap", "strangers_swap:swap", "--output", "metrics"]
    done = CliRunner().invoke(cli.commands, command, catch_exceptions=False)
    assert done.exit_code == 0
    assert tiny.digest in done.output
    assert "| strangers_swap:swap" in done.output
    metrics = json.loads((tmp_path / "metrics" / "metrics.json").read_text())
    assert metrics["methods"]["swap"]["metrics"]["identity/gain"]["value"] == 0


def test_export_and_score_outputs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["benchmark", "truth", "--export", str(tmp_path / "pairs")])
    assert "write the swap of source/N.png and template/N.png to OUT/N.png" in capsys.readouterr().out
    cli.main(["benchmark", "truth", "--outputs", str(tmp_path / "pairs" / "template")])
    assert "these outputs" in capsys.readouterr().out


def test_python_api(tiny: TruthSet) -> None:
    measured = truth.evaluate_pairs(lambda source, template: source, label="source pasted")
    assert measured.labels["swap"] == "source pasted"
    assert measured.values["swap"]["identity/cosine_source"].value > 0.8


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "give exactly one of --model, --outputs, --swap and --export"),
        (["--swap", "json:dumps", "--model", "."], "give exactly one of"),
        (["--model", "."], "model.json: no such file"),
        (["--outputs", "nowhere"], "nowhere: no such folder"),
        (["--swap", "nowhere:swap"], "--swap nowhere:swap: cannot be imported"),
        (["--swap", "json:dumps"], "json:dumps: pair 0000: TypeError"),
    ],
)
def test_user_errors_are_one_line(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        cli.main(["benchmark", "truth", *options])
    assert ended.value.code == 2
    printed = [line for line in capsys.readouterr().err.splitlines() if line.startswith("swapcore: ")]
    assert len(printed) == 1
    assert said in printed[0]
