"""A registry that refuses, answers with a page, or answers too late: one line, without the password."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from swapcore.errors import SwapcoreError
from swapcore.tracking.fetching import resolve_version

PASSWORD = "p@ss/w@rd"
RESPONSES = {
    "refused": (401, "application/json", json.dumps({"error_code": "UNAUTHENTICATED", "message": "log in"})),
    "forbidden": (403, "application/json", json.dumps({"error_code": "PERMISSION_DENIED", "message": "not yours"})),
    "forbidden page": (403, "text/html", "<html>\n<body>\nForbidden\n</body></html>"),
    "page": (200, "text/html", "<html>\n<body>\nPlease log in\n</body></html>"),
    "broken": (500, "text/plain", "Internal\nServer\nError"),
    "half a JSON": (200, "application/json", '{"model_version": {"name": '),
    "other JSON": (200, "application/json", "[]"),
    "slow": (200, "application/json", "{}"),
}


@pytest.fixture
def registry(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URI, with a password, of a server that always gives one response."""
    code, kind, body = RESPONSES[request.param]
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if request.param == "slow":
                ended.wait(500)  # the client has to end first
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    uri = f"http://user:{PASSWORD.replace('/', '%2F')}@127.0.0.1:{server.server_port}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    yield uri
    ended.set()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("registry", RESPONSES, indirect=True)
def test_a_bad_response_is_one_line_without_the_password(registry):
    with pytest.raises(SwapcoreError) as caught:
        resolve_version("face", alias="champion")
    line = str(caught.value)
    assert "\n" not in line
    assert "p@ss" not in line
    assert "w@rd" not in line
