"""`swapcore benchmark`: any swap function against known true swaps."""

from typing import Any

import click

from swapcore.cli.options import DEVICE, MODEL_FORMS, PATH, Command, output


@click.group()
def benchmark() -> None:
    """Measure any swap, this project's or another's, against known true swaps."""


@benchmark.command(cls=Command, renamed={"--out": "--output"})
@click.option("--model", metavar="MODEL", help=f"Measure a model: builtin:warp or {MODEL_FORMS}.")
@click.option("--swap", metavar="MODULE:FUNCTION", help="Measure a Python function swap(source, template) -> image.")
@click.option("--outputs", type=PATH, help="Measure a folder of swapped images, named 0000.png and so on.")
@click.option("--export", type=PATH, help="Write the sources and templates of the pairs to this folder as PNG.")
@click.option(
    "--size",
    "size_px",
    type=click.IntRange(64, 1024),
    default=128,
    show_default=True,
    help="Side of the crops in pixels.",
)
@output("The folder to write the metrics, pairs.csv and sheet.png to.", required=False)
@click.option("--cache", type=PATH, help="A folder in which the rendered images are kept for the next run.")
@click.option(
    "--workers",
    type=click.IntRange(0, 256),
    default=0,
    show_default=True,
    help="Processes that render; 0 uses one per core.",
)
@DEVICE
def truth(**options: Any) -> None:
    """Compare a swap with the true swaps of synthetic people (docs/reference/truth-benchmark.md).

    Give exactly one of --model, --swap, --outputs and --export.
    """
    from swapcore.evaluation.truth_benchmark.command import Request, run_benchmark

    click.echo(run_benchmark(Request(**options)))
