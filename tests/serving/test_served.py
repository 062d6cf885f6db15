"""`swapcore serve` and `swapcore export` end to end: a real server, bad requests, several clients."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from swapcore.ops.image import decode
from swapcore.serving.requests import MAX_PAIRS, SwapRequest, to_base64
from tests.drawn_photographs import draw_face
from tests.serving.test_requests import WRONG, make_image

COMMAND = [str(Path(sys.executable).parent / "swapcore")]
PAIR = {"source": to_base64(draw_face(5)[0]), "template": to_base64(draw_face(6)[0])}
CROPS = {"source": to_base64(make_image(64)), "template": to_base64(make_image(64, 1)), "aligned": True}
NO_FACE = to_base64(np.full((300, 300, 3), 120, np.uint8))
NUM_CLIENTS, NUM_EACH = 8, 4


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def server(registered_model: str, tmp_path_factory: pytest.TempPathFactory):
    """The port of a server of the registered model, with a limit of 8 MB."""
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    words = ["serve", "--model", "models:/served@challenger", "--port", str(port), "--max-request-megabytes", "8"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            COMMAND + words, cwd=folder, stdout=log, stderr=log, start_new_session=True,
            env=os.environ | {"MLFLOW_TRACKING_URI": registered_model, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        try:
            wait_until_up(port, folder / "log")
            yield port
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_until_up(port: int, log: Path) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=2):
                return
        except OSError:
            time.sleep(0.5)
    raise AssertionError(log.read_text()[-3000:])


def send(port: int, body: bytes, *, path: str = "/invocations", kind: str = "application/json") -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def post(port: int, *pairs: object) -> tuple[int, str]:
    return send(port, json.dumps({"inputs": list(pairs)}).encode())


def images_of(body: str) -> list[np.ndarray]:
    return [decode(base64.b64decode(text)) for text in json.loads(body)["predictions"]]


@pytest.mark.slow
def test_images_and_crops_are_swapped(server, swapper):
    status, body = post(server, PAIR, CROPS)
    assert status == 200, body
    photograph, crop = images_of(body)
    assert photograph.shape == decode(base64.b64decode(PAIR["template"])).shape
    expected = swapper.model.swap_crops(make_image(64)[None], make_image(64, 1)[None])[0]
    assert np.abs(crop.astype(int) - expected).max() <= 1


BAD_PAIRS = {
    "no template": ({"source": PAIR["source"]}, "template"),
    "no source": ({"template": PAIR["template"]}, "source"),
    "an unknown field": ({**PAIR, "extra": 1}, "extra"),
    "a number for an image": ({**PAIR, "source": 7}, "source"),
    "null for an image": ({**PAIR, "source": None}, "source"),
    "a list for an image": ({**PAIR, "template": [PAIR["template"]]}, "template"),
    "aligned is no yes or no": ({**CROPS, "aligned": "perhaps"}, "aligned"),
    "a number for a face": ({**PAIR, "face": 1}, "face"),
    "an unknown face": ({**PAIR, "face": "left"}, "inputs[0].face: 'left' is no choice"),
    "a face too many": ({**PAIR, "face": "3"}, "inputs[0].template: there is no face 3: 1 were found"),
    "no face in the source": ({**PAIR, "source": NO_FACE}, "inputs[0].source: no face was found"),
    "no face in the template": ({**PAIR, "template": NO_FACE}, "inputs[0].template: no face was found"),
    "no pair at all": ("source and template", ""),
    **{f"source: {name}": ({**CROPS, "source": text}, problem) for name, (text, problem) in WRONG.items()},
}


@pytest.mark.slow
@pytest.mark.parametrize(("pair", "reason"), BAD_PAIRS.values(), ids=BAD_PAIRS.keys())
def test_a_bad_pair_is_400_with_a_reason(server, pair, reason):
    status, body = post(server, pair)
    assert status == 400, body
    assert reason in json.loads(body)["message"]
    assert "Traceback" not in json.loads(body)["message"]


MESSAGE = {
    "type": "object",
    "required": ["message"],
    "properties": {"message": {"type": "string", "minLength": 9}},
}


def specification() -> dict[str, Any]:
    """An OpenAPI document of the served model; images of some pairs are real ones."""
    request = SwapRequest.model_json_schema()
    image = {
        "anyOf": [
            {"enum": [CROPS["source"], PAIR["source"], NO_FACE, PAIR["source"][:400]]},
            {"type": "string"},
            {"type": "null"},
        ]
    }
    request["properties"] |= {
        "source": image,
        "template": image,
        "face": {"anyOf": [{"enum": ["all", "1"]}, {}]},
        "aligned": {},
    }
    body = {
        "type": "object",
        "properties": {"inputs": {"anyOf": [{"type": "array", "maxItems": 2, "items": request}, {}]}},
    }
    responses = {"200": {"description": "images"}}
    for code in ("400", "413", "415", "422"):
        responses[code] = {"description": "one line", "content": {"application/json": {"schema": MESSAGE}}}
    operation = {"requestBody": {"content": {"application/json": {"schema": body}}}, "responses": responses}
    return {
        "openapi": "3.1.0",
        "info": {"title": "served", "version": "1"},
        "paths": {"/invocations": {"post": operation}},
    }


@pytest.mark.slow
def test_generated_requests_are_answered_or_refused_in_one_line(server):
    schema = schemathesis.openapi.from_dict(specification())
    checks = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
    (operation,) = (found.ok() for found in schema.get_all_operations())
    for mode in GenerationMode:

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
        def ask(case):
            response = case.call_and_validate(base_url=f"http://127.0.0.1:{server}", checks=checks)
            assert "Traceback" not in response.text

        ask()


@pytest.mark.slow
def test_several_faces_instead_of_one_is_400(server, two_faces):
    status, body = post(server, {**PAIR, "template": to_base64(two_faces)})
    assert (status, "inputs[0].template: 2 faces were found" in body) == (400, True)


BAD_BODIES = {
    "not JSON": (b"source=a&template=b", 400),
    "nothing": (b"", 400),
    "a list": (b"[1, 2]", 400),
    "no inputs": (b"{}", 400),
    "inputs that are no list": (b'{"inputs": 3}', 400),
    "too many pairs": (json.dumps({"inputs": [{"source": "", "template": ""}] * (MAX_PAIRS + 1)}).encode(), 400),
    "9 MB": (b" " * 9_000_000, 413),
}


@pytest.mark.slow
@pytest.mark.parametrize(("body", "status"), BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_a_bad_body_is_refused(server, body, status):
    got, text = send(server, body)
    assert got == status, text
    assert json.loads(text)["message"]


@pytest.mark.slow
def test_another_path_or_content_type_is_refused(server):
    assert send(server, b"{}", path="/elsewhere")[0] == 404
    for kind in (
        "",
        "text/plain",
        "text/csv",
        "application/x-parquet",
        "application/json; charset=latin-1",
        "application/json;x=y",
    ):
        status, text = send(server, b"a,b\n1,2\n", kind=kind)
        assert (status, "send application/json" in json.loads(text)["message"]) == (415, True)
    assert send(server, b'{"inputs": []}', kind='Application/JSON; charset="UTF-8"')[0] == 200


@pytest.mark.slow
def test_concurrent_clients_get_the_same_result(server):
    """Each response has its own signature, so pixels are compared; for load see benchmarks/serving.py."""
    (expected,) = images_of(post(server, CROPS)[1])
    with ThreadPoolExecutor(NUM_CLIENTS) as clients:
        responses = list(clients.map(lambda _: post(server, CROPS), range(NUM_CLIENTS * NUM_EACH)))
    assert {status for status, _ in responses} == {200}
    assert all(np.array_equal(images_of(body)[0], expected) for _, body in responses)


def run_command(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    return subprocess.run(
        COMMAND + list(words), cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["serve", "--model", "models/swap"], "not a model reference; use models:/NAME@ALIAS or models:/NAME/VERSION"),
        (["serve"], "no such model registry; run in the project's folder or set MLFLOW_TRACKING_URI"),
        (["serve", "--port", "0"], "--port"),
        (
            ["export", "--model", "x", "--output", "x.pt"],
            "--output x.pt: not an ONNX file name; name a file that ends in .onnx",
        ),
        (["export", "--model", "x", "--output", "old.onnx"], "--output old.onnx: exists already"),
        (["export", "--model", "x", "--output", "new.onnx"], "x: no such model"),
    ],
)
def test_an_error_is_one_line(tmp_path, words, problem):
    (tmp_path / "old.onnx").touch()
    done = run_command(*words, folder=tmp_path)
    assert done.returncode == 2
    assert problem in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old.onnx"]


def test_a_port_in_use_is_one_line(registered_model, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        words = ["serve", "--model", "models:/served/1", "--port", str(taken.getsockname()[1])]
        done = subprocess.run(
            COMMAND + words, cwd=tmp_path, env=os.environ | {"MLFLOW_TRACKING_URI": registered_model},
            capture_output=True, text=True, timeout=300,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("; choose another")


def test_a_model_is_exported_from_the_command_line(model, tmp_path):
    done = run_command("export", "--model", str(model), "--output", "swap.onnx", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "swap.onnx: crops of 64 px; maximum difference from PyTorch" in done.stdout
    assert (tmp_path / "swap.onnx").stat().st_size > 1_000_000
