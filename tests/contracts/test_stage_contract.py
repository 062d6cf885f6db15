"""One contract: a stage's signature, its section of params.yaml, its command, its dvc.yaml entry and its KFP component agree."""

import importlib
import inspect
import pkgutil
import shlex
import typing
from pathlib import Path
from typing import Any

import pytest
import yaml

import components.stages
import swapcore.stages
from swapcore.cli.main import commands, optional_ports, stage_command, stage_ports
from swapcore.config import Params
from swapcore.stages import STAGES

ROOT = Path(__file__).parents[2]
DVC_STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
ROUNDS = DVC_STAGES.pop("rounds")
"""No stage, but a series of them."""


def run_of(stage: str) -> Any:
    return importlib.import_module(f"swapcore.stages.{stage}").run


def dvc_entry(stage: str) -> dict[str, Any]:
    entry = DVC_STAGES[stage]
    return entry.get("do", entry)


def dvc_flags(stage: str) -> dict[str, str]:
    words = shlex.split(dvc_entry(stage)["cmd"])
    assert words[:2] == ["swapcore", stage]
    return dict(zip([word.removeprefix("--") for word in words[2::2]], words[3::2], strict=True))


def test_the_list_of_stages_is_the_list_of_modules_and_of_dvc_stages() -> None:
    assert sorted(STAGES) == sorted(module.name for module in pkgutil.iter_modules(swapcore.stages.__path__))
    assert list(STAGES) == list(DVC_STAGES)
    assert set(STAGES) <= set(commands.list_commands(None))  # type: ignore[arg-type]


@pytest.mark.parametrize("stage", STAGES)
def test_the_first_argument_is_the_stages_section(stage: str) -> None:
    first = next(iter(inspect.signature(run_of(stage)).parameters.values()))
    hints = typing.get_type_hints(run_of(stage))
    assert first.name == "params"
    assert hints["params"] is Params.model_fields[stage].annotation
    assert hints["return"] == dict[str, float]


@pytest.mark.parametrize("stage", STAGES)
def test_ports_are_keyword_only_paths_inputs_first(stage: str) -> None:
    ports = stage_ports(run_of(stage))
    directions = list(ports.values())
    assert directions == sorted(directions), "inputs come before outputs"
    assert "output" in directions


@pytest.mark.parametrize("stage", STAGES)
def test_the_command_has_exactly_the_ports(stage: str) -> None:
    command = stage_command(stage).params
    options = {option.name for option in command}
    needed = {option.name for option in command if option.required}
    assert needed == set(stage_ports(run_of(stage))) - optional_ports(run_of(stage))
    assert options == {*stage_ports(run_of(stage)), "params", "metrics"}


@pytest.mark.parametrize("stage", STAGES)
def test_dvc_calls_the_command_with_its_ports_and_knows_them(stage: str) -> None:
    entry, flags = dvc_entry(stage), dvc_flags(stage)
    ports = {name: direction for name, direction in stage_ports(run_of(stage)).items() if name in flags}
    assert set(flags) - {"metrics"} == set(ports)
    assert set(stage_ports(run_of(stage))) - set(ports) <= optional_ports(run_of(stage))
    inputs = {flags[name] for name, direction in ports.items() if direction == "input"}
    outputs = {flags[name] for name, direction in ports.items() if direction == "output"}
    # DVC watches the folder that holds the photographs' table, not only the table.
    watched = {"${photographs.folder}" if path == "${photographs.input}" else path for path in inputs}
    code = {dep for dep in entry["deps"] if dep.startswith("src/")}
    assert set(entry["deps"]) - code == watched
    assert set(entry["outs"]) == outputs
    assert entry["params"] == [stage]
    assert [list(metric) for metric in entry["metrics"]] == [[flags["metrics"]]]


@pytest.mark.parametrize("stage", STAGES)
def test_dvc_watches_the_code_that_the_stage_runs(stage: str) -> None:
    code = [dep for dep in dvc_entry(stage)["deps"] if dep.startswith("src/")]
    assert f"src/swapcore/stages/{stage}.py" in code
    assert all((ROOT / path).exists() for path in code)
    source = (ROOT / "src/swapcore/stages" / f"{stage}.py").read_text()
    packages = {line.split()[1].split(".")[1] for line in source.splitlines() if line.startswith("from swapcore.")}
    watched = {Path(path).stem for path in code}
    assert packages - {"config", "errors", "progress", "data", "ops", "tracking"} <= watched


def test_dvc_plays_rounds_by_the_command_and_keeps_what_is_done() -> None:
    words = shlex.split(ROUNDS["do"]["cmd"])
    command = commands.get_command(None, words[1])  # type: ignore[arg-type]
    given = {word.removeprefix("--") for word in words[3::2]}
    options = {name.removeprefix("--"): option for option in command.params for name in option.opts}  # type: ignore[union-attr]
    assert given <= set(options)
    assert {name for name, option in options.items() if option.required} - {"number"} <= given
    assert ROUNDS["do"]["outs"] == [{words[words.index("--to") + 1]: {"persist": True}}]
    assert {"groups", "train", "evaluate", "register.gate"} == set(ROUNDS["do"]["params"])


@pytest.mark.parametrize("stage", STAGES)
def test_the_component_has_exactly_the_ports(stage: str) -> None:
    spec = getattr(components.stages, stage).component_spec
    ports = stage_ports(run_of(stage))
    inputs = {name for name, direction in ports.items() if direction == "input"}
    outputs = {name for name, direction in ports.items() if direction == "output"}
    if stage == "crop":  # photographs come in parts, which another component cuts
        cut = components.stages.cut_photographs.component_spec
        assert set(cut.inputs) == {"params", *inputs, "shard", "shards"}
        assert set(cut.outputs) == {"part", "metrics"}
        inputs = {"parts"}
    if stage == "synthesize":  # or brings photographs that exist
        inputs = {"uri", "fingerprint"}
    given = {"params", "job"} if stage == "train" else {"params"}  # a TrainJob, if one is to train
    assert set(spec.inputs) == given | inputs
    assert {name for name in inputs if spec.inputs[name].optional} == optional_ports(run_of(stage))
    assert set(spec.outputs) == outputs | {"metrics"} | ({"page"} if stage == "evaluate" else set())
