"""Options that several commands share, and options with an old name."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from swapcore.cli.log import configure_logging

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

PATH: "click.Path[Path]" = click.Path(path_type=Path)

MODEL_FORMS = "a model folder, models:/NAME@ALIAS, models:/NAME/VERSION or s3://bucket/prefix"
MODEL = click.option(
    "--model",
    metavar="MODEL",
    default="builtin:warp",
    show_default=True,
    help=f"The model to use: builtin:warp, which needs no training, or {MODEL_FORMS}.",
)
WORKERS = click.option(
    "--workers", type=click.IntRange(0, 256), default=0, show_default=True,
    help="Number of processes; 0 uses one per core, and at most four on a GPU.",
)  # fmt: skip
OVERWRITE = click.option("--overwrite", is_flag=True, help="Replace results that exist already.")
PARAMS = click.option(
    "--params", default=Path("params.yaml"), show_default=True, type=PATH, help="The params file to read."
)
HOST = click.option(
    "--host", default="127.0.0.1", show_default=True,
    help="Address to listen on; the default accepts connections from this machine only.",
)  # fmt: skip


class Device(click.ParamType):  # type: ignore[type-arg]  # generic in the stubs only
    """A torch device: auto, cpu, mps, cuda or cuda:N."""

    name = "auto|cpu|mps|cuda[:N]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the device's name, or fail with the allowed ones."""
        kind, colon, number = str(value).partition(":")
        if str(value) in {"auto", "cpu", "mps", "cuda"} or (kind == "cuda" and colon and number.isdigit()):
            return str(value)
        return self.fail(f"{value!r} is not one of auto, cpu, mps, cuda and cuda:N", param, ctx)


DEVICE = click.option(
    "--device", type=Device(), default="auto", show_default=True,
    help="Where torch computes; auto takes a CUDA GPU, then Apple's GPU, then the CPU.",
)  # fmt: skip


def output(help_text: str, *, required: bool = True) -> Callable[[Decorated], Decorated]:
    """The option -o/--output, passed to the callback as `out`.

    Args:
        help_text: a sentence.
        required: whether click demands it.
    """
    return click.option("-o", "--output", "out", type=PATH, required=required, help=help_text)


def _set_level(level: int) -> Callable[[click.Context, click.Parameter, bool], None]:
    def callback(ctx: click.Context, param: click.Parameter, value: bool) -> None:  # noqa: ARG001  # click's signature
        if value:
            configure_logging(level)

    return callback


def verbosity() -> list[click.Parameter]:
    """The options -v and -q, which every command has."""
    return [
        click.Option(
            ["-v", "--verbose"], is_flag=True, expose_value=False, callback=_set_level(logging.DEBUG),
            help="Also log details, and the traceback of an error.",
        ),
        click.Option(
            ["-q", "--quiet"], is_flag=True, expose_value=False, callback=_set_level(logging.WARNING),
            help="Log warnings and errors only, without progress.",
        ),
    ]  # fmt: skip


class Command(click.Command):
    """A command with -v and -q, and with the option names of earlier versions.

    Args:
        renamed: old option to new option.
        positional: old options whose values are arguments now, in the order of the arguments.
    """

    def __init__(
        self, *arguments: Any, renamed: dict[str, str] | None = None, positional: tuple[str, ...] = (), **settings: Any
    ) -> None:
        super().__init__(*arguments, **settings)
        self.params += verbosity()
        self.renamed, self.positional = renamed or {}, positional

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Translate old option names, with a note on stderr, and parse."""
        return super().parse_args(ctx, self._translated(ctx, list(args)))

    def _translated(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        moved: dict[str, str] = {}
        kept: list[str] = []
        old: list[str] = []
        waiting = iter(args[:end])
        for word in waiting:
            option, equals, value = word.partition("=")
            if option in self.renamed:
                kept.append(self.renamed[option] + equals + value)
            elif option in self.positional:
                moved[option] = value if equals else next(waiting, "")
            else:
                kept.append(word)
                continue
            old.append(option)
        if old:
            usage = " ".join(self.collect_usage_pieces(ctx))
            click.echo(
                f"swapcore: {', '.join(old)}: deprecated and removed in the next release; "
                f"use {ctx.command_path} {usage}",
                err=True,
            )
        return (
            [*kept, *args[end:]]
            if not moved
            else [*(moved[o] for o in self.positional if o in moved), *kept, *args[end:]]
        )
