"""Search for a person in local datasets and registered models."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from swapcore.data.artifact import CARD
from swapcore.data.groups import IMAGES, ImageRow
from swapcore.data.lineage import find_person
from swapcore.registry.trace import OUTPUTS, lineage_path
from swapcore.tables import read_table
from swapcore.tracking import MODEL_TAG
from swapcore.tracking.versions import ModelVersion, fetch_folder, list_versions

_USE = {"train": "trained on", "validation": "validated on", "test": "evaluated on"}


@dataclass(frozen=True)
class Holder:
    """A dataset or model that contains a person."""

    what: str
    how: str


def holders(identity: str, root: Path) -> list[Holder]:
    """Find artifacts and registered versions with photographs of a person, and versions taught by such a model.

    Args:
        identity: name of the person.
        root: the project's folder.

    Raises:
        ArtifactError: a list of people is damaged.
        TrackingError: the registry cannot be reached.
    """
    return [*_datasets(identity, root), *_versions(identity)]


def _datasets(identity: str, root: Path) -> list[Holder]:
    found = []
    for kind, output in OUTPUTS.items():
        folder = root / output
        part = find_person(folder, identity) if (folder / CARD).is_file() else None
        if part is None:
            continue
        how = f"{_USE[part['split']]} {part['photographs']} photographs"
        if kind == "faces":
            how = f"{part['photographs']} photographs, split {part['split']}"
        if kind == "groups":
            how = _in_groups(folder, identity)
        if how:
            found.append(Holder(output, how))
    return found


def _in_groups(folder: Path, identity: str) -> str:
    """Count real crops of the person, fakes with the person's identity, and fakes made from the person's photographs."""
    rows = read_table(folder / IMAGES, ImageRow)
    real = sum(row.origin == "real" and row.identity == identity for row in rows)
    with_identity = sum(row.origin == "fake" and row.identity == identity for row in rows)
    as_template = sum(row.origin == "fake" and row.template_identity == identity for row in rows)
    if not real + with_identity + as_template:
        return ""
    return (
        f"{real} photographs, {with_identity} fakes with this identity, {as_template} fakes made from the photographs"
    )


def _versions(identity: str) -> list[Holder]:
    entries, found, affected = list_versions(), [], dict[str, ModelVersion]()
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


def _in_version(entry: ModelVersion, identity: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        lineage = fetch_folder(entry.run_id, lineage_path(entry.tags.get(MODEL_TAG, "")), Path(folder))
        part = find_person(lineage, identity) if lineage else None
    return f"{_USE[part['split']]} {part['photographs']} photographs" if part else ""


def _name(entry: ModelVersion) -> str:
    return f"models:/{entry.name}/{entry.version}" + "".join(f" @{alias}" for alias in entry.aliases)


def render_holders(identity: str, found: list[Holder]) -> str:
    """Format the result as text."""
    if not found:
        return f"{identity}: in no local dataset and no registered model"
    return "\n".join([f"{identity}:", *(f"  {holder.what}: {holder.how}" for holder in found)])
