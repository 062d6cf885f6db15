"""`swapcore doctor`: what is found, what is missing, and the exit code."""

import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from swapcore.cli import checks
from swapcore.cli.main import main


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[str]:
    class Refusing(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503 if "broken" in self.path else 403)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_this_installation_is_complete(capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor"])
    rows = capsys.readouterr().out.splitlines()
    names = {row.split("  ")[0] for row in rows}
    assert {"Python", "torch", "device", "CPU", "MLflow", "S3", "disk", "mediapipe", "anny"} <= names
    assert not [row for row in rows if " missing " in row]
    assert len({row.index(row.split()[-1]) > 20 for row in rows}) == 1


def test_a_server_that_does_not_answer_is_missing_and_the_exit_code_is_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:secret@127.0.0.1:9/")
    with pytest.raises(SystemExit) as ended:
        main(["doctor"])
    assert ended.value.code == 1
    out = capsys.readouterr().out
    assert "MLFLOW_TRACKING_URI" in out
    assert "secret" not in out


def test_an_answer_that_refuses_anonymous_access_is_reachable(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    assert checks.check_s3().status == "ok"
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"{server}/broken")
    assert checks.check_s3() == checks.Check("S3", "missing", f"{server}/broken: HTTP 503; check AWS_ENDPOINT_URL")


@pytest.mark.parametrize(
    ("variable", "check"), [("AWS_ENDPOINT_URL", checks.check_s3), ("MLFLOW_TRACKING_URI", checks.check_mlflow)]
)
def test_a_server_is_found_by_an_address_with_a_password_that_is_not_shown(
    variable: str, check: Callable[[], checks.Check], server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, server.replace("//", "//user:p@ss@w0rd@"))
    found = check()
    assert found.status == "ok"
    assert server in found.detail
    assert "ss@" not in found.detail


def test_s3_that_is_not_configured_is_optional() -> None:
    assert checks.check_s3().status == "optional"


@pytest.mark.parametrize(("is_needed", "status"), [(True, "missing"), (False, "optional")])
def test_absent_model_files_name_the_command_that_installs_them(is_needed: bool, status: str) -> None:
    absent = checks.ModelFiles("no-such-distribution", "no_such_module", ("x",), "1.2", is_needed, "a purpose")
    check = checks.check_model_files(absent)
    assert check.status == status
    assert "pip install --no-deps no-such-distribution==1.2" in check.detail


def test_another_version_than_the_pinned_one_is_named() -> None:
    other = checks.ModelFiles("click", "click", ("core.py",), "0.0.1", True, "a purpose")
    assert checks.check_model_files(other).detail.startswith("version ")


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usage = checks.shutil.disk_usage(tmp_path)._replace(free=10**8)
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda _: usage)
    assert checks.check_disk(tmp_path).status == "missing"


def test_a_missing_requirement_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    requires = ["click", "no-such-package>=2", 'no-such-extra; extra == "onnx"', 'mypy; extra == "dev"']
    monkeypatch.setattr(checks.importlib.metadata, "requires", lambda _: requires)
    found = {check.name: check for check in checks.check_packages()}
    assert found["packages"] == checks.Check(
        "packages", "missing", "missing no-such-package; pip install no-such-package"
    )
    assert found["packages (onnx)"].status == "optional"
    assert found["packages (pipeline)"].status == "ok"
