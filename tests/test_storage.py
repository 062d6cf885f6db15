"""swapcore.storage against a real S3 server on loopback, through a proxy that injects faults."""

import hashlib
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import botocore.loaders
import botocore.session
import pytest
from moto.server import ThreadedMotoServer

from swapcore.cli import main as cli
from swapcore.errors import StorageError
from swapcore.stages import register
from swapcore.storage import (
    CARD,
    UNFINISHED,
    RetryPolicy,
    fetch,
    fingerprint,
    is_remote,
    local_ports,
    upload,
)

PART_BYTES = 5 * 2**20  # the least that S3 takes; the tests move many such files
SESSION, LOADER = boto3.Session, botocore.loaders.create_loader()
FAST_RETRIES = RetryPolicy(
    request_attempts=3, file_attempts=3, back_off_s=0.01, connect_timeout_s=1.0, read_timeout_s=1.0
)
Fault = Callable[[str, str, int], str | None]  # (method, path, how many such requests came before) -> what to do


class Proxy(BaseHTTPRequestHandler):
    """Forwards requests to the store; `fault` is 500, cut, stall or flip."""

    protocol_version = "HTTP/1.1"
    target = ""
    fault: Fault = staticmethod(lambda method, path, number: None)
    counts: dict[tuple[str, str], int] = {}  # noqa: RUF012
    log: list[tuple[str, str]] = []  # noqa: RUF012

    def handle_any(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        key = (self.command, self.path.split("?")[0])
        number = self.counts.get(key, 0)
        self.counts[key] = number + 1
        self.log.append(key)
        fault = type(self).fault(*key, number)
        if fault == "500":
            body = b"<Error><Code>InternalError</Code><Message>injected</Message></Error>"
            return self.answer(500, {"Content-Type": "application/xml"}, body)
        if fault == "flip-sent":
            sent = flipped(sent)
        headers = {name: value for name, value in self.headers.items() if name != "Connection"}
        status, headers, body = self.ask(sent, headers)
        if fault == "flip":
            body = flipped(body)
            headers = {name: value for name, value in headers.items() if "checksum" not in name.lower()}
        return self.answer(status, headers, body, fault)

    def ask(self, sent: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.target, timeout=30)
        connection.request(self.command, self.path, sent, headers)
        reply = connection.getresponse()
        status, headers, body = reply.status, dict(reply.headers), reply.read()
        connection.close()
        return status, headers, body

    def answer(self, status: int, headers: dict[str, str], body: bytes, fault: str | None = None) -> None:
        self.send_response_only(status)
        length = headers.get("Content-Length") if self.command == "HEAD" else str(len(body))
        for name, value in {**headers, "Content-Length": length or "0"}.items():
            if name.lower() not in {"connection", "transfer-encoding"}:
                self.send_header(name, value)
        self.end_headers()
        if fault in {"cut", "stall"}:
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            if fault == "stall":
                time.sleep(FAST_RETRIES.read_s * 1.5)
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any  # noqa: N815

    def log_message(self, *arguments: object) -> None:
        pass


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :] if data else data


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def quick_session() -> boto3.Session:
    """A new session, as storage creates it, that reuses botocore's parsed service models."""
    core = botocore.session.get_session()
    core.register_component("data_loader", LOADER)
    return SESSION(botocore_session=core)


@pytest.fixture
def store(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Proxy]]:
    """An empty bucket `box` behind the proxy, and the AWS variables for it."""
    urllib.request.urlopen(urllib.request.Request(f"{moto_url}/moto-api/reset", method="POST"))
    handler = type("Fresh", (Proxy,), {"target": moto_url.removeprefix("http://"), "counts": {}, "log": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setattr("swapcore.storage.PART_BYTES", PART_BYTES)
    monkeypatch.setattr("swapcore.storage.boto3.Session", quick_session)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    settings = {"ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}", "DEFAULT_REGION": "us-east-1"}
    settings |= {"ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test", "EC2_METADATA_DISABLED": "true"}
    settings |= {"SHARED_CREDENTIALS_FILE": os.devnull, "CONFIG_FILE": os.devnull}
    for name, value in settings.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    client().create_bucket(Bucket="box")
    yield handler
    server.shutdown()
    server.server_close()


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    """A small artifact: a card, a file in a sub-folder, an empty file, and a multipart file."""
    folder = tmp_path / "made"
    (folder / "sheets").mkdir(parents=True)
    (folder / CARD).write_text(json.dumps({"kind": "model"}))
    (folder / "sheets/ä b.png").write_bytes(b"picture")
    (folder / "empty").write_bytes(b"")
    (folder / "weights").write_bytes(os.urandom(PART_BYTES + 100_000))
    return folder


def client() -> Any:
    return quick_session().client("s3")


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def transferred(store: type[Proxy], method: str) -> list[str]:
    return [path for verb, path in store.log if verb == method and path.count("/") > 2]


def on(method: str, part: str, fault: str, times: int) -> Fault:
    return staticmethod(  # type: ignore[return-value]
        lambda verb, path, number: fault if verb == method and path.endswith(part) and number < times else None
    )


def test_upload_and_fetch_round_trip(store: type[Proxy], artifact: Path, tmp_path: Path) -> None:
    sent = upload(artifact, "s3://box/models/one")
    got = fetch("s3://box/models/one", tmp_path / "got")
    assert contents(tmp_path / "got") == contents(artifact)
    assert (sent.num_moved, got.num_moved, got.num_kept) == (4, 4, 0)
    assert got.bytes_moved == sum(path.stat().st_size for path in artifact.rglob("*") if path.is_file())
    assert leftovers(tmp_path) == []


def test_large_files_are_multipart(store: type[Proxy], artifact: Path) -> None:
    upload(artifact, "s3://box/m")
    assert client().head_object(Bucket="box", Key="m/weights")["ETag"].endswith('-2"')


def test_only_changed_files_are_transferred(store: type[Proxy], artifact: Path, tmp_path: Path) -> None:
    upload(artifact, "s3://box/m")
    fetch("s3://box/m", tmp_path / "got")
    (artifact / "sheets/ä b.png").write_bytes(b"PICTURE")  # as long as before
    (artifact / "empty").unlink()
    store.log.clear()
    assert upload(artifact, "s3://box/m").num_moved == 1
    assert fetch("s3://box/m", tmp_path / "got").num_moved == 1
    assert contents(tmp_path / "got") == contents(artifact)
    assert not [path for path in transferred(store, "GET") if path.endswith("weights")]
    store.log.clear()
    assert upload(artifact, "s3://box/m").num_moved == fetch("s3://box/m", tmp_path / "got").num_moved == 0
    assert transferred(store, "PUT") == transferred(store, "GET") == []


def test_damaged_local_file_is_fetched_again(store: type[Proxy], artifact: Path, tmp_path: Path) -> None:
    upload(artifact, "s3://box/m")
    fetch("s3://box/m", tmp_path / "got")
    data = bytearray((tmp_path / "got/weights").read_bytes())
    data[12345] ^= 1
    (tmp_path / "got/weights").write_bytes(data)
    (tmp_path / "got/stray").write_bytes(b"not in the store")
    assert fetch("s3://box/m", tmp_path / "got").num_moved == 1
    assert contents(tmp_path / "got") == contents(artifact)


def test_foreign_objects_are_verified_by_etag(store: type[Proxy], tmp_path: Path) -> None:
    s3 = client()
    s3.put_object(Bucket="box", Key="people/ann/1.png", Body=b"one")
    s3.put_object(Bucket="box", Key="people/ann/", Body=b"")  # a console's folder marker
    upload = s3.create_multipart_upload(Bucket="box", Key="people/ann/2.png")["UploadId"]
    where = {"Bucket": "box", "Key": "people/ann/2.png", "UploadId": upload}
    bodies = [os.urandom(9 * 2**20), os.urandom(9 * 2**20), b"end"]  # their part size is not ours
    tags = [s3.upload_part(**where, PartNumber=i, Body=body)["ETag"] for i, body in enumerate(bodies, 1)]
    parts = [{"PartNumber": i, "ETag": tag} for i, tag in enumerate(tags, 1)]
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    fetch("s3://box/people", tmp_path / "people")
    assert (tmp_path / "people/ann/2.png").read_bytes() == b"".join(bodies)
    store.fault = on("GET", "2.png", "flip", 99)
    with pytest.raises(StorageError, match="wrong checksum"):
        fetch("s3://box/people", tmp_path / "other", FAST_RETRIES)


@pytest.mark.parametrize("fault", ["500", "cut", "stall", "flip"])
@pytest.mark.parametrize("name", ["weights", "b.png"])
def test_fetch_recovers_from_temporary_faults(
    store: type[Proxy], artifact: Path, tmp_path: Path, fault: str, name: str
) -> None:
    upload(artifact, "s3://box/m")
    store.fault = on("GET", name, fault, 2)
    fetch("s3://box/m", tmp_path / "got", FAST_RETRIES)
    assert contents(tmp_path / "got") == contents(artifact)
    assert sum(path.endswith(name) for path in transferred(store, "GET")) > 1


@pytest.mark.parametrize("fault", ["500", "cut", "stall", "flip"])
def test_failed_fetch_keeps_the_old_folder(store: type[Proxy], artifact: Path, tmp_path: Path, fault: str) -> None:
    upload(artifact, "s3://box/m")
    (tmp_path / "got").mkdir()
    (tmp_path / "got/old").write_bytes(b"old")
    store.fault = on("GET", "b.png", fault, 999)
    with pytest.raises(StorageError, match=r"^s3://box/m: ") as caught:
        fetch("s3://box/m", tmp_path / "got", FAST_RETRIES)
    assert "\n" not in str(caught.value)
    assert list(contents(tmp_path / "got")) == ["old"]
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("fault", ["500", "cut", "flip-sent"])
@pytest.mark.parametrize("name", ["weights", "b.png", CARD])
def test_upload_recovers_from_temporary_faults(
    store: type[Proxy], artifact: Path, tmp_path: Path, fault: str, name: str
) -> None:
    store.fault = on("PUT", name, fault, 2)
    upload(artifact, "s3://box/m", FAST_RETRIES)
    store.fault = on("", "", "", 0)
    fetch("s3://box/m", tmp_path / "got")
    assert contents(tmp_path / "got") == contents(artifact)


@pytest.mark.parametrize("fault", ["500", "flip-sent"])
def test_interrupted_upload_is_not_an_artifact(store: type[Proxy], artifact: Path, tmp_path: Path, fault: str) -> None:
    upload(artifact, "s3://box/m")
    (artifact / "weights").write_bytes(os.urandom(1000))
    store.fault = on("PUT", "weights", fault, 999)
    with pytest.raises(StorageError):
        upload(artifact, "s3://box/m", FAST_RETRIES)
    with pytest.raises(StorageError, match="upload again"):
        fetch("s3://box/m", tmp_path / "got")
    assert not (tmp_path / "got").exists()
    store.fault = on("", "", "", 0)
    upload(artifact, "s3://box/m")
    fetch("s3://box/m", tmp_path / "got")
    assert contents(tmp_path / "got") == contents(artifact)


def test_corrupted_object_is_rejected(store: type[Proxy], artifact: Path, tmp_path: Path) -> None:
    upload(artifact, "s3://box/m")
    s3 = client()
    metadata = s3.head_object(Bucket="box", Key="m/sheets/ä b.png")["Metadata"]
    s3.put_object(Bucket="box", Key="m/sheets/ä b.png", Body=b"pictuRe", Metadata=metadata)
    with pytest.raises(StorageError, match="wrong checksum"):
        fetch("s3://box/m", tmp_path / "got", FAST_RETRIES)
    assert not (tmp_path / "got").exists()


def test_slow_store_works(store: type[Proxy], artifact: Path, tmp_path: Path) -> None:
    upload(artifact, "s3://box/m")

    def slow(method: str, path: str, number: int) -> None:
        time.sleep(0.3)

    store.fault = staticmethod(slow)  # type: ignore[assignment]
    fetch("s3://box/m", tmp_path / "got", FAST_RETRIES)
    assert contents(tmp_path / "got") == contents(artifact)


def test_foreign_objects_are_not_deleted(store: type[Proxy], artifact: Path) -> None:
    client().put_object(Bucket="box", Key="m/thesis.tex", Body=b"years")
    with pytest.raises(StorageError, match=r"contains other files \(thesis.tex\)"):
        upload(artifact, "s3://box/m")
    assert client().list_objects_v2(Bucket="box")["KeyCount"] == 1


@pytest.mark.parametrize("key", ["m/../../evil", "m//evil", "m/a/../evil", "m/./evil"])
def test_key_outside_the_folder_is_rejected(store: type[Proxy], tmp_path: Path, key: str) -> None:
    client().put_object(Bucket="box", Key=key, Body=b"evil")
    with pytest.raises(StorageError, match="not a path inside a folder"):
        fetch("s3://box/m", tmp_path / "deep" / "got")
    assert list(tmp_path.rglob("*evil*")) == []


def test_object_and_prefix_of_one_name_are_rejected(store: type[Proxy], tmp_path: Path) -> None:
    for key in ("m/a", "m/a/b"):
        client().put_object(Bucket="box", Key=key, Body=b"x")
    with pytest.raises(StorageError, match=r"^s3://box/m: "):
        fetch("s3://box/m", tmp_path / "got", FAST_RETRIES)
    assert leftovers(tmp_path) == []


def test_prefix_matches_whole_path_segments(store: type[Proxy], tmp_path: Path) -> None:
    for key in ("run1/a", "run10/b"):
        client().put_object(Bucket="box", Key=key, Body=b"x")
    fetch("s3://box/run1", tmp_path / "got")
    assert list(contents(tmp_path / "got")) == ["a"]


def refusal(action: Callable[[], object]) -> str:
    with pytest.raises(StorageError) as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_user_errors_are_one_line(
    store: type[Proxy], artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    got = tmp_path / "got"
    assert "no such bucket" in refusal(lambda: fetch("s3://nowhere/m", got))
    assert "no such bucket" in refusal(lambda: upload(artifact, "s3://nowhere/m"))
    assert "no objects below this prefix" in refusal(lambda: fetch("s3://box/none", got))
    assert "s3://bucket/prefix" in refusal(lambda: fetch("s3:///m", got))
    assert "contains no files" in refusal(lambda: upload(tmp_path / "absent", "s3://box/m"))
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "AWS_SECRET_ACCESS_KEY" in refusal(lambda: fetch("s3://box/m", got))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert "no S3 credentials" in refusal(lambda: upload(artifact, "s3://box/m"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_PROFILE", "absent")
    assert "(absent) could not be found; check the AWS_" in refusal(lambda: fetch("s3://box/m", got))
    monkeypatch.delenv("AWS_PROFILE")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
        assert "endpoint not reachable" in refusal(lambda: fetch("s3://box/m", got, FAST_RETRIES))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://user:p@ss@w0rd@127.0.0.1:{free.getsockname()[1]}")
        line = refusal(lambda: fetch("s3://box/m", got, FAST_RETRIES))
        assert "endpoint not reachable" in line
        assert "w0rd" not in line
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("code", "words"), [("AccessDenied", "access denied"), ("InvalidAccessKeyId", "credentials rejected")]
)
def test_error_responses_are_described(store: type[Proxy], tmp_path: Path, code: str, words: str) -> None:
    def refuse(self: Proxy) -> None:
        self.answer(403, {}, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())

    store.do_GET = refuse  # type: ignore[method-assign]
    assert words in refusal(lambda: fetch("s3://box/m", tmp_path / "got"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mount = tmp_path / "disk"
    mount.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(mount)], capture_output=True)
    if done.returncode:
        pytest.skip("mounting a small disk needs root")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


@pytest.mark.parametrize("known_before", [True, False])
@pytest.mark.parametrize("num_bytes", [2 * 2**20, PART_BYTES + 1])
def test_full_disk_leaves_no_files(
    store: type[Proxy], small_disk: Path, monkeypatch: pytest.MonkeyPatch, known_before: bool, num_bytes: int
) -> None:
    client().put_object(Bucket="box", Key="m/big", Body=os.urandom(num_bytes))
    if not known_before:  # another process fills the disk during the fetch
        usage = type("Usage", (), {"free": 2**40})
        monkeypatch.setattr("swapcore.storage.shutil.disk_usage", lambda path: usage)
    assert "free disk space" in refusal(lambda: fetch("s3://box/m", small_disk / "got"))
    assert list(small_disk.iterdir()) == []


def test_killed_fetch_leaves_no_folder_and_resumes(store: type[Proxy], artifact: Path, tmp_path: Path) -> None:
    upload(artifact, "s3://box/m")
    partial = tmp_path / ".got.partial"  # what SIGKILL leaves: whole files, half a file, a stray
    partial.mkdir()
    (partial / "weights").write_bytes((artifact / "weights").read_bytes())
    (partial / CARD).write_bytes(b"{")
    (partial / "stray").write_bytes(b"x")
    assert fetch("s3://box/m", tmp_path / "got").num_kept == 1
    assert contents(tmp_path / "got") == contents(artifact)
    assert leftovers(tmp_path) == []


def test_fingerprint_depends_on_the_content(store: type[Proxy]) -> None:
    s3 = client()
    seen = [fingerprint("s3://box/p")]
    for key, body in (("p/a", b"1"), ("p/a", b"2"), ("p/b", b"")):
        s3.put_object(Bucket="box", Key=key, Body=body)
        seen.append(fingerprint("s3://box/p"))
    s3.delete_object(Bucket="box", Key="p/b")
    assert len(set(seen)) == 4
    assert fingerprint("s3://box/p") == seen[2]


def test_remote_ports(store: type[Proxy], artifact: Path, tmp_path: Path) -> None:
    upload(artifact, "s3://box/in")
    places = ({"model": "s3://box/in", "faces": str(tmp_path)}, {"report": "s3://box/out"})
    with local_ports(*places, scratch=tmp_path / "scratch") as paths:
        assert contents(paths["model"]) == contents(artifact)
        assert paths["faces"] == tmp_path
        paths["report"].mkdir()
        (paths["report"] / "x").write_bytes(b"x")
    assert fetch("s3://box/out", tmp_path / "out").num_moved == 1


def test_failed_stage_uploads_nothing(store: type[Proxy], tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), local_ports({}, {"model": "s3://box/out"}, tmp_path) as paths:  # noqa: PT012
        paths["model"].mkdir()
        (paths["model"] / "x").write_bytes(b"x")
        raise ZeroDivisionError
    assert "KeyCount" in (listing := client().list_objects_v2(Bucket="box"))
    assert listing["KeyCount"] == 0


def test_missing_bucket_fails_before_the_stage(store: type[Proxy], tmp_path: Path) -> None:
    with (
        pytest.raises(StorageError, match="no such bucket"),
        local_ports({}, {"model": "s3://nowhere/out"}, tmp_path),
    ):
        pytest.fail("the stage ran")


def test_remote_ports_of_a_command(
    store: type[Proxy], artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(params: object, *, model: Path, report: Path, registration: Path) -> dict[str, float]:
        assert contents(model) == contents(artifact)
        assert report == tmp_path
        registration.mkdir()
        (registration / "x").write_bytes(b"x")
        return {"register/version": 1.0}

    run.__annotations__ = register.run.__annotations__
    monkeypatch.setattr(register, "run", run)
    monkeypatch.chdir(tmp_path)
    upload(artifact, "s3://box/m")
    ports = {"model": "s3://box/m", "report": str(tmp_path), "registration": "s3://box/r"}
    words = [word for port, where in ports.items() for word in (f"--{port}", where)]
    cli.main(["register", *words, "--params", str(Path(__file__).parents[1] / "params.yaml")])
    assert fetch("s3://box/r", tmp_path / "r").num_moved == 1


@pytest.mark.parametrize(("location", "remote"), [("s3://box/p", True), ("data/faces", False), ("/s3://x", False)])
def test_is_remote(location: str, remote: bool) -> None:
    assert is_remote(location) is remote


def test_placeholder_is_not_a_card() -> None:
    assert "kind" not in json.loads(UNFINISHED)


PROCESS = """
import os, sys, time
from pathlib import Path
from swapcore.storage import local_ports

with local_ports({"groups": "s3://box/groups"}, {"model": "s3://box/model"}, Path(sys.argv[1])) as paths:
    place = paths["groups"].stat().st_ino
    Path("inside-" + os.environ["RANK"]).touch()
    while not all(Path(f"inside-{rank}").exists() for rank in range(3)):
        time.sleep(0.02)
    assert paths["groups"].stat().st_ino == place, "replaced under a reader"
    assert (paths["groups"] / "shard").read_text() == "data"
    if os.environ["RANK"] == "0":
        paths["model"].mkdir()
        (paths["model"] / "card.json").write_text("{}")
"""


def test_all_processes_read_and_the_first_uploads(bucket: str, tmp_path: Path) -> None:
    """Two processes on one node and one on another without the model on disk, which would fail if it uploaded."""
    (tmp_path / "made").mkdir()
    (tmp_path / "made/shard").write_text("data")
    upload(tmp_path / "made", f"{bucket}/groups")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, node], cwd=tmp_path, env={**os.environ, "RANK": str(rank)},
            stderr=subprocess.PIPE, text=True,
        )
        for rank, node in enumerate(["here", "here", "there"])
    ]  # fmt: skip
    errors = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], errors
    fetch(f"{bucket}/model", tmp_path / "got")
    assert (tmp_path / "got/card.json").read_text() == "{}"
