"""`swapcore rounds`: self-training in rounds."""

from pathlib import Path

import click

from swapcore.cli.options import MODEL_FORMS, PARAMS, PATH, Command


@click.command(cls=Command, renamed={"--to": "--output"})
@click.argument("number", type=click.IntRange(1, 99), metavar="N")
@click.option("--faces", required=True, type=PATH, help="Faces artifact to train and evaluate on.")
@click.option("--champion", required=True, help=f"The first teacher: {MODEL_FORMS}.")
@click.option("-o", "--output", "out", default=Path("rounds"), show_default=True, type=PATH, help="Folder to write.")
@PARAMS
def rounds(number: int, faces: Path, champion: str, out: Path, params: Path) -> None:
    """Train up to N rounds in which the champion is the teacher of a challenger.

    In each round the champion makes the fakes, a challenger trains on them, and the promotion gate compares both. The series ends
    when a challenger is not better.
    """
    from swapcore.config import read_params
    from swapcore.rounds import run_rounds

    for played in run_rounds(number, read_params(params), faces=faces, champion=champion, folder=out):
        outcome = "the challenger is promoted" if played.improved else "the champion remains, the series ends"
        click.echo(f"round {played.number}: {outcome}: {played.decision.reason}")
    click.echo(f"champion: {played.champion}")
