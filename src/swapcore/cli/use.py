"""`swapcore swap`, `anonymize` and `video`: a trained model on images and videos."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from swapcore.cli.options import DEVICE, MODEL, OVERWRITE, PATH, WORKERS, Command, output

if TYPE_CHECKING:
    from swapcore.inference.finding import FaceChoice


class FaceChoiceType(click.ParamType):  # type: ignore[type-arg]  # generic in the stubs only
    """one, all, largest, or a number from 1."""

    name = "one|all|largest|N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> "FaceChoice":
        """Return the word or the number."""
        if value in ("one", "all", "largest"):
            return value  # type: ignore[no-any-return]
        if str(value).isdigit() and int(value) > 0:
            return int(value)
        return self.fail(f"{value!r} is not one of one, all, largest and a number from 1", param, ctx)


@click.command(cls=Command, renamed={"--out": "--output"}, positional=("--source", "--template"))
@click.argument("source", type=PATH)
@click.argument("template")
@output("The file to write (.png, .jpg or .webp), or the folder if TEMPLATE is a folder or a pattern.")
@MODEL
@click.option(
    "--face", type=FaceChoiceType(), default="one", show_default=True,
    help="Which face of the template is replaced; N counts from the left, and one refuses an image with several faces.",
)  # fmt: skip
@OVERWRITE
@WORKERS
@DEVICE
def swap(source: Path, template: str, out: Path, workers: int, **options: Any) -> None:
    """Put the face of SOURCE into TEMPLATE, an image, a folder or a quoted pattern.

    The output keeps the template's pose, expression, light and background, and is marked as synthetic.

    Example: swapcore swap me.jpg portrait.jpg -o out.png
    """
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
    click.echo(
        f"{out}: {len(rows) - len(refused)} images swapped and marked as synthetic, {len(refused)} files refused"
    )
    if refused:
        raise InputError(
            f"{len(refused)} of {len(rows)} files were refused: {refused[0].detail}; see {out / JOURNAL} for all reasons"
        )


@click.command(cls=Command, renamed={"--out": "--output"})
@click.argument("folder", type=PATH)
@output("The folder to write.")
@MODEL
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the synthetic replacement people."
)
@OVERWRITE
@WORKERS
@DEVICE
def anonymize(folder: Path, out: Path, **options: Any) -> None:
    """Replace every face below FOLDER with a synthetic person, or blur it.

    One person keeps one replacement in all images. The report says how well each face is hidden.

    Example: swapcore anonymize photos -o anonymized
    """
    from swapcore.anonymization.folder import ANONYMIZED, FILES
    from swapcore.anonymization.folder import anonymize as anonymize_folder
    from swapcore.anonymization.report import PAGE
    from swapcore.errors import InputError

    metrics = anonymize_folder(folder, out, **options)
    click.echo(f"{metrics['faces']} faces: {metrics['faces_swapped']} swapped, {metrics['faces_blurred']} blurred")
    click.echo(f"files: {', '.join(f'{status} {count}' for status, count in metrics['files'].items())}")
    click.echo(f"report: {out / PAGE}")
    left = {status: count for status, count in metrics["files"].items() if status != ANONYMIZED}
    if left:
        counts = ", ".join(f"{status} {count}" for status, count in left.items())
        raise InputError(f"{sum(left.values())} files have no result ({counts}); see {out / FILES} for the reasons")


@click.command(cls=Command, positional=("--source",))
@click.argument("source", type=PATH)
@click.argument("video", type=PATH)
@click.argument("old_out", type=PATH, required=False, metavar="")
@output("The video file to write.", required=False)
@MODEL
@OVERWRITE
@DEVICE
def video(source: Path, video: Path, old_out: Path | None, out: Path | None, **options: Any) -> None:
    """Put the face of SOURCE onto the largest face of VIDEO, and keep the sound.

    Example: swapcore video me.jpg clip.mp4 -o out.mp4
    """
    from swapcore.video.job import sidecar_path, swap_video

    out = out or old_out
    if out is None:
        raise click.UsageError("Missing option '-o' / '--output'.")
    swapped = swap_video(video, out, source=source, **options)
    click.echo(f"{out}: {swapped.num_swapped} of {swapped.num_frames} frames swapped; spans: {sidecar_path(out)}")
    if swapped.steadiness:
        click.echo(f"jitter of the swapped face: {swapped.steadiness.ratio:.2f} times that of the template")
