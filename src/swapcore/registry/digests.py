"""Hashes of packaged code and of DVC data."""

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml

import swapcore
from swapcore.data.artifact import file_digest

CODE = Path(swapcore.__file__).parent
DVC_LOCK = Path("dvc.lock")
DVC_CACHE = Path(".dvc/cache/files/md5")


def code_digest(folder: Path = CODE) -> str:
    """Return the SHA-256 (hex) over the package's Python files, which are stored with the model."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder).as_posix()}\0{file_digest(path)}\n".encode())
    return digest.hexdigest()


def dvc_hash(path: Path) -> str:
    """Return DVC's MD5 (hex) of a file, or of a folder (the JSON list of its files and their MD5s) with suffix ``.dir``."""
    if path.is_file():
        return _md5(path)
    files = sorted((each.relative_to(path).as_posix(), each) for each in path.rglob("*") if each.is_file())
    entries = [{"md5": _md5(each), "relpath": name} for name, each in files]
    return hashlib.md5(json.dumps(entries, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"


def _md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def dvc_object(root: Path, name: str) -> str | None:
    """Recompute the name of an object in DVC's cache from its bytes, for a folder from its files; None if it is missing."""
    path = root / DVC_CACHE / name[:2] / name[2:]
    if not path.is_file():
        return None
    if not name.endswith(".dir"):
        return _md5(path)
    if _md5(path) != name.removesuffix(".dir"):
        return _md5(path) + ".dir"
    files: list[dict[str, str]] = json.loads(path.read_text(encoding="utf-8"))
    entries = [{**each, "md5": dvc_object(root, each["md5"]) or each["md5"]} for each in files]
    return hashlib.md5(json.dumps(entries, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"


def lock_hashes(path: Path) -> dict[str, str]:
    """Return path -> hash of all data in a dvc.lock; empty if it is missing or unreadable."""
    try:
        stages: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))["stages"]
        return {
            str(item["path"]): str(item["md5"])
            for stage in stages.values()
            for item in [*stage.get("deps", ()), *stage.get("outs", ())]
            if "md5" in item and not str(item["path"]).startswith(("src/", "metrics/"))
        }
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        return {}


def dvc_hashes(model: Path) -> dict[str, str]:
    """Return path -> hash of all data in the working directory's dvc.lock if it contains this model; else nothing."""
    found = lock_hashes(DVC_LOCK)
    if not found or dvc_hash(model) not in found.values():
        return {}
    # Outputs made from the model are not part of its lineage.
    return {path: value for path, value in found.items() if not path.startswith(("reports/", "models/registered"))}
