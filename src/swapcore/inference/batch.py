"""One source face onto many templates, with worker processes and a journal."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from swapcore.data.listing import ListedFile
from swapcore.errors import FaceError, ImageError, InputError, UserError
from swapcore.files import UNWRITABLE_NAME, locked, to_text
from swapcore.hub.face_swapper import FaceInImage
from swapcore.hub.references import LocatedModel, resolve_model
from swapcore.inference.finding import FaceChoice
from swapcore.inference.image_swapper import Swapper
from swapcore.inference.input_image import read_input
from swapcore.inference.journal import Journal
from swapcore.inference.listing import list_files, name_results
from swapcore.ops.device import num_inference_processes
from swapcore.parallel import ordered_map
from swapcore.progress import progress
from swapcore.provenance.marking import Ingredient

JOURNAL = "swaps.csv"
_MIN_FILES_PER_PROCESS = 3
"""With fewer files the start of a process takes longer than it saves."""


@dataclass(frozen=True)
class SwapRow:
    """The result of one template."""

    file: str
    out: str
    """Name of the result; empty without one."""
    status: str
    """swapped or refused."""
    reason: str
    """Of a refusal: no-face, several-faces, too-small, turned, truncated, not-an-image …"""
    detail: str
    num_faces: int
    template_sha256: str
    source_sha256: str
    model: str
    """Digest of the model, which leads to its lineage."""
    face: str
    """The requested faces."""


@dataclass(frozen=True)
class SwapTask:
    """Swaps one template in a worker process, which loads the model on first use."""

    source: FaceInImage
    origin: Ingredient
    model: LocatedModel
    face: FaceChoice
    out: Path
    overwrite: bool
    device: str

    @cached_property
    def _swapper(self) -> Swapper:
        return Swapper(self.model, self.device)

    def __call__(self, template: ListedFile) -> SwapRow:
        """Swap and write one template; a user error becomes a row, other errors are raised."""
        settings = (self.origin.sha256, self.model.digest, str(self.face))
        if template.reason:
            detail = f"{template.name}: {template.detail}"
            return SwapRow(template.name, "", "refused", template.reason, detail, 0, "", *settings)
        try:
            swapped = self._swapper.swap_onto(self.source, self.origin, template.path, self.face)
            swapped.save(self.out / template.result_name, overwrite=self.overwrite)
        except UserError as error:
            reason = error.reason if isinstance(error, ImageError | FaceError) else "refused"
            return SwapRow(template.name, "", "refused", reason, to_text(str(error)), 0, "", *settings)
        except OSError as error:
            if error.errno not in UNWRITABLE_NAME:
                raise
            detail = f"{template.name}: the result cannot be written ({error.strerror}); rename it"
            return SwapRow(template.name, "", "refused", "bad-name", detail, 0, "", *settings)
        sha256 = swapped.provenance.ingredients[1].sha256
        return SwapRow(template.name, template.result_name, "swapped", "", "", len(swapped.faces), sha256, *settings)


def swap_many(
    source: Path,
    templates: str,
    out: Path,
    *,
    model: str | Path,
    face: FaceChoice = "one",
    overwrite: bool = False,
    workers: int = 1,
    device: str = "auto",
) -> list[SwapRow]:
    """Put the source's face onto every image of a folder or pattern, and record each result in swaps.csv.

    After an interruption, run it again: finished templates are skipped. Results keep the templates' relative names, see
    listing.name_results. Every file of the folder has a row, also one that is no image.

    Args:
        source: an image file of one person.
        templates: a folder, searched recursively, or a pattern.
        out: the folder for the results; created if necessary.
        model: as for ``image_swapper.swap``.
        face: as for ``image_swapper.swap``.
        overwrite: replace existing results, also those of another source or model.
        workers: processes; 0 = one per core.
        device: as for ``image_swapper.swap``; all processes share it.

    Returns:
        One row per template, including those that were finished before.

    Raises:
        ImageError, FaceError: the source cannot be used.
        InputError: there is no file, or out holds the swaps of another source, model or choice of faces, or another command
            is writing there.
    """
    files = list_files(templates, exclude=out)
    located = resolve_model(model)
    given = read_input(source, "source")
    task = SwapTask(
        Swapper(located, device).source_face(given.image, given.path),
        given.ingredient,
        located,
        face,
        out,
        overwrite,
        device,
    )
    with locked(out):
        journal = Journal(out / JOURNAL, SwapRow)
        _check_settings(journal, (given.ingredient.sha256, located.digest, str(face)), overwrite=overwrite)
        with journal:
            _run(task, files, journal, workers)
    return journal.rows


def _run(task: SwapTask, files: list[ListedFile], journal: Journal[SwapRow], workers: int) -> None:
    """Swap the templates that have no result yet."""
    resumed = bool(journal.rows)
    journal.keep(lambda row: row.status == "swapped" and (task.out / row.out).is_file())
    done = {row.file: row.out for row in journal.rows}
    # A result without a row was written in the moment of the interruption; files of others are not replaced.
    task = replace(task, overwrite=task.overwrite or resumed)
    waiting = [item for item in name_results(files, done) if item.name not in done]
    processes = min(num_inference_processes(workers, task.device), max(1, len(waiting) // _MIN_FILES_PER_PROCESS))
    results = ordered_map(task, waiting, workers=processes, chunk_size=1)
    for row in progress(results, "swapping", len(files), initial=len(done)):
        journal.add(row)


def _check_settings(journal: Journal[SwapRow], settings: tuple[str, str, str], *, overwrite: bool) -> None:
    """Refuse to mix results of different settings in one folder."""
    if overwrite:
        journal.rows.clear()
    if any((row.source_sha256, row.model, row.face) != settings for row in journal.rows):
        raise InputError(
            f"{journal.path.parent}: holds the swaps of another source, model or --face; name another --output or pass --overwrite"
        )
