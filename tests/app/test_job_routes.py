"""Anonymization and videos over HTTP, with a small model and drawn faces."""

import io
import time
import zipfile
from pathlib import Path

import pytest

from swapcore.app import video_swapping
from swapcore.provenance.inspection import inspect_bytes
from swapcore.video.reading import read_frames


def follow(client, response) -> dict:
    """Ask for the state of a job until it ends."""
    assert response.status_code == 200, response.get_json()
    job, end = response.get_json(), time.monotonic() + 300
    while job["state"] == "running":
        assert time.monotonic() < end, job
        time.sleep(0.2)
        job = client.get(f"/jobs/{job['id']}").get_json()
    return job


def upload(path: Path, name: str | None = None) -> tuple[io.BytesIO, str]:
    return io.BytesIO(path.read_bytes()), name or path.name


@pytest.mark.slow
def test_images_become_a_zip_file_of_marked_images_and_a_report(client, photographs) -> None:
    files = [
        upload(photographs / "source.png", "anna/1.png"),
        upload(photographs / "no_face.png"),
        (io.BytesIO(b"not an image"), "broken.png"),
    ]
    job = follow(client, client.post("/anonymize", data={"photographs": files}))
    assert job["state"] == "done", job
    rows = {row["file"]: row for row in job["summary"]["files"]}
    assert {name: row["status"] for name, row in rows.items()} == {
        "anna/1.png": "anonymized", "broken.png": "not-an-image", "no_face.png": "no-face",
    }  # fmt: skip
    shown = client.get(f"/jobs/{job['id']}/{rows['anna/1.png']['shown']}").data
    assert inspect_bytes(shown, Path("1.png")).is_marked
    packed = zipfile.ZipFile(io.BytesIO(client.get(f"/jobs/{job['id']}/anonymized.zip").data))
    assert set(packed.namelist()) == {"anna/1.png", "files.csv", "faces.csv", "report.json", "report.md"}
    assert packed.read("anna/1.png") == shown
    assert "broken.png: is none of" in packed.read("files.csv").decode()
    assert "swapcore-app-" not in packed.read("files.csv").decode() + str(job)
    assert client.get(f"/jobs/{job['id']}/files.csv").status_code == 404
    assert client.delete(f"/jobs/{job['id']}").status_code == 200
    assert client.get(f"/jobs/{job['id']}/anonymized.zip").status_code == 404


def test_images_without_a_face_give_a_report_without_images(client, photographs) -> None:
    job = follow(client, client.post("/anonymize", data={"photographs": [upload(photographs / "no_face.png")]}))
    assert job["state"] == "done", job
    assert job["summary"]["metrics"]["faces"] == 0
    packed = zipfile.ZipFile(io.BytesIO(client.get(f"/jobs/{job['id']}/anonymized.zip").data))
    assert set(packed.namelist()) == {"files.csv", "faces.csv", "report.json", "report.md"}


@pytest.mark.slow
def test_a_video_is_swapped_and_can_be_read_in_parts(client, photographs, clip, tmp_path) -> None:
    data = {"source": upload(photographs / "source.png"), "video": upload(clip)}
    job = follow(client, client.post("/video", data=data))
    assert job["state"] == "done", job
    assert job["summary"]["frames"] == job["summary"]["swapped"] == 8
    url = f"/jobs/{job['id']}/swapped.mp4"
    part = client.get(url, headers={"Range": "bytes=0-99"})
    assert (part.status_code, len(part.data)) == (206, 100)
    (tmp_path / "swapped.mp4").write_bytes(client.get(url).data)
    assert len(list(read_frames(tmp_path / "swapped.mp4"))) == 8


def test_the_error_of_a_job_names_the_field_and_no_path_of_the_server(client, photographs, clip) -> None:
    data = {"source": upload(photographs / "no_face.png"), "video": upload(clip)}
    job = follow(client, client.post("/video", data=data))
    assert (job["state"], job["field"], job["reason"]) == ("failed", "source", "no-face")
    assert job["error"].startswith("source/no_face.png: no face was found")


def test_requests_for_jobs_are_checked_at_once(client, photographs, clip, monkeypatch) -> None:
    source = photographs / "source.png"
    missing = client.post("/video", data={"source": upload(source)})
    assert (missing.status_code, missing.get_json()["field"]) == (400, "video")
    assert client.post("/anonymize", data={}).get_json()["field"] == "photographs"
    no_video = client.post("/video", data={"source": upload(source), "video": (io.BytesIO(b"hello"), "x.mp4")})
    assert (no_video.status_code, no_video.get_json()["field"]) == (422, "video")
    monkeypatch.setattr(video_swapping, "MAX_FRAMES", 5)
    long = client.post("/video", data={"source": upload(source), "video": upload(clip)})
    assert (long.status_code, long.get_json()["field"]) == (422, "video")
    assert "more than 5" in long.get_json()["error"]
    assert "/tmp" not in long.get_json()["error"] + no_video.get_json()["error"]


def test_too_many_images_are_refused(client) -> None:
    files = [(io.BytesIO(b"x"), f"{n}.png") for n in range(70)]
    assert client.post("/anonymize", data={"photographs": files}).status_code == 413
