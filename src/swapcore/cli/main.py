"""The command line: a command for each stage, made from its signature, `configure` for params.yaml, and `benchmark`."""

import ast
import errno
import importlib
import inspect
import json
import os
import sys
import typing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from swapcore.cli import app, marks, rounds, serving, using, versions
from swapcore.errors import SwapcoreError
from swapcore.launched import rank
from swapcore.stages import STAGES

SCRATCH = Path(".swapcore/ports")
"""Where ports on s3:// are kept here, so that the next command fetches only what changed."""
Run = Callable[..., dict[str, float]]


def stage_ports(run: Run) -> dict[str, str]:
    """Port name -> "input" or "output", in the order of the stage's signature."""
    hints = typing.get_type_hints(run, include_extras=True)
    names = [p.name for p in inspect.signature(run).parameters.values() if p.kind is p.KEYWORD_ONLY]
    return {name: hints[name].__metadata__[0] for name in names}


def optional_ports(run: Run) -> set[str]:
    """The ports that a stage can do without."""
    return {name for name, port in inspect.signature(run).parameters.items() if port.default is None}


@contextmanager
def local_paths(ports: dict[str, str], locations: dict[str, str]) -> Iterator[dict[str, Path]]:
    """Each port's local path; ports on s3:// are fetched to SCRATCH before the block and delivered after it."""
    if not any(location.startswith("s3://") for location in locations.values()):
        yield {port: Path(location) for port, location in locations.items()}
        return
    from swapcore.storage import local_ports

    inputs, outputs = (
        {port: location for port, location in locations.items() if ports[port] == direction}
        for direction in ("input", "output")
    )
    with local_ports(inputs, outputs, SCRATCH) as paths:
        yield paths


def first_sentence(stage: str) -> str:
    """The sentence that opens a stage's file, read without importing it: --help must not wait for torch."""
    source = (Path(__file__).parents[1] / "stages" / f"{stage}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or stage).splitlines()[0]


def stage_command(stage: str) -> click.Command:
    """The command of a stage: an option for each port, the params file, and a file for the metrics."""
    run: Run = importlib.import_module(f"swapcore.stages.{stage}").run
    ports = stage_ports(run)

    def callback(params: Path, metrics: Path | None, **locations: str | None) -> None:
        from swapcore.config import read_section

        section = read_section(params, stage)
        with local_paths(ports, {port: place for port, place in locations.items() if place is not None}) as paths:
            measured = run(section, **paths)
        if rank() > 0:  # torchrun started several: the first one tells
            return
        for name, value in measured.items():
            click.echo(f"{name:40s} {value:.6g}")
        if metrics is not None:
            metrics.parent.mkdir(parents=True, exist_ok=True)
            metrics.write_text(json.dumps(measured, indent=2, sort_keys=True) + "\n", encoding="utf-8")

    optional = optional_ports(run)
    options: list[click.Parameter] = [
        click.Option([f"--{name}"], required=name not in optional, help=f"{direction} folder, or s3://bucket/prefix")
        for name, direction in ports.items()
    ]
    options += [
        click.Option(["--params"], default=Path("params.yaml"), show_default=True, type=click.Path(path_type=Path)),
        click.Option(["--metrics"], type=click.Path(path_type=Path), help="write the metrics to this JSON file"),
    ]
    return click.Command(stage, params=options, callback=callback, help=first_sentence(stage))


@click.command()
@click.option(
    "--photographs", type=click.Path(path_type=Path), help="your own: a folder or a CSV file,identity[,split]"
)
@click.option("--params", default=Path("params.yaml"), show_default=True, type=click.Path(path_type=Path))
@click.argument("settings", nargs=-1, metavar="[KEY=VALUE]...")
def configure(photographs: Path | None, params: Path, settings: tuple[str, ...]) -> None:
    """Change values of params.yaml, keeping its comments: `swapcore configure train.steps=2000`."""
    from swapcore.cli.settings import apply_settings, photograph_settings

    apply_settings(params, [*photograph_settings(photographs, params), *settings])


@click.group()
def benchmark() -> None:
    """Measure any swap, yours or a stranger's, where the true swap is known."""


@benchmark.command()
@click.option("--model", type=click.Path(path_type=Path), help="a model folder that `swapcore train` wrote")
@click.option("--swap", metavar="MODULE:FUNCTION", help="a Python function swap(source, template) -> image")
@click.option("--outputs", type=click.Path(path_type=Path), help="a folder of swapped pictures, 0000.png …")
@click.option("--export", type=click.Path(path_type=Path), help="write the pairs' sources and templates here as PNG")
@click.option("--size", "size_px", type=click.IntRange(64, 1024), default=128, show_default=True, help="of the crops")
@click.option("--out", type=click.Path(path_type=Path), help="write figures.json, pairs.csv and sheet.png here")
@click.option("--cache", type=click.Path(path_type=Path), help="keep the rendered pictures here for the next time")
@click.option("--workers", type=click.IntRange(0, 256), default=0, show_default=True, help="0: one for each core")
def truth(**options: Any) -> None:
    """Compare a swap with the true swaps of people who do not exist; docs/benchmark.md explains the figures."""
    from swapcore.evaluation.truth_benchmark.command import Request, answer

    click.echo(answer(Request(**options)))


class Commands(click.Group):
    """Lists every command at once, and imports a stage only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The stages in the order of the pipeline, then the other commands."""
        return [*STAGES, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A stage's command, or one of the others."""
        return stage_command(cmd_name) if cmd_name in STAGES else super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click's own
        """Write the list of commands without importing the stages."""
        with formatter.section("Stages"):
            formatter.write_dl([(stage, first_sentence(stage)) for stage in STAGES])
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.get_short_help_str(90)) for name, command in self.commands.items()])


@click.group(cls=Commands)
@click.version_option(package_name="swapcore")
def commands() -> None:
    """Train, judge, register and use a face identity-swap model."""


for command in (
    configure, benchmark, serving.serve, serving.export, using.swap, using.anonymise, using.video, marks.inspect, app.app,
    versions.lineage, versions.promote, versions.rollback, rounds.rounds,
):  # fmt: skip
    commands.add_command(command)


def one_line(error: OSError) -> str:
    """What an operating-system error means for the user."""
    place = f"{error.filename}: " if error.filename else ""
    ways_out = {errno.ENOSPC: "; free some space and run the command again, nothing half-written was kept"}
    return f"{place}{os.strerror(error.errno) if error.errno else error}{ways_out.get(error.errno or 0, '')}"


@contextmanager
def told_in_one_line(program: str) -> Iterator[None]:
    """End the process with one line on stderr if the block meets a mistake of the user, or a disk that takes no more."""
    try:
        yield
    except SwapcoreError as error:
        click.echo(f"{program}: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT, errno.EPERM}:
            raise
        click.echo(f"{program}: {one_line(error)}", err=True)
        sys.exit(1)


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line; a user's mistake is one line on stderr and exit code 2."""
    try:
        with told_in_one_line("swapcore"):
            commands.main(arguments, prog_name="swapcore", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("swapcore: interrupted; run the command again to go on", err=True)
        sys.exit(130)
