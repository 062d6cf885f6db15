"""Ingestion of photographs: folders and CSVs, local and on S3."""

from pathlib import Path

import pytest
import yaml

from swapcore import storage
from swapcore.config import section_of
from swapcore.cropping.ingest import ingest
from swapcore.data.manifests import read_manifest
from swapcore.errors import InputError, StorageError

ROOT = Path(__file__).parents[2]
PARAMS = section_of("synthesize", yaml.safe_load((ROOT / "params.yaml").read_text())["synthesize"])
LISTED = [("one/a.png", "ann"), ("two/b.png", "bob")]


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Three images; the CSV lists two, with identities other than their folders' names."""
    folder = tmp_path / "people"
    for name in ("one/a.png", "one/unlisted.png", "two/b.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    (folder / "consent.csv").write_text("identity,basis,licence,expires\n*,drawn,CC0-1.0,\n")
    (folder / "list.csv").write_text("file,identity\n" + "".join(f"{file},{who}\n" for file, who in LISTED))
    return folder


def ingested(uri: object, to: Path, fingerprint: str = "") -> list[tuple[str, str]]:
    count = ingest(PARAMS, uri=str(uri), fingerprint=fingerprint, photographs=to)
    entries = [(entry.file, entry.identity) for entry in read_manifest(to).entries]
    assert count == {"photographs": float(len(entries))}
    assert all(entry.path.read_bytes() == entry.file.encode() for entry in read_manifest(to).entries)
    assert (to / "consent.csv").is_file()
    return entries


def test_folder_and_csv(people: Path, tmp_path: Path) -> None:
    assert ingested(people, tmp_path / "a") == [("one/a.png", "one"), ("one/unlisted.png", "one"), ("two/b.png", "two")]
    assert ingested(people / "list.csv", tmp_path / "b") == LISTED
    assert not (tmp_path / "b/one/unlisted.png").exists()


def test_missing_listed_file_is_ingested_for_the_quarantine(people: Path, tmp_path: Path) -> None:
    (people / "two/b.png").unlink()
    assert ingest(PARAMS, uri=str(people / "list.csv"), fingerprint="", photographs=tmp_path / "a") == {
        "photographs": 2.0
    }


@pytest.mark.parametrize("file", ["../elsewhere.png", "/elsewhere.png"])
def test_listed_file_outside_the_folder_is_rejected(people: Path, tmp_path: Path, file: str) -> None:
    (people / "list.csv").write_text(f"file,identity\n{file},ann\n")
    with pytest.raises(InputError, match=r"list\.csv: file: .*elsewhere\.png is outside"):
        ingest(PARAMS, uri=str(people / "list.csv"), fingerprint="", photographs=tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_missing_photographs_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        ingest(PARAMS, uri=str(tmp_path / "missing"), fingerprint="", photographs=tmp_path / "a")


def test_of_photographs_on_object_storage_only_the_list_is_fetched(people: Path, tmp_path: Path, bucket: str) -> None:
    storage.upload(people, f"{bucket}/people")
    seen = storage.fingerprint(f"{bucket}/people/list.csv")
    assert seen == storage.fingerprint(f"{bucket}/people")
    for uri, count in ((f"{bucket}/people/list.csv", 2.0), (f"{bucket}/people", 3.0)):
        folder = tmp_path / f"{count}"
        assert ingest(PARAMS, uri=uri, fingerprint=seen, photographs=folder) == {"photographs": count}
        names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        assert names == {"consent.csv", "objects.json", "photographs.csv" if uri.endswith(".csv") else "list.csv"}
    with pytest.raises(StorageError, match=r"other\.csv: no such object"):
        ingest(PARAMS, uri=f"{bucket}/people/other.csv", fingerprint="", photographs=tmp_path / "c")
    with pytest.raises(StorageError, match="changed after the run was submitted"):
        ingest(PARAMS, uri=f"{bucket}/people", fingerprint="older", photographs=tmp_path / "d")
    assert not (tmp_path / "c").exists()
    assert not (tmp_path / "d").exists()
