"""A command for each stage, made from the signature of its `run`."""

import ast
import importlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import click

from swapcore.cli.options import PARAMS, PATH, Command, Device
from swapcore.launched import rank

PORT_CACHE = Path(".swapcore/ports")
"""Local copies of ports on s3://, kept so that the next command fetches only what changed."""
DEVICE_STAGES = ("synthesize", "crop", "groups", "train", "evaluate")
"""Stages whose section of params.yaml has a `device`."""
_DIRECTIONS = {"InputPath": ("input", True), "OptionalInputPath": ("input", False), "OutputPath": ("output", True)}
_PORT_HELP = {
    "photographs": "images with one sub-folder per person, or a CSV file",
    "faces": "aligned faces",
    "groups": "sample groups",
    "teacher": "model folder that makes the fakes, instead of the teacher in params.yaml",
    "initial": "model folder to start training from",
    "model": "model folder",
    "report": "evaluation report",
    "registration": "record of the registered version",
}


class Port(NamedTuple):
    """An artifact that a stage reads or writes."""

    direction: str
    """input or output."""
    is_required: bool


def _syntax_tree(stage: str) -> ast.Module:
    """A stage's file, parsed instead of imported: --help must not import torch."""
    return ast.parse((Path(__file__).parents[1] / "stages" / f"{stage}.py").read_text(encoding="utf-8"))


def stage_ports(stage: str) -> dict[str, Port]:
    """The keyword-only parameters of a stage's `run`, in the order of its signature."""
    run = next(node for node in _syntax_tree(stage).body if isinstance(node, ast.FunctionDef) and node.name == "run")
    return {arg.arg: Port(*_DIRECTIONS[ast.unparse(arg.annotation)]) for arg in run.args.kwonlyargs if arg.annotation}


def stage_summary(stage: str) -> str:
    """The first line of a stage's file."""
    return (ast.get_docstring(_syntax_tree(stage)) or stage).splitlines()[0]


@contextmanager
def local_paths(ports: dict[str, Port], locations: dict[str, str]) -> Iterator[dict[str, Path]]:
    """Local path of each port; ports on s3:// are fetched before the block and uploaded after it."""
    if not any(location.startswith("s3://") for location in locations.values()):
        yield {port: Path(location) for port, location in locations.items()}
        return
    from swapcore.storage import local_ports

    inputs, outputs = (
        {port: location for port, location in locations.items() if ports[port].direction == direction}
        for direction in ("input", "output")
    )
    with local_ports(inputs, outputs, PORT_CACHE) as paths:
        yield paths


def stage_command(stage: str) -> click.Command:
    """The command of a stage: an option for each port, the params file, and a file for the metrics."""
    ports = stage_ports(stage)

    def callback(params: Path, metrics: Path | None, device: str | None = None, **locations: str | None) -> None:
        from swapcore.config import read_section, with_device
        from swapcore.files import write_atomic

        outputs = {f"--{name}": path for name, path in locations.items() if path and ports[name].direction == "output"}
        _require_no_file(outputs, metrics)
        section = read_section(params, stage)
        if device is not None:
            section = with_device(stage, section, device)
        run = importlib.import_module(f"swapcore.stages.{stage}").run
        with local_paths(ports, {port: place for port, place in locations.items() if place is not None}) as paths:
            measured = run(section, **paths)
        if rank() > 0:
            return
        shown = main_metrics(measured)
        for name, value in shown.items():
            click.echo(f"{name:40s} {value:.6g}")
        if len(shown) < len(measured):
            where = metrics or "--metrics FILE"
            click.echo(f"{len(measured) - len(shown)} more (intervals, slices, other methods): {where}")
        for path in outputs.values():
            click.echo(f"wrote {path}")
        if metrics is not None:
            write_atomic(metrics, json.dumps(measured, indent=2, sort_keys=True) + "\n")

    options = [_port_option(name, port) for name, port in ports.items()]
    options.append(click.Option(["--metrics"], type=PATH, help="Also write the metrics to this JSON file."))
    if stage in DEVICE_STAGES:
        options.append(
            click.Option(["--device"], type=Device(), help="Use this device instead of the one in the params.")
        )
    command = Command(stage, params=options, callback=callback, help=stage_summary(stage))
    return PARAMS(command)


def main_metrics(measured: Mapping[str, float]) -> dict[str, float]:
    """The metrics that a stage prints: those of evaluate without intervals, slices, and methods other than the model."""
    return {
        name: value
        for name, value in measured.items()
        if not name.endswith(("/low", "/high")) and not name.startswith("slices/")
        if name.partition("/")[2] not in measured
    }


def _require_no_file(outputs: dict[str, str], metrics: Path | None) -> None:
    """Refuse an output folder that is a file or below one, before any work is done.

    Raises:
        InputError: such a path.
    """
    from swapcore.errors import InputError

    folders = [(option, Path(place)) for option, place in outputs.items() if not place.startswith("s3://")]
    folders += [("--metrics", metrics.parent)] if metrics is not None else []
    for option, folder in folders:
        for path in (folder, *folder.parents):
            if path.is_file():
                raise InputError(f"{option} {folder}: {path} is a file; name a folder")


def _port_option(name: str, port: Port) -> click.Option:
    verb = "Read" if port.direction == "input" else "Write"
    description = f"{verb} the {_PORT_HELP.get(name, name)}: a folder, or s3://bucket/prefix."
    return click.Option([f"--{name}"], required=port.is_required, metavar="LOCATION", help=description)
