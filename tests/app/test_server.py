"""The page swaps and shows what it is given, and nothing else: no file of the server, no other site, one line for a mistake."""

import io
import socket
from pathlib import Path

import cv2
import numpy as np
import pytest

from swapcore.app import server
from swapcore.cli import main as cli
from swapcore.provenance.inspection import inspect_bytes


def fields(photographs: Path, source: str = "source", template: str = "template") -> dict:
    return {
        field: (io.BytesIO((photographs / f"{name}.png").read_bytes()), f"C:/pictures/{name}.png")
        for field, name in (("source", source), ("template", template))
    }


def test_a_swap_shows_result_figures_and_marks(client, photographs) -> None:
    answer = client.post("/swap", data=fields(photographs)).get_json()
    data = client.get(answer["result"]).data
    template = cv2.imread(str(photographs / "template.png"), cv2.IMREAD_COLOR_RGB)
    found = inspect_bytes(data, Path("result.png"))
    assert found.manifest is not None
    assert found.manifest.provenance is not None
    assert [i.name for i in found.manifest.provenance.ingredients] == ["source.png", "template.png"]
    assert found.watermark is not None
    shown = cv2.imdecode(np.frombuffer(client.get(answer["template"]).data, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert np.array_equal(shown, template)
    assert answer["truth"] is None
    assert {"cosine to source", "cosine to template"} <= set(answer["figures"])
    assert all(-1 <= answer["figures"][f"cosine to {who}"] <= 1 for who in ("source", "template"))
    assert "Self-made by swapcore, not trusted" in answer["marks"]


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"source": None}, 400, "source: no photograph"),
        ({"template": "nobody"}, 422, "template: no face was found"),
        ({"source": "text"}, 422, "source: is none of"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_field(client, photographs, change, status, said) -> None:
    data = fields(photographs)
    for field, name in change.items():
        if name is None:
            del data[field]
        else:
            file = b"hello" if name == "text" else (photographs / f"{name}.png").read_bytes()
            data[field] = (io.BytesIO(file), "x.png")
    answer = client.post("/swap", data=data)
    assert answer.status_code == status
    assert said in answer.get_json()["error"]
    assert "\n" not in answer.get_json()["error"]


def test_uploads_are_bounded(client, photographs, monkeypatch) -> None:
    client.application.config["MAX_CONTENT_LENGTH"] = 1000
    answer = client.post("/swap", data=fields(photographs))
    assert answer.status_code == 413
    assert "use smaller ones" in answer.get_json()["error"]


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt", "/report/../../secret.txt", "/report/..%2f..%2fsecret.txt", "/report/%2e%2e/secret.txt",
        "/report/metrics.json", "/report/", "/pictures/../../secret.txt.png", "/pictures/..%2f..%2fsheet.png",
        "/pictures/%2fetc%2fpasswd.png", "/page/app.js", "/server.py", "//etc/passwd", "/report/sheet.png/../metrics.json",
        "/report\\..\\secret.txt", "/static/app.js",
    ],
)  # fmt: skip
def test_no_file_of_the_server_is_reached(client, path) -> None:
    answer = client.get(path)
    assert answer.status_code in {400, 404, 308}
    assert b"secret" not in answer.data
    assert b"root:" not in answer.data


def test_pages_and_the_last_evaluation(client, report) -> None:
    assert client.get("/about").get_json()["reports"] == ["/report/sheet.png", "/report/report.html"]
    assert client.get("/report/sheet.png").data == (report / "sheet.png").read_bytes()
    assert "sandbox" in client.get("/report/report.html").headers["Content-Security-Policy"]
    page = client.get("/")
    assert b"<title>swapcore</title>" in page.data
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert client.get("/app.js").mimetype == "text/javascript"


def test_without_an_evaluation_the_page_still_works(swapping, tmp_path) -> None:
    client = server.make_app(swapping, tmp_path, None).test_client()
    assert client.get("/about").get_json()["reports"] == []
    assert "dvc repro" in client.get("/report/sheet.png").get_json()["error"]


def test_another_sites_name_or_request_is_refused(client, photographs) -> None:
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400
    answer = client.post("/swap", data=fields(photographs), headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_old_pictures_are_forgotten() -> None:
    pictures = server.Pictures()
    names = [pictures.keep(bytes([n])).removeprefix("/pictures/").removesuffix(".png") for n in range(server.KEPT + 1)]
    assert pictures.find(names[0]) is None
    assert pictures.find(names[-1]) == bytes([server.KEPT])


def test_a_taken_port_and_an_unknown_model_are_one_line(model, tmp_path, capsys) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        words = ["--port", str(taken.getsockname()[1]), "--model", str(model)]
        for arguments, said in ((words, "in use"), (["--port", "0", "--model", str(tmp_path / "no")], "no such model")):
            with pytest.raises(SystemExit) as ended:
                cli.main(["app", *arguments])
            assert ended.value.code == 2
            err = capsys.readouterr().err
            assert said in err
            assert len(err.splitlines()) == 1
