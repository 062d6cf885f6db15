"""`swapcore serve` and `swapcore export`: a model behind HTTP, and as an ONNX file."""

from pathlib import Path

import click

from swapcore.cli.options import DEVICE, HOST, MODEL_FORMS, OVERWRITE, Command, output


@click.command(cls=Command)
@click.option(
    "--model", default="models:/swapcore@champion", show_default=True,
    help="The registered model: models:/NAME@ALIAS or models:/NAME/VERSION.",
)  # fmt: skip
@HOST
@click.option("--port", type=click.IntRange(1, 65535), default=5001, show_default=True, help="Port to listen on.")
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True,
    help="Number of processes, each of which loads the model.",
)  # fmt: skip
@click.option(
    "--max-request-megabytes", type=click.IntRange(1, 1024), default=64, show_default=True,
    help="Maximum request size in MB; larger requests get HTTP 413.",
)  # fmt: skip
@DEVICE
def serve(model: str, host: str, port: int, workers: int, max_request_megabytes: int, device: str) -> None:
    """Serve a registered model over HTTP: pairs of images in, swapped images out."""
    from swapcore.hub.references import find_registered
    from swapcore.serving.server import serve_version

    found = find_registered(model)
    click.echo(f"{found.name} version {found.version}: POST http://{host}:{port}/invocations; Ctrl-C stops", err=True)
    serve_version(
        found, host=host, port=port, workers=workers, max_request_megabytes=max_request_megabytes, device=device
    )


@click.command(cls=Command, renamed={"--out": "--output"})
@click.option("--model", required=True, metavar="MODEL", help=f"The model to export: {MODEL_FORMS}.")
@output("The .onnx file to write.")
@OVERWRITE
def export(model: str, out: Path, overwrite: bool) -> None:
    """Write a model as one ONNX file: aligned source and template crops in, swapped crops out."""
    from swapcore.errors import InputError

    if out.suffix != ".onnx":
        raise InputError(f"--output {out}: not an ONNX file name; name a file that ends in .onnx")
    if out.exists() and not overwrite:
        raise InputError(f"--output {out}: exists already; name another file or pass --overwrite")
    from swapcore.hub.references import locate_model
    from swapcore.serving.export import export_onnx

    written = export_onnx(locate_model(model), out)
    click.echo(
        f"{out}: crops of {written.size_px} px; maximum difference from PyTorch {written.max_difference:.1e} in [-1, 1]"
    )
