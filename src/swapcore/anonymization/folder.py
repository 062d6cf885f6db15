"""A folder anonymized: looked at, its people told apart, replacements dealt, every photograph treated, written, read again, judged."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from swapcore.anonymization.identities import Face, mean_features, name_people
from swapcore.anonymization.measure import FaceRow, measure_face
from swapcore.anonymization.replacements import SyntheticPerson, deal, draw_replacements
from swapcore.anonymization.report import summarize, write_report
from swapcore.anonymization.survey import FaceSeen, FileSeen, survey
from swapcore.anonymization.treat import Gallery, Treated, treat_face
from swapcore.data.images import read_photograph
from swapcore.errors import InputError
from swapcore.faces.detect import Box, detect_every_face
from swapcore.hub.face_swapper import FaceSwapper
from swapcore.hub.loading import load_face_swapper
from swapcore.hub.references import LocatedModel, resolve_model
from swapcore.inference.journal import Journal
from swapcore.inference.listing import ListedFile, list_files
from swapcore.ops.device import num_inference_processes
from swapcore.ops.image import Image
from swapcore.parallel import ordered_map
from swapcore.progress import progress
from swapcore.provenance.marking import Ingredient, ModelReference, Provenance, write_marked
from swapcore.tables import read_table, write_table

FILES, FACES = "files.csv", "faces.csv"
WITH_RESULT_OR_NONE_DUE = frozenset({"anonymized", "not-a-photograph"})
"""Statuses of a file; every other one is of a photograph that somebody has to look at."""
NUM_CANDIDATES = 3
_SETTINGS = "settings.json"


@dataclass(frozen=True)
class FileRow:
    """What was done to one file."""

    file: str
    out: str
    """The result's name; empty where there is none."""
    status: str
    """anonymized, or why there is no result: no-face, not-a-photograph, truncated …"""
    detail: str
    num_swapped: int
    num_blurred: int


@dataclass(frozen=True)
class Task:
    """One photograph and what is known of its faces."""

    item: ListedFile
    seen: FileSeen
    faces: list[FaceSeen]
    names: list[str]
    candidates: list[list[SyntheticPerson]]


@dataclass(frozen=True)
class Anonymizer:
    """The work on one photograph, for a process of its own."""

    model: LocatedModel
    gallery: Gallery
    out: Path
    device: str = "cpu"

    @cached_property
    def _swapper(self) -> FaceSwapper:
        return load_face_swapper(self.model, self.device)

    def __call__(self, task: Task) -> tuple[FileRow, list[FaceRow]]:
        """Treat every face, write the photograph, and judge what was written."""
        before = read_photograph(task.item.path).image
        image, treated = before, []
        for seen, name, candidates in zip(task.faces, task.names, task.candidates, strict=True):
            treated.append(treat_face(image, seen, name, candidates, self._swapper, self.gallery))
            image = treated[-1].image
        result = self.out / task.item.result_name
        write_marked(result, np.ascontiguousarray(image), self._provenance(task, treated), overwrite=True)
        after = read_photograph(result).image
        found = detect_every_face(after)
        rows = [
            self._row(seen, name, each, before, after, found)
            for seen, name, each in zip(task.faces, task.names, treated, strict=True)
        ]
        num_swapped = sum(each.treatment == "swapped" for each in treated)
        counts = (num_swapped, len(treated) - num_swapped)
        return FileRow(task.item.name, task.item.result_name, "anonymized", "", *counts), rows

    def _row(
        self, seen: FaceSeen, name: str, treated: Treated, before: Image, after: Image, found: list[Box]
    ) -> FaceRow:
        figures = measure_face(seen, name, before, after, found, self._swapper, self.gallery)
        return FaceRow(
            seen.file, seen.number, name, treated.treatment, treated.reason, treated.attempts, treated.person, *figures
        )

    def _provenance(self, task: Task, treated: list[Treated]) -> Provenance:
        used = {each.person for each in treated}
        people = {person.number: person for candidates in task.candidates for person in candidates}
        sources = tuple(people[number].ingredient for number in sorted(used - {-1}))
        template = Ingredient("template", Path(task.item.name).name, task.seen.sha256)
        reference = ModelReference(self.model.name, self.model.version, self.model.digest)
        return Provenance("anonymized", reference, (*sources, template))


def anonymize(
    folder: str | Path,
    out: str | Path,
    *,
    model: str | Path,
    seed: int = 0,
    workers: int = 1,
    overwrite: bool = False,
    device: str = "cpu",
) -> dict[str, Any]:
    """Replace every face in every photograph below a folder by a person who does not exist, or blur it.

    One person stays one person: the largest face of a photograph in a sub-folder is the person of that folder, all other faces are
    sorted by their features. Files in which no face was found, or that cannot be read, are not copied. Run again after a kill, it
    goes on where it was.

    Args:
        folder: photographs, in a sub-folder a person or not.
        out: where the results go, under the same names; files.csv, faces.csv, report.json and report.md beside them.
        model: as for ``photograph.swap``.
        seed: of the synthetic people. Who knows it can draw the same faces, but not get back the originals from them.
        workers: processes; 0 = one for each core, and at most four on a GPU.
        overwrite: out may hold the results of other photographs, model or seed; they go.
        device: where torch computes: auto, cpu, mps, cuda or cuda:N.

    Returns:
        The figures of report.json.

    Raises:
        InputError: no file, an unreadable folder, an unknown model, or out holds something else.
    """
    source, target = Path(folder), Path(out)
    if not source.is_dir():
        raise InputError(f"{source}: no such folder of photographs")
    files = list_files(str(source), exclude=target)
    located = resolve_model(model)
    settings = {"model": located.digest, "seed": seed, "files": _listing_digest(files)}
    _claim(target, settings, overwrite=overwrite)
    work = target.with_name(f".{target.name}.survey")
    seen, faces = _surveyed(work, settings, lambda: survey(files, located, workers))
    tasks, gallery = _tasks(files, seen, faces, located, seed, workers)
    with Journal(target / FILES, FileRow) as done, Journal(target / FACES, FaceRow) as judged:
        _resume(done, judged, target)
        _note_leftovers(done, seen)
        waiting = [task for task in tasks if task.item.name not in {row.file for row in done.rows}]
        processes = min(num_inference_processes(workers, device), max(1, len(waiting) // 3))
        results = ordered_map(Anonymizer(located, gallery, target, device), waiting, workers=processes, chunk_size=1)
        for row, rows in progress(results, "anonymizing", len(tasks), initial=len(tasks) - len(waiting)):
            for each in rows:
                judged.add(each)
            done.add(row)
    figures = summarize([row.status for row in done.rows], judged.rows)
    write_report(target, figures, f"{located.name} {located.version or ''} {located.digest[:16]}")
    shutil.rmtree(work, ignore_errors=True)  # face features of people who exist
    return figures


def _listing_digest(files: list[ListedFile]) -> str:
    lines = [f"{item.name}\0{item.path.stat().st_size}\0{item.path.stat().st_mtime_ns}\n" for item in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _claim(target: Path, settings: dict[str, Any], *, overwrite: bool) -> None:
    """Make the results' folder ours, or refuse it."""
    note = target / f".{_SETTINGS}"
    if target.exists() and not target.is_dir():
        raise InputError(f"{target}: is a file; name a folder")
    if note.is_file() and json.loads(note.read_text(encoding="utf-8")) == settings:
        return
    if target.is_dir() and any(target.iterdir()):
        if not overwrite:
            raise InputError(
                f"{target}: holds other files or the results of other settings; name another --output or pass --overwrite"
            )
        for name in (FILES, FACES):
            (target / name).unlink(missing_ok=True)
    target.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps(settings), encoding="utf-8")


def _surveyed(
    work: Path, settings: dict[str, Any], look: Callable[[], tuple[list[FileSeen], list[FaceSeen]]]
) -> tuple[list[FileSeen], list[FaceSeen]]:
    """The survey, kept beside the results until they are done."""
    note = work / _SETTINGS
    if note.is_file() and json.loads(note.read_text(encoding="utf-8")) == settings:
        return read_table(work / "files.parquet", FileSeen), read_table(work / "faces.parquet", FaceSeen)
    files, faces = look()
    work.mkdir(parents=True, exist_ok=True)
    write_table(work / "files.parquet", FileSeen, files)
    write_table(work / "faces.parquet", FaceSeen, faces)
    note.write_text(json.dumps(settings), encoding="utf-8")
    return files, faces


def _tasks(
    files: list[ListedFile], seen: list[FileSeen], faces: list[FaceSeen], model: LocatedModel, seed: int, workers: int
) -> tuple[list[Task], Gallery]:
    """What is to be done to each photograph with faces, and the originals among whom nobody must be found."""
    names = name_people(faces)
    people: dict[str, list[SyntheticPerson]] = {}
    if faces:
        originals = mean_features(faces, names)
        drawn = draw_replacements(len(originals), seed, load_face_swapper(model, "cpu"), workers)
        dealt = deal(originals, drawn, NUM_CANDIDATES)
        people = {name: [drawn[number] for number in numbers] for name, numbers in dealt.items()}
    by_name = {item.name: item for item in files}
    tasks = []
    for file in (file for file in seen if not file.reason):
        mine = [face for face in faces if face.file == file.file]
        called = [names[Face(face.file, face.number)] for face in mine]
        tasks.append(Task(by_name[file.file], file, mine, called, [people[name] for name in called]))
    embeddings = np.array([face.embedding for face in faces], dtype=np.float32)
    return tasks, Gallery(embeddings, np.array([names[Face(face.file, face.number)] for face in faces]))


def _resume(done: Journal[FileRow], judged: Journal[FaceRow], target: Path) -> None:
    """Forget what was begun and not finished."""
    done.keep(lambda row: bool(row.out) and (target / row.out).is_file())
    finished = {row.file for row in done.rows}
    judged.keep(lambda row: row.file in finished)


def _note_leftovers(done: Journal[FileRow], seen: list[FileSeen]) -> None:
    """A row for each file without a result."""
    for file in seen:
        if file.reason:
            done.add(FileRow(file.file, "", file.reason, file.detail, 0, 0))
