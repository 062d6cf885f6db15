"""The page's job that anonymizes uploaded images and packs the results."""

import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from swapcore.app.jobs import JobResult
from swapcore.files import write_atomic

PHOTOGRAPHS: Final = "photographs"
"""Folder of the uploads, and name of the form's field."""
MAX_PHOTOGRAPHS: Final = 60
ZIP: Final = "anonymized.zip"
_RESULTS = "results"
_REPORTED = ("faces", "faces_swapped", "faces_blurred", "people", "reidentification_rank1", "reidentification_chance")


@dataclass(frozen=True)
class AnonymizeTask:
    """Anonymizes the images that were uploaded into a job's folder."""

    model: str
    """Reference."""
    device: str

    def __call__(self, folder: Path) -> JobResult:
        """Return a row for each upload, the main metrics, and the files."""
        # The renderer is slow to import, and most sessions of the page do not need it.
        from swapcore.anonymization.folder import ANONYMIZED, FACES, FILES, FileResult, anonymize
        from swapcore.anonymization.report import JSON, PAGE
        from swapcore.inference.journal import Journal

        results = folder / _RESULTS
        metrics = anonymize(folder / PHOTOGRAPHS, results, model=self.model, device=self.device)
        _hide_folder(results / FILES, folder / PHOTOGRAPHS)
        rows = sorted(Journal(results / FILES, FileResult).rows, key=lambda row: row.file)
        made = [results / row.out for row in rows if row.status == ANONYMIZED]
        _pack(folder / ZIP, results, [*made, *(results / name for name in (FILES, FACES, JSON, PAGE))])
        shown = [asdict(row) | {"shown": f"{number}{Path(row.out).suffix}"} for number, row in enumerate(rows)]
        files = {row["shown"]: results / row["out"] for row in shown if row["out"]}
        summary = {"files": shown, "metrics": {name: metrics[name] for name in _REPORTED}, "download": ZIP}
        return JobResult(summary, files | {ZIP: folder / ZIP})


def _hide_folder(table: Path, folder: Path) -> None:
    """Remove the temporary folder's path from a table's error messages."""
    write_atomic(table, table.read_text(encoding="utf-8").replace(f"{folder}/", ""))


def _pack(target: Path, root: Path, paths: list[Path]) -> None:
    """Write a ZIP file; images are compressed already."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as packed:
        for path in paths:
            packed.write(path, path.relative_to(root).as_posix())
