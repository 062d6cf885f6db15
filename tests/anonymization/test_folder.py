"""Anonymization of a folder: faces, replacements, file statuses, and resuming."""

import csv
import json
import shutil
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from swapcore.anonymization import treat
from swapcore.anonymization.folder import ANONYMIZED, FACES, FILES, FileResult, _make_tasks, _run, anonymize
from swapcore.anonymization.survey import SurveyedFile
from swapcore.data.images import read_photograph
from swapcore.errors import InputError
from swapcore.faces import cnn_detector
from swapcore.faces.cnn_detector import find_missed_faces
from swapcore.faces.detect import detect_every_face
from swapcore.ops.image import Image, encode_png
from swapcore.synth.attributes import NEUTRAL
from swapcore.synth.identity import draw_identity
from swapcore.synth.render import render
from tests.drawn_photographs import draw_face


def read_rows(path):
    with path.open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def folder(tmp_path, two_faces: Image):
    """Two people in folders, an image with a guest, one with a small face, and files without a face."""
    root = tmp_path / "photos"
    for person, name in ((1, "anna"), (5, "bert")):
        (root / name).mkdir(parents=True)
        for image in (0, 1):
            (root / name / f"{image}.png").write_bytes(encode_png(draw_face(person, image)[0]))
    (root / "anna" / "guest.png").write_bytes(encode_png(two_faces))
    small = cv2.resize(draw_face(3)[0], (97, 97), interpolation=cv2.INTER_AREA)
    (root / "small.png").write_bytes(encode_png(small))
    (root / "wall.png").write_bytes(encode_png(np.full((200, 200, 3), 90, np.uint8)))
    (root / "text.jpg").write_text("dear diary")
    (root / "consent.csv").write_text("identity,basis\n")
    return root


@pytest.mark.usefixtures("few_people")
def test_every_face_is_replaced_and_every_file_has_a_status(folder, copying_model, tmp_path):
    out = tmp_path / "out"
    metrics = anonymize(folder, out, model=copying_model)
    rows = {row["file"]: row for row in read_rows(out / FILES)}
    assert {name: row["status"] for name, row in rows.items()} == {
        "anna/0.png": "anonymized",
        "anna/1.png": "anonymized",
        "anna/guest.png": "anonymized",
        "bert/0.png": "anonymized",
        "bert/1.png": "anonymized",
        "small.png": "anonymized",
        "consent.csv": "not-an-image",
        "text.jpg": "not-an-image",
        "wall.png": "no-face",
    }
    faces = read_rows(out / FACES)
    assert len(faces) == 7
    assert all(float(face["changed"]) > 3 for face in faces)
    assert [face["treatment"] for face in faces if face["file"] == "small.png"] == ["blurred"]
    assert [face["reason"] for face in faces if face["file"] == "small.png"] == ["too-small"]
    for face in faces:
        before, after = (read_photograph(root / face["file"], 10).image for root in (folder, out))
        assert before.shape == after.shape
    assert metrics["faces_unchanged"] == 0
    assert metrics["faces"] == metrics["faces_swapped"] + metrics["faces_blurred"]
    assert metrics == json.loads((out / "report.json").read_text())
    assert f"| faces found | {metrics['faces']} |" in (out / "report.md").read_text()
    used = {
        face["person"]: {row["synthetic_person"] for row in faces if row["person"] == face["person"]} for face in faces
    }
    taken = [number for numbers in used.values() for number in numbers - {"-1"}]
    assert len(taken) == len(set(taken))  # no replacement is used for two people
    assert not (tmp_path / ".out.survey").exists()  # embeddings of real people are deleted


@pytest.mark.usefixtures("few_people")
def test_a_face_that_is_still_recognized_is_blurred(folder, copying_model, tmp_path, monkeypatch):
    shutil.rmtree(folder / "bert")
    monkeypatch.setattr(treat, "MAX_COSINE", -1.0)
    metrics = anonymize(folder, tmp_path / "out", model=copying_model)
    assert metrics["faces_swapped"] == 0
    assert metrics["faces_blurred"] == metrics["faces"] == 5
    assert metrics["faces_unchanged"] == 0
    assert metrics["blurred_reasons"] == {"recognized": 4, "too-small": 1}


@pytest.mark.usefixtures("few_people")
def test_a_face_that_only_the_second_detector_finds_is_blurred(copying_model, tmp_path, monkeypatch):
    monkeypatch.setattr(cnn_detector, "CNN_INPUT_PX", 224)
    folder = tmp_path / "photos"
    folder.mkdir()
    profile = render(draw_identity(np.random.default_rng(5)), NEUTRAL.but(yaw_deg=85.0), 224).image
    (folder / "profile.png").write_bytes(encode_png(profile))
    assert detect_every_face(profile) == []
    assert len(find_missed_faces(profile, [])) == 1
    metrics = anonymize(folder, tmp_path / "out", model=copying_model)
    assert metrics["files"] == {"anonymized": 1}
    assert metrics["blurred_reasons"] == {"second-detector": 1}
    assert metrics["faces_unchanged"] == 0
    assert metrics["detection_kept"] is None  # the first detector did not find it before
    assert find_missed_faces(read_photograph(tmp_path / "out" / "profile.png", 10).image, []) == []


@pytest.mark.usefixtures("few_people")
def test_an_interrupted_job_continues(folder, copying_model, tmp_path):
    out = tmp_path / "out"
    shutil.rmtree(folder / "anna")
    (folder / "small.png").unlink()
    first = anonymize(folder, out, model=copying_model)
    files = (out / FILES).read_text().splitlines(keepends=True)
    place = next(n for n, line in enumerate(files) if line.startswith("bert/1.png"))
    (out / FILES).write_text("".join(files[:place]))  # interrupted between the faces' rows and the file's
    kept = (out / "bert" / "0.png").stat().st_mtime_ns
    assert anonymize(folder, out, model=copying_model) == first
    assert (out / "bert" / "0.png").stat().st_mtime_ns == kept
    assert len(read_rows(out / FACES)) == 2
    with pytest.raises(InputError, match="another --output"):
        anonymize(folder, out, model=copying_model, seed=5)


def test_a_wrong_folder_is_one_line(tmp_path, copying_model, folder):
    for wrong, out, problem in (
        (tmp_path / "none", tmp_path / "out", "no such folder"),
        (folder / "wall.png", tmp_path / "out", "no such folder"),
        (folder, folder / "wall.png", "is a file"),
        (folder, folder / "anna", "holds other files"),
    ):
        with pytest.raises(InputError, match=problem):
            anonymize(wrong, out, model=copying_model)


@pytest.mark.faces
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_photographs_keep_faces_and_lose_identities(london_folder, tmp_path, monkeypatch):
    """The targets of docs/how-to/anonymize-a-folder.md with the default model, on every fourth person of the London set."""
    from swapcore.anonymization import replacements

    monkeypatch.setattr(replacements, "MAX_PEOPLE", 24)
    folder = tmp_path / "photos"
    chosen = sorted(london_folder.glob("*_neutral.jpg"))[::4]
    for path in chosen:
        person = folder / path.name.partition("_")[0]
        person.mkdir(parents=True)
        (person / path.name).symlink_to(path)
    metrics = anonymize(folder, tmp_path / "out")
    assert (metrics["people"], metrics["faces"]) == (len(chosen), len(chosen))
    assert metrics["files"] == {"anonymized": len(chosen)}
    assert metrics["faces_unchanged"] == 0
    assert metrics["reidentification_rank1"] <= 0.05
    assert metrics["detection_kept"] >= 0.98 - metrics["blurred_share"], "a blurred face is not found"
    assert metrics["eyes_error_median"] <= 0.06
    assert metrics["nose_error_median"] <= 0.06
    assert metrics["blurred_share"] <= 0.1


class CountedRows(list):
    """A list that counts how often it is read to its end."""

    num_reads = 0

    def __iter__(self):
        self.num_reads += 1
        return super().__iter__()


def test_the_time_to_find_what_is_left_is_linear():
    """Rows and faces are read once, not once for each of a hundred thousand images."""
    rows = CountedRows(FileResult(f"{n}.png", f"{n}.png", ANONYMIZED, "", 0, 0) for n in range(50))
    tasks = [SimpleNamespace(item=SimpleNamespace(name=row.file)) for row in list.__iter__(rows)]
    _run(SimpleNamespace(device="cpu"), tasks, SimpleNamespace(rows=rows), None, 1)
    assert rows.num_reads == 1
    files = [SurveyedFile(f"{n}.png", "", "", "") for n in range(50)]
    faces = CountedRows()
    made, _ = _make_tasks([SimpleNamespace(name=file.file) for file in files], files, faces, None, 0, 1)
    assert [task.file for task in made] == files
    assert faces.num_reads < 10
