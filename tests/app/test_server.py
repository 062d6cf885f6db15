"""The page's routes: swaps, metrics and marks; no access to other files or for other sites."""

import io
import json
import re
import socket
from pathlib import Path

import cv2
import numpy as np
import pytest

from swapcore.app import server
from swapcore.app.rendered_people import RenderedPeople
from swapcore.app.reports import PageReports
from swapcore.app.routes import MAX_KEPT_IMAGES, ResultStore
from swapcore.cli import main as cli
from swapcore.ops.image import encode_png
from swapcore.provenance.inspection import inspect_bytes
from tests.drawn_photographs import draw_face


def fields(photographs: Path, source: str = "source", template: str = "template") -> dict:
    return {
        field: (io.BytesIO((photographs / f"{name}.png").read_bytes()), f"C:/images/{name}.png")
        for field, name in (("source", source), ("template", template))
    }


def test_a_swap_returns_result_metrics_and_marks(client, photographs) -> None:
    response = client.post("/swap", data=fields(photographs)).get_json()
    data = client.get(response["result"]).data
    template = cv2.imread(str(photographs / "template.png"), cv2.IMREAD_COLOR_RGB)
    found = inspect_bytes(data, Path("result.png"))
    assert found.manifest is not None
    assert found.manifest.provenance is not None
    assert [i.name for i in found.manifest.provenance.ingredients] == ["source.png", "template.png"]
    assert found.watermark is not None
    shown = cv2.imdecode(np.frombuffer(client.get(response["template"]).data, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert np.array_equal(shown, template)
    assert response["truth"] is None
    assert {"cosine to source", "cosine to template"} <= set(response["metrics"])
    assert all(-1 <= response["metrics"][f"cosine to {who}"] <= 1 for who in ("source", "template"))
    assert "Self-made by swapcore, not trusted" in response["marks"]


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"source": None}, 400, "source: no image"),
        ({"template": "no_face"}, 422, "template: no face was found"),
        ({"source": "text"}, 422, "source: is none of"),
    ],
)
def test_an_error_is_one_line_that_names_the_field(client, photographs, change, status, message) -> None:
    data = fields(photographs)
    for field, name in change.items():
        if name is None:
            del data[field]
        else:
            file = b"hello" if name == "text" else (photographs / f"{name}.png").read_bytes()
            data[field] = (io.BytesIO(file), "x.png")
    response = client.post("/swap", data=data)
    assert response.status_code == status
    assert message in response.get_json()["error"]
    assert "\n" not in response.get_json()["error"]


def test_large_uploads_are_refused(client, photographs, monkeypatch) -> None:
    client.application.config["MAX_CONTENT_LENGTH"] = 1000
    response = client.post("/swap", data=fields(photographs))
    assert response.status_code == 413
    assert "use smaller ones" in response.get_json()["error"]


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt", "/report/../../secret.txt", "/report/..%2f..%2fsecret.txt", "/report/%2e%2e/secret.txt",
        "/report/metrics.json", "/report/", "/images/../../secret.txt.png", "/images/..%2f..%2fsheet.png",
        "/images/%2fetc%2fpasswd.png", "/page/main.js", "/server.py", "//etc/passwd", "/report/sheet.png/../metrics.json",
        "/report\\..\\secret.txt", "/static/main.js", "/examples/__init__.py", "/examples/../server.py", "/champion-report/sheet.png",
        "/report/card.json", "/jobs/x/../../secret.txt", "/jobs/x/swapped.mp4",
    ],
)  # fmt: skip
def test_no_other_file_of_the_server_is_served(client, path) -> None:
    response = client.get(path)
    assert response.status_code in {400, 404, 308}
    assert b"secret" not in response.data
    assert b"root:" not in response.data


def test_the_page_and_the_last_evaluation_are_served(client, report) -> None:
    assert client.get("/about").get_json()["reports"] == ["/report/sheet.png", "/report/report.html"]
    assert client.get("/report/sheet.png").data == (report / "sheet.png").read_bytes()
    assert "sandbox" in client.get("/report/report.html").headers["Content-Security-Policy"]
    page = client.get("/")
    assert b"<title>swapcore</title>" in page.data
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert client.get("/main.js").mimetype == "text/javascript"


def test_every_script_that_the_page_imports_is_served(client) -> None:
    folder = Path(server.__file__).parent / "page"
    for path in folder.iterdir():
        assert client.get(f"/{path.name.replace('index.html', '')}").data == path.read_bytes()
    imported = {name for path in folder.glob("*.js") for name in re.findall(r'from "(/\w+\.js)"', path.read_text())}
    assert imported
    assert all(client.get(name).status_code == 200 for name in imported)


def test_examples_are_small_images_without_real_people(client) -> None:
    about = client.get("/about").get_json()
    assert len(about["examples"]) == 6
    data = [client.get(url).data for url in [*about["examples"], about["clip"]]]
    assert sum(map(len, data)) <= 150_000
    assert cv2.imdecode(np.frombuffer(data[0], np.uint8), cv2.IMREAD_COLOR).shape == (720, 720, 3)


def test_the_evaluation_states_the_model_and_known_metrics_only(client) -> None:
    (described,) = client.get("/evaluations").get_json()["evaluations"]
    assert described["model"] == "model"
    assert (described["pairs"], described["people"]) == (40, 12)
    assert "secret" not in json.dumps(described)
    top1 = next(metric for metric in described["metrics"] if metric["label"] == "Source retrieved first")
    assert (top1["value"], top1["low"], top1["copied"], top1["headline"]) == (91.5, 91.4, 4.0, True)
    assert [metric["headline"] for metric in described["metrics"]] == [True, True, True, False]


def test_the_page_works_without_an_evaluation(models, tmp_path) -> None:
    client = server.make_app(models, PageReports(tmp_path), RenderedPeople(tmp_path), None).test_client()
    assert client.get("/evaluations").get_json()["evaluations"] == []
    assert client.get("/about").get_json()["reports"] == []
    assert "dvc repro" in client.get("/report/sheet.png").get_json()["error"]


def test_requests_of_other_sites_are_refused(client, photographs) -> None:
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400
    response = client.post("/swap", data=fields(photographs), headers={"Sec-Fetch-Site": "cross-site"})
    assert response.status_code == 403
    for path in ("/anonymize", "/video"):
        assert client.post(path, headers={"Sec-Fetch-Site": "same-site"}).status_code == 403
    assert client.delete("/jobs/x", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_only_offered_models_and_known_choices_of_faces_are_accepted(client, photographs) -> None:
    for changes, field in (({"model": "/etc"}, "model"), ({"face": "none"}, "face")):
        response = client.post("/swap", data=fields(photographs) | changes)
        assert response.status_code == 422
        assert response.get_json()["field"] == field


def test_all_faces_are_replaced(client, photographs) -> None:
    two, _ = draw_face(1, size_px=400, eye_distance_px=50, center=(0.25, 0.45))
    two, _ = draw_face(2, size_px=400, eye_distance_px=50, center=(0.75, 0.45), into=two)
    for face, num_faces in (("largest", 1), ("all", 2)):
        data = fields(photographs) | {"face": face, "template": (io.BytesIO(encode_png(two)), "two.png")}
        assert client.post("/swap", data=data).get_json()["num_faces"] == num_faces
    refused = client.post("/swap", data=fields(photographs) | {"template": (io.BytesIO(encode_png(two)), "two.png")})
    assert (refused.get_json()["field"], refused.get_json()["reason"]) == ("template", "several-faces")


def test_old_images_are_dropped() -> None:
    images = ResultStore()
    names = [images.add(bytes([n])).removeprefix("/images/").removesuffix(".png") for n in range(MAX_KEPT_IMAGES + 1)]
    assert images.get(names[0]) is None
    assert images.get(names[-1]) == bytes([MAX_KEPT_IMAGES])


def test_a_taken_port_or_an_unknown_model_is_one_line(model, tmp_path, capsys) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        words = ["--port", str(taken.getsockname()[1]), "--model", str(model)]
        for arguments, message in (
            (words, "in use"),
            (["--port", "0", "--model", str(tmp_path / "no")], "no such model"),
        ):
            with pytest.raises(SystemExit) as ended:
                cli.main(["app", *arguments])
            assert ended.value.code == 2
            err = capsys.readouterr().err
            assert message in err
            assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:81", "https://localhost.evil.example"]
)
def test_a_post_from_another_site_is_refused_also_without_sec_fetch_site(client, photographs, origin):
    response = client.post("/swap", headers={"Origin": origin}, data={})
    assert response.status_code == 403
    assert client.post("/swap", headers={"Origin": "http://localhost"}, data={}).status_code == 400  # no image
