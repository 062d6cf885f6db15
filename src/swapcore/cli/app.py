"""`swapcore app`: the local web page."""

from pathlib import Path

import click

from swapcore.cli.options import DEVICE, HOST, MODEL, PATH, Command


@click.command(cls=Command)
@MODEL
@click.option(
    "--report", default=Path("reports/swap"), show_default=True, type=PATH, help="The evaluation report to show."
)
@click.option(
    "--people", default=Path("data/people"), show_default=True, type=PATH,
    help="A folder of synthesized people; for them the page also shows the true swap.",
)  # fmt: skip
@HOST
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=5002,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--name",
    help="The registered model whose champion the page offers; by default register.model_name of params.yaml.",
)
@DEVICE
def app(model: str, report: Path, people: Path, host: str, port: int, name: str | None, device: str) -> None:
    """Open a local web page to swap faces in images and videos, to anonymize, and to read the last evaluation."""
    from swapcore.app.running import serve, start
    from swapcore.config import read_params

    params = Path("params.yaml")
    registered = name or (read_params(params).register.model_name if params.is_file() else None)
    serve(start(model, report, people, host, port, device=device, registered=registered))
