"""The command line: commands in groups, and errors as one line with an exit code."""

import difflib
import errno
import inspect
import io
import logging
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from swapcore.addresses import hide_configured
from swapcore.cli import app, benchmark, configure, doctor, registry, rounds, serve, use
from swapcore.cli import inspect as inspect_command
from swapcore.cli.log import configure_logging
from swapcore.cli.options import verbosity
from swapcore.cli.stages import stage_command, stage_summary
from swapcore.errors import SwapcoreError
from swapcore.files import printable
from swapcore.stages import STAGES

_log = logging.getLogger(__name__)

GROUPS = {
    "Use": ("swap", "anonymize", "video", "inspect", "app"),
    "Pipeline": (*STAGES, "configure", "rounds"),
    "Registry": ("promote", "rollback", "lineage"),
    "Serve": ("serve", "export"),
    "Tools": ("benchmark", "doctor"),
}
RENAMED = {"anonymise": "anonymize"}
INTERRUPTED, CLOSED_PIPE = 130, 1
"""Exit codes: a shell's for SIGINT, and click's for output into a program that has ended."""


class Commands(click.Group):
    """Lists every command in its group; a stage is imported only when it runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Names in the order of the help."""
        return [name for names in GROUPS.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name; for an old name or a typing error, an error that names the right one."""
        if cmd_name in STAGES:
            return stage_command(cmd_name)
        command = super().get_command(ctx, cmd_name)
        if command is None and not ctx.resilient_parsing:
            likely = RENAMED.get(cmd_name) or next(
                iter(difflib.get_close_matches(cmd_name, self.list_commands(ctx))), ""
            )
            reason = "was renamed" if cmd_name in RENAMED else "no such command"
            ctx.fail(f"{cmd_name}: {reason}; use {f'swapcore {likely}' if likely else 'swapcore --help'}")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the groups, each summary in full."""
        for group, names in GROUPS.items():
            with formatter.section(group):
                formatter.write_dl([(name, self._summary(ctx, name)) for name in names])

    def _summary(self, ctx: click.Context, name: str) -> str:
        if name in STAGES:
            return stage_summary(name)
        command = super().get_command(ctx, name)
        return first_paragraph((command and command.help) or "")


def first_paragraph(text: str) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join(inspect.cleandoc(text).split("\n\n")[0].split())


@click.group(
    cls=Commands, params=verbosity(), context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(package_name="swapcore", message="%(prog)s %(version)s")
def commands() -> None:
    """Train, evaluate, register and use a face identity-swap model."""


for command in (
    use.swap, use.anonymize, use.video, inspect_command.inspect, app.app, configure.configure, rounds.rounds,
    registry.promote, registry.rollback, registry.lineage, serve.serve, serve.export, benchmark.benchmark, doctor.doctor,
):  # fmt: skip
    commands.add_command(command)

_REMEDIES = {
    errno.ENOSPC: "free some space and run the command again; no partial file was kept",
    errno.EDQUOT: "free some space and run the command again; no partial file was kept",
    errno.ENOENT: "check the path",
    errno.EACCES: "check the permissions of this path",
    errno.EPERM: "check the permissions of this path",
    errno.EROFS: "choose a path on a writable file system",
    errno.ENOTDIR: "a parent of this path is a file; choose another output path",
    errno.EEXIST: "a file has the name of a folder that is needed here; choose another output path",
    errno.EISDIR: "name a file instead of a folder",
    errno.ENAMETOOLONG: "choose a shorter name",
}
"""System errors that a user can correct, and how."""


def one_line(error: OSError) -> str:
    """An operating-system error as `<path>: <why>; <fix>`."""
    parts = [str(error.filename)] if error.filename else []
    parts.append(os.strerror(error.errno) if error.errno else str(error))
    remedy = _REMEDIES.get(error.errno or 0)
    return ": ".join(parts) + (f"; {remedy}" if remedy else "")


@contextmanager
def report_errors(program: str) -> Iterator[None]:
    """End the process with one line on stderr for an error that the user can correct; `-v` adds the traceback."""
    try:
        yield
    except SwapcoreError as error:
        _log.debug("%s", type(error).__name__, exc_info=True)
        click.echo(f"{program}: {printable(hide_configured(str(error)))}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in _REMEDIES:
            raise
        _log.debug("%s", type(error).__name__, exc_info=True)
        click.echo(f"{program}: {printable(hide_configured(one_line(error)))}", err=True)
        sys.exit(1)


def _is_stdout_closed() -> bool:
    """Whether the program that read our output has ended."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return any(events & select.POLLERR for _, events in poll.poll(0))
    except (OSError, ValueError):
        return False


@contextmanager
def _quiet_on_closed_pipe() -> Iterator[None]:
    """End quietly when the output is piped into a program that has ended, as in `swapcore inspect *.png | head -1`."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        if not _is_stdout_closed():
            raise
        # Python flushes stdout again at exit, which must not fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(CLOSED_PIPE)


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line; a user's error is one line on stderr and exit code 2."""
    configure_logging()
    # Before torch is imported. Threads that spin while they wait take many times the processor time when other programs use
    # the cores (docs/experiments.md).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names can have bytes that are not UTF-8
    try:
        with _quiet_on_closed_pipe(), report_errors("swapcore"):
            commands.main(arguments, prog_name="swapcore", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("swapcore: interrupted; run the command again to continue", err=True)
        sys.exit(INTERRUPTED)
