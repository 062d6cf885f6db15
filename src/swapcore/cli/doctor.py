"""`swapcore doctor`: a check of this machine's installation."""

import sys

import click

from swapcore.cli.options import Command

_COLORS = {"ok": "green", "missing": "red", "optional": "yellow", "info": None}


@click.command(cls=Command)
def doctor() -> None:
    """Check Python, torch, the device, model files, MLflow, S3 and disk space.

    Prints one table. Exit code 1 if something needed is missing; what is optional does not count.
    """
    from swapcore.cli.checks import run_checks

    checks = run_checks()
    width = max(len(check.name) for check in checks)
    for check in checks:
        status = click.style(f"{check.status:8s}", fg=_COLORS[check.status])
        click.echo(f"{check.name:{width}s}  {status}  {check.detail}")
    if any(check.status == "missing" for check in checks):
        sys.exit(1)
