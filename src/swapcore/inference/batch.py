"""One source onto many templates: with worker processes, a journal, and nothing done twice when the command is run again."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from swapcore.data.images import read_photograph
from swapcore.errors import FaceError, ImageError, InputError, UserError
from swapcore.hub.references import LocatedModel, resolve_model
from swapcore.inference.finding import FaceChoice
from swapcore.inference.image_swapper import MAX_MEGAPIXELS, PhotographSwapper, ingredient
from swapcore.inference.journal import Journal
from swapcore.inference.listing import Listed, list_files
from swapcore.ops.image import Image
from swapcore.parallel import num_processes, ordered_map
from swapcore.progress import progress
from swapcore.provenance.marking import Ingredient, write_marked

JOURNAL = "swaps.csv"
_FILES_A_PROCESS = 3
"""Fewer are not worth the seconds in which a process starts."""


@dataclass(frozen=True)
class SwapRow:
    """What was done to one template."""

    file: str
    out: str
    """The result's name; empty where there is none."""
    status: str
    """swapped or refused."""
    reason: str
    """A word, where refused: no-face, several-faces, too-small, turned, truncated, not-an-image …"""
    detail: str
    num_faces: int
    template_sha256: str
    source_sha256: str
    model: str
    """Digest of the model, by which its lineage is found."""
    face: str
    """Which faces were asked for."""


@dataclass(frozen=True)
class SwapMany:
    """The work on one template, for a process of its own: it goes there pickled, and loads the model on arrival."""

    source: Image
    """uint8 (S, S, 3)."""
    origin: Ingredient
    model: LocatedModel
    face: FaceChoice
    out: Path
    overwrite: bool

    @cached_property
    def _swapper(self) -> PhotographSwapper:
        return PhotographSwapper(self.model)

    def __call__(self, template: Listed) -> SwapRow:
        """Swap and write one template; what its user can put right becomes a row, everything else is raised."""
        settings = (self.origin.sha256, self.model.digest, str(self.face))
        try:
            swapped = self._swapper.swap_onto(self.source, self.origin, template.path, self.face)
            write_marked(self.out / template.result_name, swapped.image, swapped.provenance, overwrite=self.overwrite)
        except UserError as error:
            reason = error.reason if isinstance(error, ImageError | FaceError) else "refused"
            return SwapRow(template.name, "", "refused", reason, str(error), 0, "", *settings)
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
) -> list[SwapRow]:
    """Put the source's face onto every photograph of a folder or pattern, and say in swaps.csv what was done to each.

    Run again after a kill, it goes on with the templates that are not done. Results keep the templates' names below out.

    Args:
        source: a photograph of one person.
        templates: a folder, with all below it, or a pattern.
        out: a folder, made if it is not there.
        model: as for ``photograph.swap``.
        face: as for ``photograph.swap``.
        overwrite: replace results that are there, also those of another source or model.
        workers: processes; 0 = one for each core.

    Returns:
        A row for each template, also for those that were done before.

    Raises:
        ImageError, FaceError: the source cannot be used.
        InputError: no template, or out holds the swaps of another source, model or choice of faces.
    """
    files = [item for item in list_files(templates, apart=out) if item.is_photograph]
    if not files:
        raise InputError(f"{templates}: holds no photograph (.jpg, .png, .webp, .tif, .bmp, .gif)")
    located = resolve_model(model)
    photograph = read_photograph(source, MAX_MEGAPIXELS)
    crop = PhotographSwapper(located).source_crop(photograph.image, source)
    journal = Journal(out / JOURNAL, SwapRow)
    settings = (photograph.sha256, located.digest, str(face))
    _require_same(journal, settings, overwrite=overwrite)
    with journal:
        started = bool(journal.rows)
        journal.keep(lambda row: row.status == "swapped" and (out / row.out).is_file())
        done = {row.file for row in journal.rows}
        # A file of ours that no row names was written in the moment of the kill; one of somebody else's is not replaced.
        work = SwapMany(crop, ingredient(source, photograph), located, face, out, overwrite or started)
        waiting = [item for item in files if item.name not in done]
        processes = min(num_processes(workers), max(1, len(waiting) // _FILES_A_PROCESS))
        results = ordered_map(work, waiting, workers=processes, chunk_size=1)
        for row in progress(results, "swapping", len(files), initial=len(done)):
            journal.add(row)
    return journal.rows


def _require_same(journal: Journal[SwapRow], settings: tuple[str, str, str], *, overwrite: bool) -> None:
    """Refuse to mix the results of different questions in one folder."""
    if overwrite:
        journal.rows.clear()
    if any((row.source_sha256, row.model, row.face) != settings for row in journal.rows):
        raise InputError(
            f"{journal.path.parent}: holds the swaps of another source, model or --face; name another --out or pass --overwrite"
        )
