"""Shards of photographs on S3: which files they fetch, and that their parts are those of a whole copy."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from drawn_photographs import draw_face

from swapcore import storage
from swapcore.config import read_params
from swapcore.cropping import extract
from swapcore.cropping.ingest import ingest
from swapcore.cropping.remote import crop_shard, list_photographs
from swapcore.data.faces import FaceSet
from swapcore.errors import ArtifactError, StorageError
from swapcore.stages import crop

SYNTHESIZE = read_params(Path(__file__).parents[2] / "params.yaml").synthesize
PARAMS = read_params(Path(__file__).parents[2] / "params.yaml").crop.model_copy(
    update={"size_px": 128, "workers": 1, "near_duplicate_bits": 0, "min_identity_cosine": -1.0, "device": "cpu"}
)
SHARDS = 3


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards end at batch boundaries, so few photographs need small batches."""
    torch.set_num_threads(1)
    monkeypatch.setattr(extract, "_BATCH_SIZE", 2)


@pytest.fixture(params=["folder", "list"])
def people(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Six photographs of three people, named by sub-folders or by a CSV; one of them has no consent."""
    folder = tmp_path / "people"
    names = [f"person {person}/{number}.png" for person in range(3) for number in range(2)]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        person, number = int(name[7]), int(name[9])
        cv2.imwrite(str(folder / name), np.ascontiguousarray(draw_face(person, number)[0][..., ::-1]))
    (folder / "stranger").mkdir()
    (folder / "stranger/1.png").write_bytes(b"no consent")
    lines = [f"person {person},drawn,CC0-1.0,\n" for person in range(3)]
    (folder / "consent.csv").write_text("identity,basis,licence,expires\n" + "".join(lines))
    if request.param == "list":
        rows = [f"{name},{name.partition('/')[0]}\n" for name in [*names, "stranger/1.png", "person 0/missing.png"]]
        (folder / "photographs.csv").write_text("file,identity\n" + "".join(rows))
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_each_shard_fetches_its_own_photographs_only(
    people: Path, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.upload(people, f"{bucket}/{tmp_path.name}")
    fetched: list[list[str]] = []
    download = storage._Bucket.download_file

    def noted(store: storage._Bucket, item: storage._Object, path: Path) -> None:
        fetched[-1].append(item.name)
        download(store, item, path)

    monkeypatch.setattr(storage._Bucket, "download_file", noted)
    fetched.append([])
    uri = f"{bucket}/{tmp_path.name}" + ("/photographs.csv" if (people / "photographs.csv").exists() else "")
    listed = tmp_path / "listed"
    ingest(SYNTHESIZE, uri=uri, fingerprint=storage.fingerprint(uri), photographs=listed)
    assert not any(name.endswith(".png") for name in fetched.pop())
    parts = [tmp_path / f"part-{shard}" for shard in range(SHARDS)]
    for shard, part in enumerate(parts):
        fetched.append([])
        crop_shard(PARAMS, uri=uri, photographs=listed, part=part, shard=shard, shards=SHARDS)
        whole = tmp_path / f"whole-{shard}"
        crop.crop_shard(PARAMS, photographs=people, part=whole, shard=shard, shards=SHARDS)
        assert files_of(part) == files_of(whole)
    images = [[name for name in names if name.endswith(".png")] for names in fetched]
    assert sorted(name for names in images for name in names) == sorted(
        f"person {person}/{number}.png" for person in range(3) for number in range(2)
    )
    assert max(map(len, images)) <= 3
    assert fetched == images  # no shard fetches anything else
    crop.merge_shards(PARAMS, parts=parts, faces=tmp_path / "faces")
    assert len(FaceSet(tmp_path / "faces")) == 6


def test_errors_are_one_line(bucket: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no objects below this prefix"):
        list_photographs(f"{bucket}/nothing", "", tmp_path / "listed")
    with pytest.raises(ArtifactError, match=r"objects\.json: cannot be read \(FileNotFoundError\)"):
        crop_shard(PARAMS, uri=f"{bucket}/x", photographs=tmp_path, part=tmp_path / "part", shard=0, shards=2)
    assert not (tmp_path / "part").exists()


def test_a_photograph_that_changed_is_refused(bucket: str, tmp_path: Path) -> None:
    folder = tmp_path / "people"
    (folder / "ann").mkdir(parents=True)
    (folder / "ann/1.png").write_bytes(b"first")
    (folder / "consent.csv").write_text("identity,basis,licence,expires\n*,drawn,CC0-1.0,\n")
    storage.upload(folder, f"{bucket}/{tmp_path.name}")
    list_photographs(f"{bucket}/{tmp_path.name}", "", tmp_path / "listed")
    (folder / "ann/1.png").write_bytes(b"other")
    storage.upload(folder, f"{bucket}/{tmp_path.name}")
    with pytest.raises(StorageError, match=r"1\.png changed during the download"):
        crop_shard(
            PARAMS,
            uri=f"{bucket}/{tmp_path.name}",
            photographs=tmp_path / "listed",
            part=tmp_path / "p",
            shard=0,
            shards=1,
        )
