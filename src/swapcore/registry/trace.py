"""Lineage check of a registered version, from the registry to the photographs."""

import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal, cast

from swapcore.config import read_params
from swapcore.data.artifact import (
    CARD,
    Card,
    Kind,
    artifact_digest,
    content_digest,
    file_digest,
    read_card,
    read_card_file,
)
from swapcore.data.consent import CONSENT
from swapcore.data.faces import INDEX, FaceRow
from swapcore.data.facts import FacesFacts, GroupsFacts
from swapcore.errors import SwapcoreError
from swapcore.models.artifact import WEIGHTS
from swapcore.registry.digests import DVC_LOCK, code_digest, dvc_hash, dvc_object, lock_hashes
from swapcore.tables import read_table
from swapcore.tracking import MODEL_TAG
from swapcore.tracking.fetching import FILES
from swapcore.tracking.runs import flatten
from swapcore.tracking.uploader import MAX_PARAM_LENGTH
from swapcore.tracking.versions import ModelVersion, fetch_folder, fetch_model, list_versions, read_run, run_tags

State = Literal["verified", "BROKEN", "not reached"]
OUTPUTS: dict[Kind, str] = {
    "model": "models/swap", "groups": "data/groups", "faces": "data/faces", "report": "reports/swap",
}  # fmt: skip
"""Output folders of `dvc repro`."""
DVC_TAG = "dvc."
LINEAGE_PATH, REPORT_PATH = "lineage", "reports"


def lineage_path(model_digest: str) -> str:
    """Return a run's artifact path for the cards of its model."""
    return f"{LINEAGE_PATH}/{model_digest[:16]}"


def report_path(report_digest: str) -> str:
    """Return a run's artifact path for the report of its registration."""
    return f"{REPORT_PATH}/{report_digest[:16]}"


@dataclass(frozen=True)
class Link:
    """One checked item of the lineage."""

    depth: int
    name: str
    what: str
    state: State
    problem: str = ""


def broken(links: list[Link]) -> list[str]:
    """Describe the broken links."""
    return [f"{link.name}: {link.problem}" for link in links if link.state == "BROKEN"]


def _checked(depth: int, name: str, what: str, problem: str | None) -> Link:
    return Link(depth, name, what, "BROKEN" if problem else "verified", problem or "")


def _compared(depth: int, name: str, expected: str, found: str, of: str) -> Link:
    """Compare a stored hash with a recomputed one."""
    problem = None if expected == found else f"{of} has {found[:16] or 'none'}…, not {expected[:16] or 'none'}…"
    return _checked(depth, name, expected, problem)


def trace(entry: ModelVersion, root: Path) -> list[Link]:
    """Check a version's lineage and recompute every hash that is available.

    Args:
        entry: from tracking.versions.find_model_version.
        root: the project's folder; artifacts, photographs, git and DVC's cache below it are checked if they belong to this
            version.

    Raises:
        TrackingError: the registry cannot be reached.
        ArtifactError: a card of the run cannot be read.
    """
    with tempfile.TemporaryDirectory() as folder:
        return list(_links(entry, root, Path(folder)))


def _links(entry: ModelVersion, root: Path, folder: Path) -> Iterator[Link]:
    digest = entry.tags.get(MODEL_TAG, "")
    yield from _run(entry, digest)
    yield from _code(entry, root)
    yield from _package(entry, folder)
    cards = fetch_folder(entry.run_id, lineage_path(digest), folder)
    if cards is None:
        yield Link(1, "lineage", "", "BROKEN", f"the run has no {lineage_path(digest)}; register the model again")
        return
    yield from _report(entry, folder)
    yield from _cards(entry, cards, root)
    yield from _dvc(entry, cards, root)


def _run(entry: ModelVersion, digest: str) -> Iterator[Link]:
    tags = run_tags(entry.run_id)
    if tags is None:
        yield Link(1, "run", entry.run_id, "BROKEN", "no such run on the tracking server")
        return
    found = tags.get(MODEL_TAG, "")
    problem = (
        None if found == digest else f"the run made model {found[:16] or 'none'}…, the version names {digest[:16]}…"
    )
    yield _checked(1, "run", entry.run_id, problem)
    if "swapcore.stage" in tags:
        yield Link(2, "made by", tags["swapcore.stage"], "verified")


def _code(entry: ModelVersion, root: Path) -> Iterator[Link]:
    """Check the commit, and the packaged code against it."""
    commit, dirty = entry.tags.get("swapcore.commit", ""), entry.tags.get("swapcore.git_dirty") == "true"
    image = entry.tags.get("swapcore.image", "")
    if image:
        yield Link(1, "image", image, "not reached", "image digests are not verified")
    if not commit:
        yield Link(1, "git commit", "not recorded", "not reached", "registered outside a checkout")
        return
    archive = _git_archive(root, commit)
    if archive is None:
        yield Link(1, "git commit", commit, "not reached", f"{root} is not a checkout with this commit")
        return
    yield Link(1, "git commit", commit + (" with changes, as allowed" if dirty else ""), "verified")
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=BytesIO(archive)) as tar:
            # Python 3.11.0 to 3.11.3 have no filters; git's archive does not need one.
            tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
            tar.extractall(folder)
        code = Path(folder) / "src/swapcore"
        if code.is_dir() and not dirty:
            yield _compared(2, "code", entry.tags.get("swapcore.code", ""), code_digest(code), f"commit {commit[:12]}")


def _git_archive(root: Path, commit: str) -> bytes | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "archive", "--format=tar", commit, "src/swapcore"], capture_output=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None


def _package(entry: ModelVersion, folder: Path) -> Iterator[Link]:
    """Check the packaged files."""
    files = fetch_model(entry, folder / "package")
    weights, code = files / FILES / WEIGHTS, files / "code" / "swapcore"
    found = file_digest(weights) if weights.is_file() else ""
    yield _compared(1, "weights", entry.tags.get("swapcore.weights", ""), found, "the registered file")
    found = code_digest(code) if code.is_dir() else ""
    yield _compared(1, "served code", entry.tags.get("swapcore.code", ""), found, "the registered code")


def _report(entry: ModelVersion, folder: Path) -> Iterator[Link]:
    digest = entry.tags.get("swapcore.report", "")
    report = fetch_folder(entry.run_id, report_path(digest), folder)
    if report is None:
        yield Link(1, "report", digest, "BROKEN", "its files are not in the run; register the model again")
        return
    yield _compared(1, "report", digest, artifact_digest(report), "card.json of the report in the run")
    card = read_card(report, "report")
    yield _compared(2, "report's files", card.content, content_digest(report), "the report in the run")
    named = card.inputs.get("model", "")
    yield _compared(2, "evaluated model", entry.tags.get(MODEL_TAG, ""), named, "the report's card")
    faces = entry.tags.get("swapcore.faces", "")
    yield _compared(2, "evaluated on faces", faces, card.inputs.get("faces", ""), "the report's card")


def _cards(entry: ModelVersion, folder: Path, root: Path) -> Iterator[Link]:
    """Check model -> groups -> faces -> photographs, each card against the hash in the previous one."""
    expected, depth = entry.tags.get(MODEL_TAG, ""), 1
    for kind, before in (("model", "groups"), ("groups", "faces"), ("faces", "photographs")):
        path = folder / f"{kind}.json"
        if not path.is_file():
            yield Link(depth, kind, expected, "BROKEN", f"its card is not in {LINEAGE_PATH}/ of the run")
            return
        yield _compared(depth, kind, expected, file_digest(path), f"{kind}.json of the run")
        card = read_card_file(path, cast(Kind, kind))
        if kind != "model":
            named = entry.tags.get(f"swapcore.{kind}", "")
            yield _compared(depth + 1, f"{kind} of the version's tag", named, expected, f"the card of the {kind}")
        yield from _local(depth + 1, cast(Kind, kind), expected, card, root)
        if kind == "model":
            yield from _training(depth + 1, card, entry)
        else:
            yield Link(depth + 1, "params", f"{kind}: {len(card.params)} values", "verified")
        if kind == "groups":
            yield from _teacher(depth + 1, read_card_file(path, "groups", GroupsFacts), folder)
        expected, depth = card.inputs.get(before, ""), depth + 1
    yield from _photographs(depth, expected, read_card_file(folder / "faces.json", "faces", FacesFacts), folder, root)


def _training(depth: int, model: Card, entry: ModelVersion) -> Iterator[Link]:
    """Check every training param and the groups: the model's card against the run's log."""
    record = read_run(entry.run_id)
    logged = {name: text for name, text in record.params.items() if name.startswith("train.")}
    leaves = dict(flatten(model.params, "train"))
    if not logged:
        yield Link(depth, "training params", f"{len(leaves)} values", "not reached", "none logged in MLflow")
    for name, value in sorted(leaves.items() if logged else ()):
        text = value[:MAX_PARAM_LENGTH]
        problem = None if logged.get(name) == text else f"the run has {logged.get(name, 'none')}"
        yield _checked(depth, name, text, problem)
    for name in sorted(set(logged) - set(leaves)):
        yield Link(depth, name, "", "BROKEN", f"the run has {logged[name]}, the model's card has no such param")
    groups, read = model.inputs.get("groups", ""), record.datasets.get(("groups", "training"))
    if read is None:
        yield Link(depth, "groups of the training", groups, "not reached", "none logged in MLflow")
    else:
        yield _compared(depth, "groups of the training", groups[: len(read)], read, "the run's input")


def _local(depth: int, kind: Kind, digest: str, card: Card, root: Path) -> Iterator[Link]:
    """Check the artifact on this machine, if it is the same one."""
    path = root / OUTPUTS[kind]
    name = f"local {OUTPUTS[kind]}"
    try:
        local = read_card(path, kind)
    except SwapcoreError:
        yield Link(depth, name, "", "not reached", "no such artifact on this machine")
        return
    same_card = artifact_digest(path) == digest
    if not same_card and local.content != card.content:
        yield Link(depth, name, "", "not reached", "the folder contains another artifact")
        return
    yield _compared(depth, name, digest, artifact_digest(path), f"{path / CARD}")
    yield _compared(depth, f"{name}, its files", card.content, content_digest(path), f"{path}")


def _teacher(depth: int, card: Card[GroupsFacts], cards: Path) -> Iterator[Link]:
    """Check the teacher; a registered model by its card and by its version in this registry."""
    teacher = card.facts.teacher
    digest = card.inputs.get("teacher")
    if digest is None:
        yield Link(depth, "teacher", f"{teacher.name} {teacher.version}".strip(), "verified")
        return
    path = cards / "teacher.json"
    yield _compared(depth, "teacher", digest, file_digest(path) if path.is_file() else "", "teacher.json of the run")
    found = [entry for entry in list_versions() if entry.tags.get(MODEL_TAG) == digest]
    if found:
        yield Link(depth + 1, "teacher's version", f"models:/{found[0].name}/{found[0].version}", "verified")
    else:
        yield Link(depth + 1, "teacher's version", "", "not reached", "not in this registry")


def _photographs(depth: int, digest: str, faces: Card[FacesFacts], cards: Path, root: Path) -> Iterator[Link]:
    """Check the photographs and their consent file."""
    consent = faces.facts.consent.sha256
    card_digest = faces.facts.photographs_card
    if card_digest:
        path = cards / "photographs.json"
        found = file_digest(path) if path.is_file() else ""
        yield _compared(depth, "card of the photographs", card_digest, found, "photographs.json of the run")
    index = root / OUTPUTS["faces"]
    if not (index / CARD).is_file() or content_digest(index) != faces.content:
        yield Link(depth, "photographs", digest, "not reached", "their faces artifact is not on this machine")
        yield Link(depth, "consent file", consent, "not reached", "photographs not found")
        return
    folder, rows = _photograph_folder(root), read_table(index / INDEX, FaceRow)
    if folder is None or not any((folder / row.file).is_file() for row in rows):
        yield Link(depth, "photographs", digest, "not reached", "not found in photographs.input of params.yaml")
        yield Link(depth, "consent file", consent, "not reached", "photographs not found")
        return
    gone = [row.file for row in rows if not (folder / row.file).is_file()]
    other = [row.file for row in rows if row.file not in gone and file_digest(folder / row.file) != row.photo_sha256]
    problems = [
        f"{len(found)} of {len(rows)} {word} ({found[0]})"
        for found, word in ((gone, "are missing"), (other, "changed"))
        if found
    ]
    yield _checked(depth, "photographs", f"{digest}, {len(rows)} files", "; ".join(problems) or None)
    path = folder / CONSENT
    found = file_digest(path) if path.is_file() else ""
    yield _compared(depth, "consent file", consent, found, str(path))


def _photograph_folder(root: Path) -> Path | None:
    """Return the folder of photographs.input in params.yaml."""
    try:
        path = root / read_params(root / "params.yaml").photographs.input
    except SwapcoreError:
        return None
    return path if path.is_dir() else path.parent


def _dvc(entry: ModelVersion, cards: Path, root: Path) -> Iterator[Link]:
    """Check DVC's hashes: in the run's dvc.lock, and in the workspace or DVC's cache."""
    locked = lock_hashes(cards / DVC_LOCK.name)
    for tag, expected in sorted(entry.tags.items()):
        if not tag.startswith(DVC_TAG):
            continue
        path = tag.removeprefix(DVC_TAG)
        name = f"DVC {path}"
        if locked and locked.get(path) != expected:
            yield _compared(1, name, expected, locked.get(path, ""), f"{DVC_LOCK.name} of the run")
            continue
        if (root / path).exists() and dvc_hash(root / path) == expected:
            yield Link(1, name, expected, "verified")
            continue
        cached = dvc_object(root, expected)
        if cached is None:
            yield Link(1, name, expected, "not reached", "neither in the workspace nor in DVC's cache; run dvc pull")
        else:
            yield _compared(1, name, expected, cached, "the object in DVC's cache")


def render(entry: ModelVersion, links: list[Link]) -> str:
    """Format the links as a tree."""
    aliases = "".join(f" @{alias}" for alias in entry.aliases)
    marks = {"verified": "ok", "BROKEN": "BROKEN", "not reached": "?"}
    lines = [f"models:/{entry.name}/{entry.version}{aliases}"]
    for link in links:
        problem = f"  ({link.problem})" if link.problem else ""
        lines.append(f"{'  ' * link.depth}{marks[link.state]:6s} {link.name}: {link.what}{problem}")
    counts = {state: sum(link.state == state for link in links) for state in marks}
    lines.append(", ".join(f"{number} {state}" for state, number in counts.items()))
    return "\n".join(lines)
