"""Agreement of each stage's signature, params section, command, dvc.yaml entry and KFP component."""

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
from swapcore.cli.main import commands
from swapcore.cli.stages import DEVICE_STAGES, Port, stage_command, stage_ports
from swapcore.config import Params
from swapcore.stages import STAGES

ROOT = Path(__file__).parents[2]
DVC_STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
ROUNDS = DVC_STAGES.pop("rounds")
"""A series of stages, not a stage."""


def run_of(stage: str) -> Any:
    return importlib.import_module(f"swapcore.stages.{stage}").run


def directions(stage: str) -> dict[str, str]:
    return {name: port.direction for name, port in stage_ports(stage).items()}


def optional_ports(stage: str) -> set[str]:
    return {name for name, port in stage_ports(stage).items() if not port.is_required}


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
    found = list(directions(stage).values())
    assert found == sorted(found), "inputs come before outputs"
    assert "output" in found


@pytest.mark.parametrize("stage", STAGES)
def test_the_parsed_ports_are_those_of_the_signature(stage: str) -> None:
    hints = typing.get_type_hints(run_of(stage), include_extras=True)
    keyword_only = [p for p in inspect.signature(run_of(stage)).parameters.values() if p.kind is p.KEYWORD_ONLY]
    expected = {p.name: Port(hints[p.name].__metadata__[0], p.default is p.empty) for p in keyword_only}
    assert stage_ports(stage) == expected
    assert list(stage_ports(stage)) == list(expected)


@pytest.mark.parametrize("stage", STAGES)
def test_the_command_has_exactly_the_ports(stage: str) -> None:
    command = stage_command(stage).params
    options = {option.name for option in command}
    required = {option.name for option in command if option.required}
    assert required == set(stage_ports(stage)) - optional_ports(stage)
    device = {"device"} if stage in DEVICE_STAGES else set()
    assert options == {*stage_ports(stage), *device, "params", "metrics", "verbose", "quiet"}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_has_the_device_option_if_its_section_has_a_device(stage: str) -> None:
    section = yaml.safe_load((ROOT / "params.yaml").read_text())[stage]
    assert (stage in DEVICE_STAGES) == ("device:" in yaml.safe_dump(section))


@pytest.mark.parametrize("stage", STAGES)
def test_dvc_yaml_matches_the_ports(stage: str) -> None:
    entry, flags = dvc_entry(stage), dvc_flags(stage)
    ports = {name: direction for name, direction in directions(stage).items() if name in flags}
    assert set(flags) - {"metrics"} == set(ports)
    assert set(directions(stage)) - set(ports) <= optional_ports(stage)
    inputs = {flags[name] for name, direction in ports.items() if direction == "input"}
    outputs = {flags[name] for name, direction in ports.items() if direction == "output"}
    # DVC tracks the folder of the CSV file, not only the file.
    watched = {"${photographs.folder}" if path == "${photographs.input}" else path for path in inputs}
    code = {dep for dep in entry["deps"] if dep.startswith("src/")}
    assert set(entry["deps"]) - code == watched
    assert set(entry["outs"]) == outputs
    assert entry["params"] == [stage]
    assert [list(metric) for metric in entry["metrics"]] == [[flags["metrics"]]]


def test_dvc_rounds_call_the_command_and_persist_their_output() -> None:
    words = shlex.split(ROUNDS["do"]["cmd"])
    command = commands.get_command(None, words[1])  # type: ignore[arg-type]
    given = {word.removeprefix("--") for word in words[3::2]}
    options = {name.removeprefix("--"): option for option in command.params for name in option.opts}  # type: ignore[union-attr]
    assert given <= set(options)
    assert {name for name, option in options.items() if option.required} - {"number"} <= given
    assert ROUNDS["do"]["outs"] == [{words[words.index("--output") + 1]: {"persist": True}}]
    assert {"groups", "train", "evaluate", "register.gate"} == set(ROUNDS["do"]["params"])


@pytest.mark.parametrize("stage", STAGES)
def test_the_component_has_exactly_the_ports(stage: str) -> None:
    spec = getattr(components.stages, stage).component_spec
    ports = directions(stage)
    inputs = {name for name, direction in ports.items() if direction == "input"}
    outputs = {name for name, direction in ports.items() if direction == "output"}
    if stage == "crop":  # another component crops the images in parts
        cut = components.stages.crop_shard.component_spec
        assert set(cut.inputs) == {"params", "uri", *inputs, "shard", "shards"}
        assert set(cut.outputs) == {"part", "metrics"}
        inputs = {"parts"}
    if stage == "synthesize":  # or fetches the user's images
        inputs = {"uri", "fingerprint"}
    given = {"params", "job"} if stage == "train" else {"params"}  # a TrainJob may train instead
    assert set(spec.inputs) == given | inputs
    assert {name for name in inputs if spec.inputs[name].optional} == optional_ports(stage)
    assert set(spec.outputs) == outputs | {"metrics"} | ({"page"} if stage == "evaluate" else set())
