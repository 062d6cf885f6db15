"""`swapcore inspect`: what a file's marks say."""

import sys
from pathlib import Path

import click

UNMARKED, BROKEN = 10, 11


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--json", "as_lines", is_flag=True, help="one JSON object a line")
def inspect(files: tuple[Path, ...], as_lines: bool) -> None:
    """Tell what made a picture: its C2PA manifest and its watermark.

    Exit code: 0 every file is marked and no manifest is broken; 10 a file bears no mark; 11 a manifest does not fit its file any
    more; 2 a file cannot be read. The largest of these, but 2 before all others.
    """
    import json

    from swapcore.errors import UserError
    from swapcore.provenance.inspection import as_json, as_text, inspect_file

    codes = {0}
    for path in files:
        try:
            found = inspect_file(path)
        except UserError as error:
            click.echo(f"swapcore: {error}", err=True)
            codes.add(2)
            continue
        click.echo(json.dumps(as_json(found), ensure_ascii=False) if as_lines else as_text(found))
        codes.add(BROKEN if found.is_broken else 0 if found.is_marked else UNMARKED)
    sys.exit(2 if 2 in codes else max(codes))
