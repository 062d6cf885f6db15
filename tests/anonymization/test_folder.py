"""An anonymized folder: no face left, one person one replacement, every file counted, and a killed command goes on."""

import csv
import json
import shutil

import cv2
import numpy as np
import pytest

from swapcore.anonymization import treat
from swapcore.anonymization.folder import FACES, FILES, anonymize
from swapcore.config import NetworkParams
from swapcore.data.images import read_photograph
from swapcore.errors import InputError
from swapcore.faces import cnn_detector
from swapcore.faces.cnn_detector import find_missed_faces
from swapcore.faces.detect import detect_every_face
from swapcore.inference.finding import find_faces
from swapcore.ops.image import Image, encode_png
from swapcore.synth.attributes import NEUTRAL
from swapcore.synth.identity import draw_identity
from swapcore.synth.render import render
from tests.drawn_photographs import draw_face
from tests.inference.small_model import center_by, write_copying_model


def read_rows(path):
    with path.open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def folder(tmp_path, two_faces: Image):
    """Two people in folders, one photograph with a guest, one with a face too small, and what is no photograph of anybody."""
    root = tmp_path / "photos"
    for person, name in ((1, "anna"), (5, "bert")):
        (root / name).mkdir(parents=True)
        for picture in (0, 1):
            (root / name / f"{picture}.png").write_bytes(encode_png(draw_face(person, picture)[0]))
    (root / "anna" / "guest.png").write_bytes(encode_png(two_faces))
    small = cv2.resize(draw_face(3)[0], (97, 97), interpolation=cv2.INTER_AREA)
    (root / "small.png").write_bytes(encode_png(small))
    (root / "wall.png").write_bytes(encode_png(np.full((200, 200, 3), 90, np.uint8)))
    (root / "text.jpg").write_text("dear diary")
    (root / "consent.csv").write_text("identity,basis\n")
    return root


@pytest.mark.usefixtures("few_people")
def test_every_face_goes_and_every_file_is_counted(folder, copying_model, tmp_path):
    out = tmp_path / "out"
    figures = anonymize(folder, out, model=copying_model)
    rows = {row["file"]: row for row in read_rows(out / FILES)}
    assert {name: row["status"] for name, row in rows.items()} == {
        "anna/0.png": "anonymized",
        "anna/1.png": "anonymized",
        "anna/guest.png": "anonymized",
        "bert/0.png": "anonymized",
        "bert/1.png": "anonymized",
        "small.png": "anonymized",
        "consent.csv": "not-a-photograph",
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
    assert figures["faces_unchanged"] == 0
    assert figures["faces"] == figures["faces_swapped"] + figures["faces_blurred"]
    assert figures == json.loads((out / "report.json").read_text())
    assert f"| faces found | {figures['faces']} |" in (out / "report.md").read_text()
    used = {
        face["person"]: {row["synthetic_person"] for row in faces if row["person"] == face["person"]} for face in faces
    }
    taken = [number for numbers in used.values() for number in numbers - {"-1"}]
    assert len(taken) == len(set(taken))  # nobody's replacement is anybody else's
    assert not (tmp_path / ".out.survey").exists()  # face features of the originals do not stay


@pytest.mark.usefixtures("few_people")
def test_a_face_that_no_swap_hides_is_blurred_not_left(folder, copying_model, tmp_path, monkeypatch):
    shutil.rmtree(folder / "bert")
    monkeypatch.setattr(treat, "MAX_COSINE", -1.0)
    figures = anonymize(folder, tmp_path / "out", model=copying_model)
    assert figures["faces_swapped"] == 0
    assert figures["faces_blurred"] == figures["faces"] == 5
    assert figures["faces_unchanged"] == 0
    assert figures["blurred_reasons"] == {"recognized": 4, "too-small": 1}


@pytest.mark.usefixtures("few_people")
def test_a_face_that_the_detector_overlooks_is_blurred_too(copying_model, tmp_path, monkeypatch):
    monkeypatch.setattr(cnn_detector, "CNN_INPUT_PX", 224)
    folder = tmp_path / "photos"
    folder.mkdir()
    profile = render(draw_identity(np.random.default_rng(5)), NEUTRAL.but(yaw_deg=85.0), 224).image
    (folder / "profile.png").write_bytes(encode_png(profile))
    assert detect_every_face(profile) == []
    assert len(find_missed_faces(profile, [])) == 1
    figures = anonymize(folder, tmp_path / "out", model=copying_model)
    assert figures["files"] == {"anonymized": 1}
    assert figures["blurred_reasons"] == {"second-look": 1}
    assert figures["faces_unchanged"] == 0
    assert figures["detection_kept"] is None  # it was never found by the detector whose share that is
    assert find_missed_faces(read_photograph(tmp_path / "out" / "profile.png", 10).image, []) == []


@pytest.mark.usefixtures("few_people")
def test_a_killed_command_goes_on(folder, copying_model, tmp_path):
    out = tmp_path / "out"
    shutil.rmtree(folder / "anna")
    (folder / "small.png").unlink()
    first = anonymize(folder, out, model=copying_model)
    files = (out / FILES).read_text().splitlines(keepends=True)
    place = next(n for n, line in enumerate(files) if line.startswith("bert/1.png"))
    (out / FILES).write_text("".join(files[:place]))  # killed after the faces' rows, before the file's
    kept = (out / "bert" / "0.png").stat().st_mtime_ns
    assert anonymize(folder, out, model=copying_model) == first
    assert (out / "bert" / "0.png").stat().st_mtime_ns == kept
    assert len(read_rows(out / FACES)) == 2
    with pytest.raises(InputError, match="another --output"):
        anonymize(folder, out, model=copying_model, seed=5)


def test_wrong_folders_are_one_line(tmp_path, copying_model, folder):
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
def test_photographs_of_82_people_keep_faces_and_lose_identities(london_folder, tmp_path, monkeypatch):
    """The bars of docs/use.md; the crude model stands for any: what it does badly must be caught and blurred."""
    from swapcore.anonymization import replacements

    monkeypatch.setattr(replacements, "MAX_PEOPLE", 8)
    monkeypatch.setattr(cnn_detector, "CNN_INPUT_PX", 160)  # these faces fill half of the picture
    folder = tmp_path / "photos"
    for path in sorted(london_folder.glob("*_neutral.jpg")):
        person = folder / path.name.partition("_")[0]
        person.mkdir(parents=True)
        (person / path.name).symlink_to(path)
    some = [read_photograph(path, 10).image for path in sorted(folder.glob("*/*"))[::4]]
    model = write_copying_model(tmp_path / "model", NetworkParams(kind="dlib", path=None, sha256=None), size_px=96)
    center_by(model, [find_faces(image, "one", 96, folder)[0].crop for image in some])
    figures = anonymize(folder, tmp_path / "out", model=model)
    assert (figures["people"], figures["faces"]) == (82, 82)
    assert figures["files"] == {"anonymized": 82}
    assert figures["faces_unchanged"] == 0
    assert figures["reidentification_rank1"] <= 0.05
    assert figures["detection_kept"] >= 0.98
    assert figures["eyes_error_median"] <= 0.06
    assert figures["nose_error_median"] <= 0.06
    assert figures["blurred_share"] <= 0.1
