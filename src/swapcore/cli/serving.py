"""`swapcore serve` and `swapcore export`: a model behind HTTP, and as a file for other programs."""

from pathlib import Path

import click


@click.command()
@click.option(
    "--model", default="models:/swapcore@champion", show_default=True, help="models:/NAME@ALIAS or models:/NAME/VERSION"
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="address to listen at; the default is this machine only"
)
@click.option("--port", type=click.IntRange(1, 65535), default=5001, show_default=True)
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="processes; each loads the model"
)
@click.option("--max-request-megabytes", type=click.IntRange(1, 1024), default=64, show_default=True, help="else 413")
def serve(model: str, host: str, port: int, workers: int, max_request_megabytes: int) -> None:
    """Serve a registered model over HTTP: pairs of photographs in, swapped photographs out (docs/serving.md)."""
    from swapcore.hub.references import find_registered
    from swapcore.serving.server import serve_version

    found = find_registered(model)
    click.echo(f"{found.name} version {found.version}: POST http://{host}:{port}/invocations; Ctrl-C stops", err=True)
    serve_version(found, host=host, port=port, workers=workers, max_request_megabytes=max_request_megabytes)


@click.command()
@click.option(
    "--model", required=True, help="a model folder, models:/NAME@ALIAS, models:/NAME/VERSION or s3://bucket/prefix"
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="the file to write, .onnx")
@click.option("--overwrite", is_flag=True, help="replace a file that is there already")
def export(model: str, out: Path, overwrite: bool) -> None:
    """Write a model as one ONNX file: aligned crops of source and template in, swapped crops out."""
    from swapcore.errors import InputError

    if out.suffix != ".onnx":
        raise InputError(f"--out {out}: name a file that ends in .onnx")
    if out.exists() and not overwrite:
        raise InputError(f"--out {out}: exists already; name another file or pass --overwrite")
    from swapcore.hub.references import locate_model
    from swapcore.serving.export import export_onnx

    written = export_onnx(locate_model(model), out)
    click.echo(
        f"{out}: crops of {written.size_px} px; pixels differ from torch's by at most {written.max_difference:.1e} of 2"
    )
