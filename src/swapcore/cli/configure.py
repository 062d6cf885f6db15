"""`swapcore configure`: change values of params.yaml."""

from pathlib import Path

import click

from swapcore.cli.options import PARAMS, PATH, Command


@click.command(cls=Command)
@click.option(
    "--photographs",
    type=PATH,
    help="Your own images: a folder with one sub-folder per person, or a CSV file,identity[,split].",
)
@PARAMS
@click.argument("settings", nargs=-1, metavar="[KEY=VALUE]...")
def configure(photographs: Path | None, params: Path, settings: tuple[str, ...]) -> None:
    """Change values of params.yaml and keep its comments.

    Example: swapcore configure train.steps=2000 train.seed=7
    """
    from swapcore.cli.settings import apply_settings, photograph_settings

    apply_settings(params, [*photograph_settings(photographs, params), *settings])
