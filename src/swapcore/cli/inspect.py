"""`swapcore inspect`: the C2PA manifest and watermark of a file."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from swapcore.cli.options import PATH, Command

if TYPE_CHECKING:
    from swapcore.provenance.inspection import Inspection

UNMARKED, BROKEN = 10, 11


@click.command(cls=Command)
@click.argument("files", nargs=-1, required=True, type=PATH, metavar="FILE...")
@click.option("--json", "as_lines", is_flag=True, help="Print one JSON object per line.")
def inspect(files: tuple[Path, ...], as_lines: bool) -> None:
    """Show which model made an image or a video, by its C2PA manifest and its watermark.

    Exit codes: 0 if every file is marked and every manifest fits its file; 10 if a file has no mark; 11 if a file was changed after
    its manifest was written; 2 if a file cannot be read. 2 has priority, then the largest.
    """
    import json

    from swapcore.errors import UserError
    from swapcore.files import printable
    from swapcore.provenance.inspection import as_json, as_text

    codes = {0}
    for path in files:
        try:
            found = _inspect(path)
        except UserError as error:
            click.echo(f"swapcore: {printable(str(error))}", err=True)
            codes.add(2)
            continue
        click.echo(json.dumps(as_json(found)) if as_lines else as_text(found))
        codes.add(BROKEN if found.is_broken else 0 if found.is_marked else UNMARKED)
    sys.exit(2 if 2 in codes else max(codes))


def _inspect(path: Path) -> "Inspection":
    """Read the marks of an image, or, if the file does not begin like one, of a video."""
    from swapcore.errors import ImageError, InputError
    from swapcore.provenance.inspection import inspect_file

    try:
        return inspect_file(path)
    except ImageError as error:
        if error.reason != "not-an-image":
            raise
    from swapcore.video.inspection import inspect_video

    try:
        return inspect_video(path)
    except InputError:
        raise InputError(f"{path}: is neither an image nor a video that can be read; give another file") from None
