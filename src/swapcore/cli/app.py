"""`swapcore app`: the local page."""

from pathlib import Path

import click

from swapcore.cli.using import MODEL


@click.command()
@MODEL
@click.option(
    "--report", default=Path("reports/swap"), show_default=True, type=click.Path(path_type=Path), help="shown below"
)
@click.option(
    "--people", default=Path("data/people"), show_default=True, type=click.Path(path_type=Path),
    help="rendered people, whose true swap can be shown",
)  # fmt: skip
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="address to listen at; the default is this machine only"
)
@click.option("--port", type=click.IntRange(0, 65535), default=5002, show_default=True, help="0: any that is free")
def app(model: str, report: Path, people: Path, host: str, port: int) -> None:
    """Open a small local page: swap two photographs, see figures and marks, and the last evaluation's pictures."""
    from swapcore.app.running import run

    run(model, report, people, host, port)
