"""`swapcore rounds`: the champion teaches a challenger, again and again, as long as that brings something."""

from pathlib import Path

import click


@click.command()
@click.argument("number", type=click.IntRange(1, 99), metavar="N")
@click.option("--faces", required=True, type=click.Path(path_type=Path), help="faces artifact to teach and to judge on")
@click.option("--champion", required=True, help="the first teacher: a model folder, models:/ URI or s3:// prefix")
@click.option("--to", "folder", default=Path("rounds"), show_default=True, type=click.Path(path_type=Path))
@click.option("--params", default=Path("params.yaml"), show_default=True, type=click.Path(path_type=Path))
def rounds(number: int, faces: Path, champion: str, folder: Path, params: Path) -> None:
    """Play at most N rounds: the champion makes the fakes, a challenger trains, the gate decides (docs/rounds.md)."""
    from swapcore.config import read_params
    from swapcore.rounds import play

    for played in play(number, read_params(params), faces=faces, champion=champion, folder=folder):
        told = "the challenger wins" if played.improved else "the champion stays, the series is over"
        click.echo(f"round {played.number}: {told}: {played.decision.reason}")
    click.echo(f"champion: {played.champion}")
