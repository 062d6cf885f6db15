"""The lineage of a registered version: every link from the registry back to the photographs, and which of them hold."""

import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, cast

from swapcore.config import read_params
from swapcore.data.artifact import CARD, Card, Kind, artifact_digest, content_digest, file_digest, read_card
from swapcore.data.consent import CONSENT
from swapcore.data.faces import INDEX, FaceRow
from swapcore.errors import SwapcoreError
from swapcore.models.artifact import WEIGHTS
from swapcore.registry.digests import DVC_LOCK, code_digest, dvc_hash, dvc_object, lock_hashes
from swapcore.tables import read_table
from swapcore.tracking import MODEL_TAG
from swapcore.tracking.delivery import MAX_PARAM_LENGTH
from swapcore.tracking.fetching import FILES
from swapcore.tracking.runs import flatten
from swapcore.tracking.versions import Entry, fetch_folder, fetch_model, list_versions, run_record, run_tags

State = Literal["verified", "BROKEN", "not reached"]
PLACES: dict[Kind, str] = {
    "model": "models/swap", "groups": "data/groups", "faces": "data/faces", "report": "reports/swap",
}  # fmt: skip
"""Where `dvc repro` leaves artifacts."""
DVC_TAG = "dvc."
LINEAGE_PATH, REPORT_PATH = "lineage", "reports"


def lineage_path(model_digest: str) -> str:
    """Where a run keeps the cards of a model that it made."""
    return f"{LINEAGE_PATH}/{model_digest[:16]}"


def report_path(report_digest: str) -> str:
    """Where a run keeps a report with which its model was registered."""
    return f"{REPORT_PATH}/{report_digest[:16]}"


@dataclass(frozen=True)
class Link:
    """One step of the way back."""

    depth: int
    name: str
    what: str
    state: State
    problem: str = ""


def broken(links: list[Link]) -> list[str]:
    """The links that do not hold, in words."""
    return [f"{link.name}: {link.problem}" for link in links if link.state == "BROKEN"]


def _checked(depth: int, name: str, what: str, problem: str | None) -> Link:
    return Link(depth, name, what, "BROKEN" if problem else "verified", problem or "")


def _compared(depth: int, name: str, expected: str, found: str, of: str) -> Link:
    """A hash against the same one taken anew."""
    problem = None if expected == found else f"{of} has {found[:16] or 'none'}…, not {expected[:16] or 'none'}…"
    return _checked(depth, name, expected, problem)


def trace(entry: Entry, root: Path) -> list[Link]:
    """Follow a version back, and take every hash anew that can be reached.

    Args:
        entry: from tracking.versions.find_entry.
        root: the project's folder; the artifacts, photographs, git and DVC's cache below it are looked at if they are this
            version's.

    Raises:
        TrackingError: the registry could not be reached.
    """
    with tempfile.TemporaryDirectory() as folder:
        return list(_links(entry, root, Path(folder)))


def _links(entry: Entry, root: Path, folder: Path) -> Iterator[Link]:
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


def _run(entry: Entry, digest: str) -> Iterator[Link]:
    tags = run_tags(entry.run_id)
    if tags is None:
        yield Link(1, "run", entry.run_id, "BROKEN", "there is no such run in the tracking server")
        return
    found = tags.get(MODEL_TAG, "")
    problem = (
        None if found == digest else f"the run made model {found[:16] or 'none'}…, the version names {digest[:16]}…"
    )
    yield _checked(1, "run", entry.run_id, problem)
    if "swapcore.stage" in tags:
        yield Link(2, "made by", tags["swapcore.stage"], "verified")


def _code(entry: Entry, root: Path) -> Iterator[Link]:
    """The commit, and whether the code that travels with the model is that commit's."""
    commit, dirty = entry.tags.get("swapcore.commit", ""), entry.tags.get("swapcore.git_dirty") == "true"
    image = entry.tags.get("swapcore.image", "")
    if image:
        yield Link(1, "image", image, "not reached", "an image's digest is its registry's word")
    if not commit:
        yield Link(1, "git commit", "none was recorded", "not reached", "no checkout when it was registered")
        return
    archive = _git_archive(root, commit)
    if archive is None:
        yield Link(1, "git commit", commit, "not reached", f"{root} is no checkout that holds it")
        return
    yield Link(1, "git commit", commit + (" with changes, as allowed" if dirty else ""), "verified")
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=BytesIO(archive)) as tar:
            # Python 3.11.0 to 3.11.3 know no filters; git's own archive needs none.
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


def _package(entry: Entry, folder: Path) -> Iterator[Link]:
    """The files that would be served."""
    files = fetch_model(entry, folder / "package")
    weights, code = files / FILES / WEIGHTS, files / "code" / "swapcore"
    found = file_digest(weights) if weights.is_file() else ""
    yield _compared(1, "weights", entry.tags.get("swapcore.weights", ""), found, "the registered file")
    found = code_digest(code) if code.is_dir() else ""
    yield _compared(1, "served code", entry.tags.get("swapcore.code", ""), found, "the registered code")


def _report(entry: Entry, folder: Path) -> Iterator[Link]:
    digest = entry.tags.get("swapcore.report", "")
    report = fetch_folder(entry.run_id, report_path(digest), folder)
    if report is None:
        yield Link(1, "report", digest, "BROKEN", "its files are not in the run; register the model again")
        return
    yield _compared(1, "report", digest, artifact_digest(report), "card.json of the report in the run")
    card = read_card(report, "report")
    yield _compared(2, "report's files", card.content, content_digest(report), "the report in the run")
    named = card.inputs.get("model", "")
    yield _compared(2, "judged model", entry.tags.get(MODEL_TAG, ""), named, "the report's card")
    faces = entry.tags.get("swapcore.faces", "")
    yield _compared(2, "judged on faces", faces, card.inputs.get("faces", ""), "the report's card")


def _cards(entry: Entry, folder: Path, root: Path) -> Iterator[Link]:
    """model -> groups -> faces -> photographs, each card against the hash by which the next one names it."""
    expected, depth = entry.tags.get(MODEL_TAG, ""), 1
    for kind, before in (("model", "groups"), ("groups", "faces"), ("faces", "photographs")):
        path = folder / f"{kind}.json"
        if not path.is_file():
            yield Link(depth, kind, expected, "BROKEN", f"its card is not in {LINEAGE_PATH}/ of the run")
            return
        yield _compared(depth, kind, expected, file_digest(path), f"{kind}.json of the run")
        card = Card.model_validate_json(path.read_text(encoding="utf-8"))
        if kind != "model":
            named = entry.tags.get(f"swapcore.{kind}", "")
            yield _compared(depth + 1, f"{kind} that the version names", named, expected, f"the card of the {kind}")
        yield from _place(depth + 1, cast(Kind, kind), expected, card, root)
        if kind == "model":
            yield from _training(depth + 1, card, entry)
        else:
            yield Link(depth + 1, "params", f"{kind}: {len(card.params)} values", "verified")
        if kind == "groups":
            yield from _teacher(depth + 1, card, folder)
        expected, depth = card.inputs.get(before, ""), depth + 1
    yield from _photographs(depth, expected, card, folder, root)


def _training(depth: int, model: Card, entry: Entry) -> Iterator[Link]:
    """Every param of the training by name, and the groups that it read: the model's card against what the run was told."""
    record = run_record(entry.run_id)
    told = {name: text for name, text in record.params.items() if name.startswith("train.")}
    leaves = dict(flatten(model.params, "train"))
    if not told:
        yield Link(depth, "params of the training", f"{len(leaves)} values", "not reached", "the run was told of none")
    for name, value in sorted(leaves.items() if told else ()):
        text = value[:MAX_PARAM_LENGTH]
        problem = None if told.get(name) == text else f"the run was told {told.get(name, 'nothing')}"
        yield _checked(depth, name, text, problem)
    for name in sorted(set(told) - set(leaves)):
        yield Link(depth, name, "", "BROKEN", f"the run was told {told[name]}, the model's card does not know it")
    groups, read = model.inputs.get("groups", ""), record.datasets.get(("groups", "training"))
    if read is None:
        yield Link(depth, "groups of the training", groups, "not reached", "the run was told of none")
    else:
        yield _compared(depth, "groups of the training", groups[: len(read)], read, "the run's input")


def _place(depth: int, kind: Kind, digest: str, card: Card, root: Path) -> Iterator[Link]:
    """The artifact on this machine, if it is this one."""
    place = root / PLACES[kind]
    name = f"{PLACES[kind]} here"
    try:
        here = read_card(place, kind)
    except SwapcoreError:
        yield Link(depth, name, "", "not reached", "no such artifact here")
        return
    same_card = artifact_digest(place) == digest
    if not same_card and here.content != card.content:
        yield Link(depth, name, "", "not reached", "another artifact lies there now")
        return
    yield _compared(depth, name, digest, artifact_digest(place), f"{place / CARD}")
    yield _compared(depth, f"{name}, its files", card.content, content_digest(place), f"{place}")


def _teacher(depth: int, card: Card, cards: Path) -> Iterator[Link]:
    """Who made the fakes; a model of ours by its card, and by its version where this registry has one."""
    teacher: dict[str, Any] = card.facts.get("teacher", {})
    name, version = str(teacher.get("name", "unknown")), str(teacher.get("version", ""))
    digest = card.inputs.get("teacher")
    if digest is None:
        yield Link(depth, "teacher", f"{name} {version}".strip(), "verified")
        return
    path = cards / "teacher.json"
    yield _compared(depth, "teacher", digest, file_digest(path) if path.is_file() else "", "teacher.json of the run")
    found = [entry for entry in list_versions() if entry.tags.get(MODEL_TAG) == digest]
    if found:
        yield Link(depth + 1, "teacher's version", f"models:/{found[0].name}/{found[0].version}", "verified")
    else:
        yield Link(depth + 1, "teacher's version", "", "not reached", "no version in this registry is that model")


def _photographs(depth: int, digest: str, faces: Card, cards: Path, root: Path) -> Iterator[Link]:
    """The photographs and the consent that they rest on."""
    consent = str(faces.facts.get("consent", {}).get("sha256", ""))
    card_digest = faces.facts.get("photographs_card")
    if card_digest:
        path = cards / "photographs.json"
        found = file_digest(path) if path.is_file() else ""
        yield _compared(depth, "card of the photographs", card_digest, found, "photographs.json of the run")
    index = root / PLACES["faces"]
    if not (index / CARD).is_file() or content_digest(index) != faces.content:
        yield Link(depth, "photographs", digest, "not reached", "the faces artifact that lists them is not here")
        yield Link(depth, "consent file", consent, "not reached", "nor are the photographs")
        return
    folder, rows = _photograph_folder(root), read_table(index / INDEX, FaceRow)
    if folder is None or not any((folder / row.file).is_file() for row in rows):
        yield Link(
            depth, "photographs", digest, "not reached", "none of them lies where params.yaml looks for photographs"
        )
        yield Link(depth, "consent file", consent, "not reached", "nor do the photographs")
        return
    gone = [row.file for row in rows if not (folder / row.file).is_file()]
    other = [row.file for row in rows if row.file not in gone and file_digest(folder / row.file) != row.photo_sha256]
    problems = [
        f"{len(found)} of {len(rows)} {word} ({found[0]})"
        for found, word in ((gone, "are gone"), (other, "changed"))
        if found
    ]
    yield _checked(depth, "photographs", f"{digest}, {len(rows)} files", "; ".join(problems) or None)
    path = folder / CONSENT
    found = file_digest(path) if path.is_file() else ""
    yield _compared(depth, "consent file", consent, found, str(path))


def _photograph_folder(root: Path) -> Path | None:
    """Where params.yaml says that the photographs are."""
    try:
        place = root / read_params(root / "params.yaml").photographs.input
    except SwapcoreError:
        return None
    return place if place.is_dir() else place.parent


def _dvc(entry: Entry, cards: Path, root: Path) -> Iterator[Link]:
    """The hashes by which DVC keeps the data: in the lock that the run carries, and in the workspace or in DVC's cache."""
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
            yield Link(1, name, expected, "not reached", "not in the workspace and not in DVC's cache here; dvc pull")
        else:
            yield _compared(1, name, expected, cached, "the object in DVC's cache")


def render(entry: Entry, links: list[Link]) -> str:
    """The tree as text."""
    aliases = "".join(f" @{alias}" for alias in entry.aliases)
    marks = {"verified": "ok", "BROKEN": "BROKEN", "not reached": "?"}
    lines = [f"models:/{entry.name}/{entry.version}{aliases}"]
    for link in links:
        problem = f"  ({link.problem})" if link.problem else ""
        lines.append(f"{'  ' * link.depth}{marks[link.state]:6s} {link.name}: {link.what}{problem}")
    counts = {state: sum(link.state == state for link in links) for state in marks}
    lines.append(", ".join(f"{number} {state}" for state, number in counts.items()))
    return "\n".join(lines)
