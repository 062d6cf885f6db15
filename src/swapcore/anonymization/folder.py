"""Anonymization of a folder: survey, assign replacements, treat every image, measure, report."""

import hashlib
import shutil
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from swapcore.anonymization.identities import FaceKey, mean_complexions, mean_embeddings, name_people
from swapcore.anonymization.measure import FaceResult, ImagePair, measure_face
from swapcore.anonymization.replacements import SyntheticPerson, assign, draw_replacements
from swapcore.anonymization.report import summarize, write_report
from swapcore.anonymization.survey import DetectedFace, SurveyedFile, survey
from swapcore.anonymization.treat import OriginalFaces, Treated, treat_face
from swapcore.data.images import read_photograph
from swapcore.data.listing import ListedFile
from swapcore.errors import FaceError, ImageError, InputError, UserError
from swapcore.faces.detect import detect_every_face
from swapcore.files import UNWRITABLE_NAME, hidden_sibling, is_same_file, locked, to_text, write_atomic
from swapcore.hub.face_swapper import FaceSwapper
from swapcore.hub.loading import load_face_swapper
from swapcore.hub.references import DEFAULT_MODEL, LocatedModel, resolve_model
from swapcore.inference.journal import Journal
from swapcore.inference.listing import list_files, name_results
from swapcore.ops.device import num_inference_processes
from swapcore.parallel import ordered_map
from swapcore.progress import progress
from swapcore.provenance.marking import Ingredient, ModelReference, Provenance, write_marked
from swapcore.tables import read_table, write_table

FILES, FACES = "files.csv", "faces.csv"
ANONYMIZED = "anonymized"
NUM_CANDIDATES = 5
_SETTINGS = "settings.json"
_MIN_FILES_PER_PROCESS = 3
"""With fewer files the start of a process takes longer than it saves."""


@dataclass(frozen=True)
class FileResult:
    """The result of one file."""

    file: str
    out: str
    """Name of the result; empty without one."""
    status: str
    """anonymized, or why there is no result: no-face, not-an-image, truncated …"""
    detail: str
    num_swapped: int
    num_blurred: int


class JobSettings(BaseModel):
    """What the results depend on; results of other settings are not mixed with them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    """Digest."""
    seed: int
    files: str
    """SHA-256 over names, sizes and times of the files."""


@dataclass(frozen=True)
class ImageTask:
    """One image with its faces, and for each face the person and the replacements."""

    item: ListedFile
    file: SurveyedFile
    faces: list[DetectedFace]
    people: list[str]
    candidates: list[list[SyntheticPerson]]


@dataclass(frozen=True)
class Anonymizer:
    """Anonymizes one image in a worker process, which loads the model on first use."""

    model: LocatedModel
    device: str
    originals: OriginalFaces
    out: Path

    @cached_property
    def _model(self) -> FaceSwapper:
        return load_face_swapper(self.model, self.device)

    def __call__(self, task: ImageTask) -> tuple[FileResult, list[FaceResult]]:
        """Treat every face, write the image, and measure the written file; an error of one file becomes its row."""
        name = task.item.name
        try:
            return self._anonymize(task)
        except UserError as error:
            reason = error.reason if isinstance(error, ImageError | FaceError) else "refused"
            return FileResult(name, "", reason, to_text(str(error)), 0, 0), []
        except OSError as error:
            if error.errno not in UNWRITABLE_NAME:
                raise
            detail = f"{name}: the result cannot be written ({error.strerror}); rename it"
            return FileResult(name, "", "bad-name", detail, 0, 0), []

    def _anonymize(self, task: ImageTask) -> tuple[FileResult, list[FaceResult]]:
        before = read_photograph(task.item.path).image
        image, treated = before, []
        for face, person, candidates in zip(task.faces, task.people, task.candidates, strict=True):
            treated.append(treat_face(image, face, person, candidates, self._model, self.originals))
            image = treated[-1].image
        result = self.out / task.item.result_name
        write_marked(result, np.ascontiguousarray(image), self._provenance(task, treated), overwrite=True)
        after = read_photograph(result).image
        pair = ImagePair(before, after, detect_every_face(after))
        rows = [
            measure_face(face, person, each, pair, self._model, self.originals)
            for face, person, each in zip(task.faces, task.people, treated, strict=True)
        ]
        num_swapped = sum(each.treatment == "swapped" for each in treated)
        counts = (num_swapped, len(treated) - num_swapped)
        return FileResult(task.item.name, task.item.result_name, ANONYMIZED, "", *counts), rows

    def _provenance(self, task: ImageTask, treated: list[Treated]) -> Provenance:
        used = {each.person for each in treated}
        people = {person.number: person for candidates in task.candidates for person in candidates}
        sources = tuple(people[number].ingredient for number in sorted(used - {-1}))
        template = Ingredient("template", Path(task.item.name).name, task.file.sha256)
        reference = ModelReference(self.model.name, self.model.version, self.model.digest)
        return Provenance("anonymized", reference, (*sources, template))


def anonymize(
    folder: str | Path,
    out: str | Path,
    *,
    model: str | Path = DEFAULT_MODEL,
    seed: int = 0,
    workers: int = 1,
    overwrite: bool = False,
    device: str = "auto",
) -> dict[str, Any]:
    """Replace every face in every image of a folder by a rendered person, or blur it.

    Faces of one person get the same replacement: the largest face of an image in a sub-folder is the person of that folder,
    all other faces are grouped by embedding. Files without a detected face, and files that cannot be read, are not copied.
    An interrupted job continues when it is run again.

    Args:
        folder: images, with or without a sub-folder per person; searched recursively.
        out: folder of the results, under the same names, with files.csv, faces.csv, report.json and report.md.
        model: ``builtin:warp`` (needs no training), a model folder, ``models:/NAME@ALIAS``, ``models:/NAME/VERSION`` or
            ``s3://bucket/prefix``.
        seed: of the rendered people. With it the same people can be rendered, but not the originals.
        workers: processes; 0 = one per core, and at most four on a GPU.
        overwrite: replace results of other images, another model or seed in out.
        device: auto (CUDA, then MPS, then the CPU), cpu, cuda, cuda:N or mps; all processes share it.

    Returns:
        The metrics of report.json.

    Raises:
        InputError: the folder cannot be read or is empty, there is no such model, or out holds other files.
        ParamsError: there is no such device.

    Example:
        >>> metrics = anonymize("photos", "anonymous", model=model_folder)
        >>> metrics["faces"]
        1
    """
    source, target = Path(folder), Path(out)
    if not source.is_dir():
        raise InputError(f"{source}: no such folder; give a folder of images")
    if target.exists() and not target.is_dir():
        raise InputError(f"{target}: is a file; name a folder")
    if is_same_file(source, target):
        raise InputError(f"{target}: is the folder of the images; name another --output")
    files = name_results(list_files(str(source), exclude=target))
    located = resolve_model(model)
    settings = JobSettings(model=located.digest, seed=seed, files=_listing_digest(files))
    with locked(target):
        _claim(target, settings, overwrite=overwrite)
        return _anonymize_files(files, located, settings, target, workers, device)


def _anonymize_files(
    files: list[ListedFile], located: LocatedModel, settings: JobSettings, target: Path, workers: int, device: str
) -> dict[str, Any]:
    """Survey, treat and report; see anonymize."""
    swapper = load_face_swapper(located, device)
    work = hidden_sibling(target, "survey")
    surveyed, faces = _load_or_survey(work, settings, lambda: survey(files, located, device, workers))
    tasks, originals = _make_tasks(files, surveyed, faces, swapper, settings.seed, workers)
    with Journal(target / FILES, FileResult) as done, Journal(target / FACES, FaceResult) as measured:
        _drop_unfinished(done, measured, target)
        _add_files_without_result(done, surveyed)
        _run(Anonymizer(located, device, originals, target), tasks, done, measured, workers)
    metrics = summarize([row.status for row in done.rows], measured.rows)
    write_report(target, metrics, f"{located.name} {located.version or ''} {located.digest[:16]}")
    shutil.rmtree(work, ignore_errors=True)  # it holds embeddings of real people
    return metrics


def _run(
    anonymizer: Anonymizer,
    tasks: list[ImageTask],
    done: Journal[FileResult],
    measured: Journal[FaceResult],
    workers: int,
) -> None:
    """Anonymize the images that have no result yet."""
    finished = {row.file for row in done.rows}
    waiting = [task for task in tasks if task.item.name not in finished]
    processes = min(num_inference_processes(workers, anonymizer.device), max(1, len(waiting) // _MIN_FILES_PER_PROCESS))
    results = ordered_map(anonymizer, waiting, workers=processes, chunk_size=1)
    for row, rows in progress(results, "anonymizing", len(tasks), initial=len(tasks) - len(waiting)):
        for each in rows:
            measured.add(each)
        done.add(row)


def _listing_digest(files: list[ListedFile]) -> str:
    return hashlib.sha256("".join(map(_listing_line, files)).encode()).hexdigest()


def _listing_line(item: ListedFile) -> str:
    try:
        found = item.path.stat()
    except OSError:  # it disappeared, or is a broken link: its row gives the reason
        return f"{item.name}\n"
    return f"{item.name}\0{found.st_size}\0{found.st_mtime_ns}\n"


def _read_settings(path: Path) -> JobSettings | None:
    try:
        return JobSettings.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _claim(target: Path, settings: JobSettings, *, overwrite: bool) -> None:
    """Record the settings in the folder of the results, or refuse a folder that holds something else."""
    record = target / f".{_SETTINGS}"
    if _read_settings(record) == settings:
        return
    if target.is_dir() and any(target.iterdir()):
        if not overwrite:
            raise InputError(
                f"{target}: holds other files or the results of other settings; name another --output or pass --overwrite"
            )
        for name in (FILES, FACES):
            (target / name).unlink(missing_ok=True)
    write_atomic(record, settings.model_dump_json())


def _load_or_survey(
    work: Path, settings: JobSettings, run: Callable[[], tuple[list[SurveyedFile], list[DetectedFace]]]
) -> tuple[list[SurveyedFile], list[DetectedFace]]:
    """Return the survey that an interrupted job left, or make it and keep it until the results are complete."""
    record = work / _SETTINGS
    if _read_settings(record) == settings:
        return read_table(work / "files.parquet", SurveyedFile), read_table(work / "faces.parquet", DetectedFace)
    files, faces = run()
    work.mkdir(parents=True, exist_ok=True)
    write_table(work / "files.parquet", SurveyedFile, files)
    write_table(work / "faces.parquet", DetectedFace, faces)
    write_atomic(record, settings.model_dump_json())
    return files, faces


def _make_tasks(
    files: list[ListedFile],
    surveyed: list[SurveyedFile],
    faces: list[DetectedFace],
    model: FaceSwapper,
    seed: int,
    workers: int,
) -> tuple[list[ImageTask], OriginalFaces]:
    """Assign people and replacements to the faces of each image."""
    names = name_people(faces)
    people: dict[str, list[SyntheticPerson]] = {}
    if faces:
        originals = mean_embeddings(faces, names)
        drawn = draw_replacements(len(originals), seed, model, workers)
        assigned = assign(originals, drawn, NUM_CANDIDATES, mean_complexions(faces, names))
        people = {name: [drawn[number] for number in numbers] for name, numbers in assigned.items()}
    by_name = {item.name: item for item in files}
    faces_of: dict[str, list[DetectedFace]] = defaultdict(list)
    for face in faces:
        faces_of[face.file].append(face)
    tasks = []
    for file in (file for file in surveyed if not file.reason):
        shown = faces_of[file.file]
        shown_people = [names[FaceKey(face.file, face.number)] for face in shown]
        tasks.append(ImageTask(by_name[file.file], file, shown, shown_people, [people[name] for name in shown_people]))
    embeddings = np.array([face.embedding for face in faces], dtype=np.float32)
    return tasks, OriginalFaces(embeddings, np.array([names[FaceKey(face.file, face.number)] for face in faces]))


def _drop_unfinished(done: Journal[FileResult], measured: Journal[FaceResult], target: Path) -> None:
    """Drop the rows of files without a result."""
    done.keep(lambda row: bool(row.out) and (target / row.out).is_file())
    finished = {row.file for row in done.rows}
    measured.keep(lambda row: row.file in finished)


def _add_files_without_result(done: Journal[FileResult], surveyed: list[SurveyedFile]) -> None:
    for file in surveyed:
        if file.reason:
            done.add(FileResult(file.file, "", file.reason, file.detail, 0, 0))
