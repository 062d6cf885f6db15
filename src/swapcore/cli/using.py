"""`swapcore swap`, `swapcore anonymise` and `swapcore video`: a trained model on photographs and videos."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from swapcore.inference.finding import FaceChoice

MODEL = click.option(
    "--model",
    default="models/swap",
    show_default=True,
    help="a model folder, models:/NAME@ALIAS, models:/NAME/VERSION or s3://bucket/prefix",
)
WORKERS = click.option("--workers", type=click.IntRange(0, 256), default=0, show_default=True, help="0: one a core")
OVERWRITE = click.option("--overwrite", is_flag=True, help="replace results that are there already")


class FaceChoiceType(click.ParamType[Any]):
    """one, all, largest, or a number from 1."""

    name = "one|all|largest|N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> "FaceChoice":
        """The word, or the number."""
        if value in ("one", "all", "largest"):
            return value  # type: ignore[no-any-return]
        if str(value).isdigit() and int(value) > 0:
            return int(value)
        return self.fail(f"{value!r} is none of one, all, largest and a number from 1", param, ctx)


@click.command()
@click.option("--source", required=True, type=click.Path(path_type=Path), help="a photograph: gives the face")
@click.option("--template", required=True, help="a photograph, a folder, or a pattern in quotes: gives all else")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="the file to write, or the folder")
@MODEL
@click.option(
    "--face", type=FaceChoiceType(), default="one", show_default=True, help="of the template; N from the left"
)
@OVERWRITE
@WORKERS
def swap(source: Path, template: str, out: Path, workers: int, **options: Any) -> None:
    """Put the source's face onto a photograph, or onto every one of a folder (docs/use.md)."""
    from swapcore.inference.listing import is_several

    if is_several(template):
        return _swap_many(source, template, out, workers=workers, **options)
    from swapcore.inference.image_swapper import swap as swap_two

    swapped = swap_two(source, template, out, **options)
    click.echo(f"{out}: {len(swapped.faces)} face(s) replaced, marked as synthetic")
    return None


def _swap_many(source: Path, template: str, out: Path, **options: Any) -> None:
    from swapcore.errors import InputError
    from swapcore.inference.batch import JOURNAL, swap_many

    rows = swap_many(source, template, out, **options)
    refused = [row for row in rows if row.status != "swapped"]
    click.echo(f"{out}: {len(rows) - len(refused)} photographs swapped and marked as synthetic, {len(refused)} refused")
    if refused:
        raise InputError(
            f"{len(refused)} of {len(rows)} photographs were refused, {out / JOURNAL} says why: {refused[0].detail}"
        )


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="the folder to write")
@MODEL
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="of the people who do not exist")
@OVERWRITE
@WORKERS
def anonymise(folder: Path, out: Path, **options: Any) -> None:
    """Replace every face below FOLDER by a person who does not exist, or blur it; docs/use.md explains the report."""
    from swapcore.anonymize.folder import FILES, WITH_RESULT_OR_NONE_DUE
    from swapcore.anonymize.folder import anonymise as anonymise_folder
    from swapcore.anonymize.report import PAGE
    from swapcore.errors import InputError

    figures = anonymise_folder(folder, out, **options)
    click.echo(f"{figures['faces']} faces: {figures['faces_swapped']} swapped, {figures['faces_blurred']} blurred")
    click.echo(f"files: {', '.join(f'{status} {count}' for status, count in figures['files'].items())}")
    click.echo(f"report: {out / PAGE}")
    left = {status: count for status, count in figures["files"].items() if status not in WITH_RESULT_OR_NONE_DUE}
    if left:
        said = ", ".join(f"{status} {count}" for status, count in left.items())
        raise InputError(f"{sum(left.values())} photographs have no result ({said}); {out / FILES} says which and why")


@click.command()
@click.argument("video", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--source", required=True, type=click.Path(path_type=Path), help="a photograph: gives the face")
@MODEL
@OVERWRITE
def video(video: Path, out: Path, **options: Any) -> None:
    """Put the source's face onto the largest face of VIDEO, steadily, and write OUT with the sound as it was (docs/use.md)."""
    from swapcore.video.job import sidecar_path, swap_video

    swapped = swap_video(video, out, **options)
    click.echo(f"{out}: {swapped.num_swapped} of {swapped.num_frames} frames swapped; spans: {sidecar_path(out)}")
    if swapped.steadiness:
        click.echo(f"the pasted face trembles {swapped.steadiness.ratio:.2f} times as much as the template's own")
