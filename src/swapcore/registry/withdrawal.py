"""Where a person's photographs went: the datasets here, and the registered models, also through a teacher."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from swapcore.data.artifact import CARD
from swapcore.data.groups import IMAGES, ImageRow
from swapcore.data.lineage import find_person
from swapcore.registry.trace import PLACES, lineage_path
from swapcore.tables import read_table
from swapcore.tracking import MODEL_TAG
from swapcore.tracking.versions import Entry, fetch_folder, list_versions

_USE = {"train": "trained on", "validation": "watched in training with", "test": "judged on"}


@dataclass(frozen=True)
class Holder:
    """A dataset or model that a person is in."""

    what: str
    how: str


def holders(identity: str, root: Path) -> list[Holder]:
    """Every artifact below root and every registered version that holds photographs of a person, or was taught by one that does.

    Raises:
        ArtifactError: a list of people is damaged.
        TrackingError: the registry could not be reached.
    """
    return [*_datasets(identity, root), *_versions(identity)]


def _datasets(identity: str, root: Path) -> list[Holder]:
    found = []
    for kind, place in PLACES.items():
        folder = root / place
        part = find_person(folder, identity) if (folder / CARD).is_file() else None
        if part is None:
            continue
        how = f"{_USE[part['split']]} {part['photographs']} photographs"
        if kind == "faces":
            how = f"{part['photographs']} photographs, split {part['split']}"
        if kind == "groups":
            how = _in_groups(folder, identity)
        if how:
            found.append(Holder(place, how))
    return found


def _in_groups(folder: Path, identity: str) -> str:
    """Real crops of the person, fakes with the person's face, and fakes made upon the person's photographs."""
    rows = read_table(folder / IMAGES, ImageRow)
    real = sum(row.origin == "real" and row.identity == identity for row in rows)
    worn = sum(row.origin == "fake" and row.identity == identity for row in rows)
    upon = sum(row.origin == "fake" and row.template_identity == identity for row in rows)
    return f"{real} photographs, {worn} fakes with this face, {upon} fakes made upon them" if real + worn + upon else ""


def _versions(identity: str) -> list[Holder]:
    entries, found, affected = list_versions(), [], dict[str, Entry]()
    for entry in entries:
        how = _in_version(entry, identity)
        if how:
            affected[entry.tags.get(MODEL_TAG, "")] = entry
            found.append(Holder(_name(entry), how))
    for entry in entries:
        teacher = entry.tags.get("swapcore.teacher", "")
        for digest, taught_by in affected.items():
            if digest and digest in teacher:
                found.append(Holder(_name(entry), f"taught by {_name(taught_by)}"))
    return found


def _in_version(entry: Entry, identity: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        carried = fetch_folder(entry.run_id, lineage_path(entry.tags.get(MODEL_TAG, "")), Path(folder))
        part = find_person(carried, identity) if carried else None
    return f"{_USE[part['split']]} {part['photographs']} photographs" if part else ""


def _name(entry: Entry) -> str:
    return f"models:/{entry.name}/{entry.version}" + "".join(f" @{alias}" for alias in entry.aliases)


def render_holders(identity: str, found: list[Holder]) -> str:
    """The answer as text."""
    if not found:
        return f"{identity}: in no dataset here and in no registered model"
    return "\n".join([f"{identity}:", *(f"  {holder.what}: {holder.how}" for holder in found)])
