"""The crop stage: complete, independent of workers and location, one-line errors."""

import errno
import logging
import os
import shutil
from collections import Counter
from datetime import date
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from drawn_photographs import draw_face

from swapcore.config import read_params
from swapcore.cropping import extract
from swapcore.data import consent
from swapcore.data.artifact import CARD, content_digest, file_digest, partial_folder, read_card
from swapcore.data.faces import QUARANTINE, FaceSet, QuarantineRow
from swapcore.data.splits import split_of
from swapcore.errors import ArtifactError, InputError
from swapcore.faces.mesh.five_points import five_points
from swapcore.ops.geometry import apply
from swapcore.stages.crop import crop_shard, merge_shards, run
from swapcore.tables import read_table

PARAMS = read_params(Path(__file__).parents[2] / "params.yaml").crop.model_copy(
    update={"size_px": 128, "workers": 1, "near_duplicate_bits": 0, "min_identity_cosine": -1.0}
)
HEADER = "identity,basis,licence,expires\n"


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.ascontiguousarray(image[..., ::-1]))


def people_folder(folder, people=4, pictures=3):
    for person in range(people):
        for picture in range(pictures):
            save(folder / f"person {person}" / f"{picture}.png", draw_face(person, picture)[0])
    (folder / "consent.csv").write_text(HEADER + "*,drawn,CC0-1.0,\n")
    return folder


@pytest.fixture(scope="session")
def people(tmp_path_factory):
    return people_folder(tmp_path_factory.mktemp("people"))


def quarantine_of(faces):
    return {row.file: row for row in read_table(faces / QUARANTINE, QuarantineRow)}


def reasons_of(faces):
    return {file: row.reason for file, row in quarantine_of(faces).items()}


def test_all_faces_of_a_folder(people, tmp_path):
    metrics = run(PARAMS, photographs=people, faces=tmp_path / "faces")
    faces = FaceSet(tmp_path / "faces")
    assert metrics == {"photographs": 12.0, "faces": 12.0, "people": 4.0}
    assert [row.file for row in faces.rows] == [f"person {p}/{i}.png" for p in range(4) for i in range(3)]
    assert faces.size_px == 128
    for face, row in zip(faces, faces.rows, strict=False):
        assert face.image.shape == (128, 128, 3)
        assert face.split == split_of(face.identity, PARAMS.split)
        assert face.embedding.shape == faces.embedding_mean.shape == (128,)
        assert face.mesh is not None
        assert row.expression is not None
        assert len(row.expression) == 6
        assert abs(row.pitch_deg) < 45
        np.testing.assert_allclose(five_points(face.mesh), face.points, atol=0.1)
        np.testing.assert_allclose(
            apply(face.affine, np.array(row.landmarks).reshape(5, 2)[4:]), face.points[2:3], atol=1.0
        )
    assert {row.consent_licence for row in faces.rows} == {"CC0-1.0"}
    assert all(-1 <= row.identity_cosine <= 1 for row in faces.rows)
    assert faces.card.rejections == {}
    assert faces.card.facts.size_px == 128
    assert faces.card.facts.recognizer == PARAMS.recognizer.digest()
    rights = faces.card.facts.consent.rights
    assert sum(right.photographs for right in rights) == len(faces)
    assert faces.card.facts.consent.sha256 == file_digest(people / "consent.csv")
    assert sorted(p.name for p in faces.folder.iterdir()) == [
        "card.json", "index.parquet", "lineage", "quarantine.parquet", "recognizer.json", "shard-00000.tar",
    ]  # fmt: skip


def test_artifact_does_not_depend_on_the_location(people, tmp_path):
    moved = tmp_path / "else where"
    shutil.copytree(people, moved)
    for source, name in ((people, "a"), (people, "b"), (moved, "c")):
        run(PARAMS, photographs=source, faces=tmp_path / name)
    cards = {(tmp_path / name / CARD).read_bytes() for name in "abc"}
    assert len(cards) == 1


@pytest.mark.slow
def test_artifact_does_not_depend_on_workers(people, tmp_path, monkeypatch):
    monkeypatch.setattr(extract, "_MIN_TASKS_FOR_WORKERS", 1)
    for workers in (1, 2, 3):
        run(PARAMS.model_copy(update={"workers": workers}), photographs=people, faces=tmp_path / str(workers))
    assert len({content_digest(tmp_path / str(workers)) for workers in (1, 2, 3)}) == 1


def in_shards(params, photographs, shards, folder):
    """The faces artifact from the given number of shards."""
    parts = [folder / f"part-{number}" for number in range(shards)]
    for number, part in enumerate(parts):
        crop_shard(params, photographs=photographs, part=part, shard=number, shards=shards)
    metrics = merge_shards(params, parts=parts[::-1], faces=folder / "faces")
    return metrics, files_of(folder / "faces")


def files_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_artifact_does_not_depend_on_shards(tmp_path, monkeypatch):
    """Checks over the whole set work across shards: a file of two people, a copy, a wrong label, the mean."""
    monkeypatch.setattr(extract, "_BATCH_SIZE", 4)
    monkeypatch.setattr(extract, "load_recognizer", lambda network: ColorRecognizer())
    folder = people_folder(tmp_path / "people", people=6)
    save(folder / "person 0/really person 4.png", draw_face(4, 7)[0])
    shutil.copy(folder / "person 0/1.png", folder / "person 5/1.png")
    shutil.copy(folder / "person 3/0.png", folder / "person 3/9.png")
    save(folder / "empty/1.png", np.full((200, 200, 3), 99, np.uint8))
    save(folder / "stray.png", draw_face(7)[0])
    (folder / "consent.csv").write_text(HEADER + "*,drawn,CC0-1.0,\nperson 2,drawn,CC0-1.0,2020-01-01\n")
    params = PARAMS.model_copy(update={"min_identity_cosine": 0.2})
    metrics = run(params, photographs=folder, faces=tmp_path / "faces")
    whole = files_of(tmp_path / "faces")
    assert set(reasons_of(tmp_path / "faces").values()) == {
        "wrong-label", "two-identities", "duplicate", "no-face", "no-identity", "consent-expired",
    }  # fmt: skip
    for shards in (1, 2, 3, 9):
        assert in_shards(params, folder, shards, tmp_path / str(shards)) == (metrics, whole), f"{shards} shards"
    cut_files = [read_card(tmp_path / f"3/part-{number}", "part").counts["photographs"] for number in range(3)]
    assert max(cut_files) < sum(cut_files) / 2


def test_mismatched_parts_are_rejected(people, tmp_path, monkeypatch):
    monkeypatch.setattr(extract, "_BATCH_SIZE", 4)
    monkeypatch.setattr(extract, "load_recognizer", lambda network: ColorRecognizer())
    first, second, other = (tmp_path / name for name in ("first", "second", "other"))
    for number, part in enumerate((first, second)):
        crop_shard(PARAMS, photographs=people, part=part, shard=number, shards=2)

    def assert_rejected(words, *parts, params=PARAMS):
        with pytest.raises(ArtifactError, match=words) as error:
            merge_shards(params, parts=list(parts), faces=tmp_path / "faces")
        assert "\n" not in str(error.value)
        assert not (tmp_path / "faces").exists()

    assert_rejected("first: is shard 0 of 2, expected shard 0 of 1", first)
    assert_rejected("first: is shard 0 of 2, expected shard 0 of 3; give each part once", first, second, first)
    assert_rejected("made with other params", first, second, params=PARAMS.model_copy(update={"max_megapixels": 7.0}))
    grown = people_folder(tmp_path / "grown", people=5)
    crop_shard(PARAMS, photographs=grown, part=other, shard=1, shards=2)
    assert_rejected("made from other photographs", first, other)
    assert_rejected(r"no card\.json", first, tmp_path / "nothing")


def test_input_digest_depends_on_photographs_and_consent(people, tmp_path):
    folder = tmp_path / "people"
    shutil.copytree(people, folder)
    digests = []

    def note():
        run(PARAMS, photographs=folder, faces=tmp_path / "faces")
        digests.append(read_card(tmp_path / "faces", "faces").inputs["photographs"])

    note()
    note()
    save(folder / "person 0/0.png", draw_face(0, 9)[0])
    note()
    (folder / "consent.csv").write_text(HEADER + "*,drawn again,CC0-1.0,\n")
    note()
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def spoil(folder):
    """Add one of every bad photograph; return file -> expected reason."""
    good = (folder / "person 0/0.png").read_bytes()
    bad = folder / "person 1"
    (bad / "empty.jpg").touch()
    (bad / "cut.png").write_bytes(good[: len(good) // 2])
    (bad / "text.jpg").write_text("not a photograph")
    (bad / "loop.jpg").symlink_to("loop.jpg")
    (bad / "again").symlink_to(folder)
    save(bad / "empty.png", np.full((300, 300, 3), 120, np.uint8))
    save(bad / "large.png", np.zeros((1500, 1500, 3), np.uint8))
    save(bad / "blurred.png", cv2.GaussianBlur(draw_face(1, 5)[0], (0, 0), 5))
    save(bad / "tiny.png", draw_face(1, 5, size_px=110, eye_distance_px=20)[0])
    save(bad / "tilted.png", draw_face(1, 6, roll_deg=18)[0])
    shutil.copy(folder / "person 2/0.png", folder / "person 2/copy.png")
    shutil.copy(folder / "person 2/1.png", folder / "person 3/of person 2.png")
    save(folder / "stray.png", draw_face(7)[0])
    save(folder / "lapsed/1.png", draw_face(8)[0])
    save(folder / '😀 "it\'s me"/1.png', draw_face(9)[0])
    (folder / "consent.csv").write_text(HEADER + "*,drawn,CC0-1.0,\nlapsed,drawn,CC0-1.0,2020-01-01\n")
    return {
        "person 1/empty.jpg": "empty",
        "person 1/cut.png": "truncated",
        "person 1/text.jpg": "not-an-image",
        "person 1/loop.jpg": "unreadable",
        "person 1/again": "link-loop",
        "person 1/empty.png": "no-face",
        "person 1/large.png": "too-large",
        "person 1/blurred.png": "blurred",
        "person 1/tiny.png": "too-small",
        "person 1/tilted.png": "tilted",
        "person 2/copy.png": "duplicate",
        "person 2/1.png": "two-identities",
        "person 3/of person 2.png": "two-identities",
        "stray.png": "no-identity",
        "lapsed/1.png": "consent-expired",
    }


def test_each_bad_photograph_has_a_reason(tmp_path):
    folder = people_folder(tmp_path / "people")
    expected = spoil(folder)
    strict = PARAMS.quality.model_copy(update={"max_roll_deg": 10.0})
    params = PARAMS.model_copy(update={"quality": strict, "max_megapixels": 2.0})
    metrics = run(params, photographs=folder, faces=tmp_path / "faces")
    faces = FaceSet(tmp_path / "faces")
    assert reasons_of(tmp_path / "faces") == expected
    assert {'😀 "it\'s me"'} < {row.identity for row in faces.rows}
    listed = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir() or p.is_symlink()}
    listed -= {"consent.csv"}
    assert listed == {row.file for row in faces.rows} | set(expected)
    assert faces.card.rejections == dict(Counter(expected.values()))
    assert metrics["photographs"] == len(listed)
    assert metrics["rejected/two-identities"] == 2
    assert not any(str(tmp_path) in row.detail for row in quarantine_of(tmp_path / "faces").values())


def test_near_duplicate_with_the_smaller_face_is_quarantined(tmp_path):
    folder = people_folder(tmp_path / "people", pictures=1)
    cv2.imwrite(str(folder / "person 0/packed.jpg"), draw_face(0, 0)[0][..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 97])
    everything = PARAMS.model_copy(update={"near_duplicate_bits": -1})
    run(everything, photographs=folder, faces=tmp_path / "all")
    sizes = {row.file: row.eye_distance_px for row in FaceSet(tmp_path / "all").rows if row.identity == "person 0"}
    larger, smaller = sorted(sizes, key=lambda file: (-sizes[file], file))
    run(
        PARAMS.model_copy(update={"near_duplicate_bits": 12, "near_duplicate_cosine": -1.0}),
        photographs=folder,
        faces=tmp_path / "faces",
    )
    rows = quarantine_of(tmp_path / "faces")
    assert {file: row.reason for file, row in rows.items()} == {smaller: "near-duplicate"}
    assert larger in rows[smaller].detail


class ColorRecognizer:
    """A recognizer for drawn people: the mean color of the face separates them better than a network for photographs."""

    embedding_dim = 3

    def to(self, _device):
        return self

    def embed(self, images, batch_size):
        return images[:, 50:100, 45:83].astype(np.float32).mean((1, 2))


def test_wrong_label_is_quarantined(tmp_path, monkeypatch):
    monkeypatch.setattr(extract, "load_recognizer", lambda network: ColorRecognizer())
    folder = people_folder(tmp_path / "people", people=6)
    save(folder / "person 0/really person 4.png", draw_face(4, 7)[0])
    run(PARAMS.model_copy(update={"min_identity_cosine": 0.2}), photographs=folder, faces=tmp_path / "faces")
    rows = quarantine_of(tmp_path / "faces")
    assert {file: row.reason for file, row in rows.items()} == {"person 0/really person 4.png": "wrong-label"}
    assert "min_identity_cosine" in rows["person 0/really person 4.png"].detail


@pytest.mark.parametrize(("policy", "eye_distance_px"), [("largest", 70), ("central", 45)])
def test_several_faces_policy(tmp_path, policy, eye_distance_px):
    folder = people_folder(tmp_path / "people", people=1, pictures=1)
    canvas, _ = draw_face(0, 0, into=np.full((500, 900, 3), 205, np.uint8), center=(0.18, 0.4), eye_distance_px=70)
    save(folder / "pair/1.png", draw_face(1, 0, into=canvas, center=(0.52, 0.45), eye_distance_px=45)[0])
    params = PARAMS.model_copy(update={"several_faces": policy})
    run(params, photographs=folder, faces=tmp_path / "faces")
    sizes = {row.identity: row.eye_distance_px for row in FaceSet(tmp_path / "faces").rows}
    assert sizes["pair"] == pytest.approx(eye_distance_px, rel=0.1)
    run(params.model_copy(update={"several_faces": "reject"}), photographs=folder, faces=tmp_path / "faces")
    assert reasons_of(tmp_path / "faces") == {"pair/1.png": "several-faces"}


def test_photographs_without_valid_consent_are_quarantined(tmp_path, monkeypatch):
    folder = people_folder(tmp_path / "people", people=3, pictures=1)
    lines = "person 0,drawn,CC0-1.0,2030-06-01\nperson 1,drawn,CC0-1.0,2030-05-31\n"
    (folder / "consent.csv").write_text(HEADER + lines)
    monkeypatch.setattr(consent, "today", lambda: date(2030, 6, 1))
    run(PARAMS, photographs=folder, faces=tmp_path / "faces")
    assert [row.identity for row in FaceSet(tmp_path / "faces").rows] == ["person 0"]
    assert reasons_of(tmp_path / "faces") == {"person 1/0.png": "consent-expired", "person 2/0.png": "no-consent"}


def test_no_file_is_opened_without_consent(tmp_path, monkeypatch):
    folder = people_folder(tmp_path / "people", people=1, pictures=1)
    (folder / "consent.csv").write_text(HEADER)
    monkeypatch.setattr(extract, "read_file", lambda path: pytest.fail(f"{path} was opened"))
    with pytest.raises(
        InputError,
        match=r"no usable face in 1 photographs: no-consent 1; add a valid line for each person to consent.csv",
    ):
        run(PARAMS, photographs=folder, faces=tmp_path / "faces")


def test_few_people_and_single_photographs(tmp_path, caplog):
    folder = people_folder(tmp_path / "people", people=1, pictures=2)
    with caplog.at_level(logging.WARNING):
        run(PARAMS, photographs=folder, faces=tmp_path / "faces")
    assert "wrong labels are not detected" in caplog.text
    assert "the split test has no people" in caplog.text
    assert [row.identity_cosine for row in FaceSet(tmp_path / "faces").rows] == [None, None]
    single = people_folder(tmp_path / "single", people=5, pictures=1)
    run(PARAMS, photographs=single, faces=tmp_path / "faces")
    assert [row.identity_cosine for row in FaceSet(tmp_path / "faces").rows] == [None] * 5


def test_csv_with_splits(people, tmp_path):
    folder = tmp_path / "people"
    shutil.copytree(people, folder)
    (folder / "list.csv").write_text("file,identity,split\nperson 0/0.png,zoe,test\nperson 1/0.png,bob,\n")
    run(PARAMS, photographs=folder / "list.csv", faces=tmp_path / "faces")
    assert {row.identity: row.split for row in FaceSet(tmp_path / "faces").rows} == {
        "zoe": "test",
        "bob": split_of("bob", PARAMS.split),
    }


def test_mean_embedding_is_that_of_training_people(people, tmp_path):
    folder = tmp_path / "people"
    shutil.copytree(people, folder)
    lines = [f"person {p}/{i}.png,{p},{'test' if p == 3 else 'train'}\n" for p in range(4) for i in range(3)]
    (folder / "list.csv").write_text("file,identity,split\n" + "".join(lines))
    run(PARAMS, photographs=folder / "list.csv", faces=tmp_path / "faces")
    faces = FaceSet(tmp_path / "faces")
    expected = np.mean([row.embedding for row in faces.rows[:9]], axis=0)
    np.testing.assert_allclose(faces.embedding_mean, expected, atol=1e-5)


def test_no_usable_face_raises_one_line(tmp_path):
    folder = tmp_path / "people"
    save(folder / "ann/1.png", np.full((200, 200, 3), 99, np.uint8))
    (folder / "ann/2.jpg").touch()
    (folder / "consent.csv").write_text(HEADER + "*,drawn,CC0-1.0,\n")
    with pytest.raises(InputError, match="no usable face in 2 photographs") as error:
        run(PARAMS, photographs=folder, faces=tmp_path / "faces")
    assert "no-face 1" in str(error.value)
    assert "empty 1" in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "faces").exists()


def test_missing_consent_file_raises_one_line(people, tmp_path):
    folder = tmp_path / "people"
    shutil.copytree(people, folder)
    (folder / "consent.csv").unlink()
    with pytest.raises(InputError, match=r"consent\.csv: no such file"):
        run(PARAMS, photographs=folder, faces=tmp_path / "faces")


def test_full_disk_keeps_the_old_artifact(people, tmp_path, monkeypatch):
    out = tmp_path / "faces"
    run(PARAMS, photographs=people, faces=out)
    before = (out / CARD).read_bytes()
    add_bytes, calls = extract.ShardWriter.add_bytes, []

    def fill(self, name, data):
        calls.append(name)
        if len(calls) > 5:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)
        return add_bytes(self, name, data)

    monkeypatch.setattr(extract.ShardWriter, "add_bytes", fill)
    with pytest.raises(OSError, match="No space left") as error:
        run(PARAMS, photographs=people, faces=out)
    assert error.value.errno == errno.ENOSPC
    assert (out / CARD).read_bytes() == before
    assert not partial_folder(out).exists()


@pytest.mark.slow
@pytest.mark.parametrize("limit_bytes", [60_000, 400_000, 900_000])
def test_file_size_limit_leaves_no_partial_artifact(people, tmp_path, limit_bytes):
    """The system refuses to write at any point: spool, shards or tables."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        raised = None
        try:
            run(PARAMS.model_copy(update={"size_px": 256}), photographs=people, faces=tmp_path / "faces")
        except OSError as error:
            raised = error.errno
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert raised == errno.EFBIG
    assert list(tmp_path.iterdir()) == []


@pytest.mark.faces
def test_london_is_cropped_completely_and_recognized(tmp_path):
    folder = os.environ.get("SWAPCORE_FACES")
    if not folder:
        pytest.skip("SWAPCORE_FACES names no folder of photographs")
    params = PARAMS.model_copy(update={"size_px": 256})
    metrics = run(params, photographs=Path(folder) / "faces.csv", faces=tmp_path / "faces")
    assert metrics == {"photographs": 164.0, "faces": 164.0, "people": 82.0}
    faces = FaceSet(tmp_path / "faces")
    embeddings = np.array([row.embedding for row in faces.rows]) - faces.embedding_mean
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    neutral = [i for i, row in enumerate(faces.rows) if "neutral" in row.file]
    smiling = [i for i, row in enumerate(faces.rows) if "smiling" in row.file]
    nearest = (embeddings[neutral] @ embeddings[smiling].T).argmax(1)
    people = [faces.rows[smiling[i]].identity for i in nearest]
    assert people == [faces.rows[i].identity for i in neutral]
    assert min(row.identity_cosine for row in faces.rows) > 0.5
