"""`python -m pipelines submit` against a local stub of the KFP API."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from google.protobuf import json_format
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec

Run = Callable[..., SimpleNamespace]
EXPERIMENT = {"experiment_id": "e1", "display_name": "swapcore"}


class Api(BaseHTTPRequestHandler):
    """The part of /apis/v2beta1 that a submission uses."""

    status = 200
    page = b""
    seen: list[tuple[str, str, str, bytes]] = []  # noqa: RUF012

    def handle_any(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.seen.append((self.command, self.path, self.headers.get("Authorization", ""), sent))
        body: dict[str, Any] = {"multi_user": False}
        if "/experiments" in self.path:
            body = {"experiments": [EXPERIMENT]} if self.command == "GET" else EXPERIMENT
        if "/runs" in self.path:
            body = {"run_id": "r1", "experiment_id": "e1"}
        self.send_response(self.status)
        self.send_header("Content-Type", "text/html" if self.page else "application/json")
        self.end_headers()
        self.wfile.write(self.page or json.dumps(body).encode())

    do_GET = do_POST = handle_any  # noqa: N815

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def api() -> Iterator[type[Api]]:
    handler = type("Fresh", (Api,), {"seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    handler.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield handler
    server.shutdown()
    server.server_close()


def test_a_run_is_submitted_and_its_url_printed(pipelines: Run, api: Any) -> None:
    settings = {"KFP_ENDPOINT": f"{api.url}/", "KFP_TOKEN": "secret", "KFP_NAMESPACE": "team"}
    done = pipelines("submit", "--name", "tuesday", "--no-cache", **settings)
    assert done.code == 0, done.error
    assert f"{api.url}/#/runs/details/r1" in done.out
    assert "secret" not in done.out + done.error
    assert {authorization for _, _, authorization, _ in api.seen} == {"Bearer secret"}
    assert any("namespace=team" in path for _, path, _, _ in api.seen)
    (body,) = [json.loads(sent) for method, path, _, sent in api.seen if method == "POST" and "/runs" in path]
    assert body["display_name"] == "tuesday"
    spec = json_format.ParseDict(body["pipeline_spec"]["pipeline_spec"], PipelineSpec())
    assert spec.components["comp-crop"].executor_label == "exec-crop"
    parameters = body["runtime_config"]["parameters"]
    assert parameters["photographs"] == ""
    assert parameters["train"]["model"]["width"] >= 8
    assert "null" in parameters["crop"]["recognizer"].values()


@pytest.mark.parametrize(
    ("status", "words"), [(401, "Unauthorized"), (404, "Not Found"), (500, "Internal Server Error")]
)
def test_a_refusal_is_one_line(pipelines: Run, api: Any, status: int, words: str) -> None:
    api.status = status
    done = pipelines("submit", KFP_ENDPOINT=api.url, KFP_TOKEN="expired")
    assert (done.code, done.error.count("\n")) == (1, 1), done.error
    assert words in done.error
    assert "expired" not in done.out + done.error


def test_a_login_page_is_one_line(pipelines: Run, api: Any) -> None:
    api.page = b"<html>Sign in</html>"
    done = pipelines("submit", KFP_ENDPOINT=api.url)
    assert (done.code, done.error.count("\n")) == (1, 1), done.error
    assert "KFP_TOKEN" in done.error


def test_a_wrong_host_is_one_line(pipelines: Run) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        done = pipelines("submit", KFP_ENDPOINT=f"http://127.0.0.1:{free.getsockname()[1]}")
    assert (done.code, done.error.count("\n")) == (1, 1), done.error
    assert "Connection refused" in done.error


@pytest.mark.parametrize("endpoint", ["", "kubeflow.example"])
def test_an_endpoint_without_scheme_is_a_one_line_error(pipelines: Run, endpoint: str) -> None:
    done = pipelines("submit", KFP_ENDPOINT=endpoint)
    assert (done.code, done.error.count("\n")) == (1, 1), done.error
    assert f"KFP_ENDPOINT={endpoint}" in done.error
    assert "No scheme supplied" in done.error


def test_an_unreadable_bucket_fails_before_any_request(
    pipelines: Run, api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    hidden = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
    done = pipelines("submit", "--photographs", "s3://box/people", KFP_ENDPOINT=api.url, **hidden)
    assert done.code == 5
    assert "no S3 credentials" in done.error
    assert api.seen == []
