"""Ports on object storage: s3://bucket/prefix mirrored to and from local folders, with every byte checked after its journey."""

import errno
import fcntl
import hashlib
import os
import random
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar
from urllib.parse import urlsplit

import boto3
from boto3.exceptions import RetriesExceededError
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    ResponseStreamingError,
)
from botocore.exceptions import ConnectionError as EndpointError

from swapcore import launched
from swapcore.errors import StorageError
from swapcore.progress import progress

Item = TypeVar("Item")

CARD = "card.json"
UNFINISHED = b'{"unfinished": "a delivery to this prefix began and did not end"}\n'
"""Stands in the place of card.json while the other files travel, so that a broken delivery is no artifact."""
PART_BYTES = 16 * 2**20
"""Larger files travel in parts of this size; it also fixes the ETag by which an unchanged file is known."""
_DENIED = {"AccessDenied", "AllAccessDisabled", "AccountProblem", "403", "Forbidden"}
_BAD_KEYS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired"}


@dataclass(frozen=True)
class Patience:
    """How long a bad connection is borne."""

    request_attempts: int = 5
    """Of one request, with botocore's exponential back-off: 5xx, throttling, refused and broken connections."""
    file_attempts: int = 4
    """Of one file whose stream broke or whose checksum was wrong, with back-off between them."""
    back_off_s: float = 1.0
    connect_s: float = 10.0
    read_s: float = 60.0
    num_files_at_once: int = 8


PATIENCE = Patience()


@dataclass(frozen=True)
class Transfer:
    """What a fetch or a delivery had to do."""

    num_moved: int
    num_kept: int
    bytes_moved: int


@dataclass(frozen=True)
class _Object:
    key: str
    name: str
    size: int
    etag: str


class _WrongBytesError(Exception):
    """A file that is not what its checksum says."""


_BROKEN_STREAM = (
    HTTPClientError,
    IncompleteReadError,
    ResponseStreamingError,
    FlexibleChecksumError,
    RetriesExceededError,
    _WrongBytesError,
)


def is_remote(location: str) -> bool:
    """Whether a port's location is on object storage."""
    return location.startswith("s3://")


def prefix_of(uri: str) -> str:
    """What a location on s3:// stands for: of a CSV, everything beside and below it."""
    return uri.rpartition("/")[0] if uri.endswith(".csv") else uri


def fetch_port(uri: str, folder: Path) -> Path:
    """Fetch an input port and tell where it is: folder, or the CSV in it if uri names one.

    Raises:
        StorageError: as fetch, or there is no such CSV.
    """
    fetch(prefix_of(uri), folder)
    path = folder / uri.rpartition("/")[2] if uri.endswith(".csv") else folder
    if not path.exists():
        raise StorageError(f"{uri}: there is no such object; check its name")
    return path


def fetch(uri: str, folder: Path, patience: Patience = PATIENCE) -> Transfer:
    """Make folder a copy of everything below uri; files that are already right are not moved.

    The copy is built beside folder and renamed when whole; what stood at folder is replaced only then, and only if it differs.

    Raises:
        StorageError: one line: credentials, bucket, access, endpoint, disk, or bytes that stay wrong.
    """
    with _explained(uri):
        bucket = _Bucket(uri, patience)
        objects = bucket.objects()
        if not objects:
            raise StorageError(f"{uri}: nothing is stored below it; check the bucket and the prefix")
        bucket.refuse_unfinished(objects)
        partial = folder.with_name(f".{folder.name}.partial")
        try:
            transfer = _fetch_into(bucket, objects, partial, folder)
            if transfer.num_moved or _files(folder) != [item.name for item in objects]:
                _replace(folder, partial)
            else:  # what is right stays where it is: another process may be reading it
                shutil.rmtree(partial)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    return transfer


def deliver(folder: Path, uri: str, patience: Patience = PATIENCE) -> Transfer:
    """Make everything below uri a copy of folder; files that are already right are not moved.

    card.json travels last and a stand-in holds its place meanwhile, so that a reader never takes a half for a whole.
    Objects that folder no longer has are deleted if uri holds an artifact, and are a reason to refuse otherwise.

    Raises:
        StorageError: as fetch; or uri holds files that are none of ours.
    """
    files = {name: folder / name for name in _files(folder)}
    if not files:
        raise StorageError(f"{folder}: holds no file that could be delivered to {uri}")
    with _explained(uri):
        bucket = _Bucket(uri, patience)
        stored = {item.name: item for item in bucket.objects()}
        stale = [item for name, item in stored.items() if name not in files]
        if stale and CARD not in stored:
            raise StorageError(f"{uri}: holds other files ({stale[0].name}); deliver to an empty prefix")
        same = _in_parallel(patience, lambda name: _unchanged(bucket, files[name], stored.get(name)), files, "compare")
        moving = {name: path for name, path in files.items() if not same[name]}
        if moving or stale:
            _replace_objects(bucket, moving, stale, card=files.get(CARD))
    return Transfer(len(moving), len(files) - len(moving), sum(path.stat().st_size for path in moving.values()))


def fingerprint(uri: str, patience: Patience = PATIENCE) -> str:
    """SHA-256 (hex) over the names, sizes and ETags below uri: equal as long as nothing there changes.

    Raises:
        StorageError: as fetch.
    """
    with _explained(uri):
        objects = _Bucket(prefix_of(uri), patience).objects()
    lines = sorted(f"{item.name}\0{item.size}\0{item.etag}\n" for item in objects)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@contextmanager
def local_ports(inputs: Mapping[str, str], outputs: Mapping[str, str], scratch: Path) -> Iterator[dict[str, Path]]:
    """Give every port as a local path: s3:// inputs are fetched first, s3:// outputs delivered if the block succeeds.

    Local locations pass through. Of several processes that torchrun started on a node, one fetches and the others find
    everything there; of all, the first delivers. An s3:// output is looked at before the block, so that wrong credentials or a missing
    bucket end a stage before its work, not after it.

    Raises:
        StorageError: as fetch and deliver.
    """
    locations = {**inputs, **outputs}
    paths = {port: scratch / port if is_remote(where) else Path(where) for port, where in locations.items()}
    for uri in filter(is_remote, outputs.values()):
        fingerprint(uri)
    with _one_after_the_other(scratch):
        for port, uri in inputs.items():
            if is_remote(uri):
                paths[port] = fetch_port(uri, paths[port])
    yield paths
    for port, uri in outputs.items():
        if is_remote(uri) and launched.rank() == 0:
            deliver(paths[port], uri)


@contextmanager
def _one_after_the_other(folder: Path) -> Iterator[None]:
    """Let one process of this machine through at a time; the lock ends with the process."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class _Bucket:
    """One prefix of one bucket; endpoint, credentials, region and CA come from the usual AWS variables and files."""

    def __init__(self, uri: str, patience: Patience) -> None:
        parts = urlsplit(uri)
        if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
            raise StorageError(f"{uri}: is not of the form s3://bucket/prefix")
        self.name = parts.netloc
        self.prefix = f"{parts.path.strip('/')}/".lstrip("/")
        self.uri = uri
        self.patience = patience
        self.transfer = TransferConfig(multipart_threshold=PART_BYTES + 1, multipart_chunksize=PART_BYTES)
        self.client = boto3.Session().client(
            "s3",
            config=Config(
                connect_timeout=patience.connect_s,
                read_timeout=patience.read_s,
                retries={"mode": "standard", "total_max_attempts": patience.request_attempts},
                max_pool_connections=patience.num_files_at_once * self.transfer.max_concurrency,
            ),
        )

    def objects(self) -> list[_Object]:
        """Everything below the prefix, by name.

        Raises:
            StorageError: a key that would be written outside the folder.
        """
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=self.prefix)
        found = []
        for item in (item for page in pages for item in page.get("Contents", [])):
            name = item["Key"].removeprefix(self.prefix)
            if not name or name.endswith("/"):
                continue  # a folder's marker, as consoles make them
            if name != PurePosixPath(name).as_posix() or name.startswith("/") or ".." in name.split("/"):
                raise StorageError(f"{self.uri}: the key {item['Key']!r} is no path inside a folder; rename the object")
            found.append(_Object(item["Key"], name, item["Size"], item["ETag"].strip('"')))
        return sorted(found, key=lambda item: item.name)

    def refuse_unfinished(self, objects: list[_Object]) -> None:
        """Raise StorageError if a delivery to the prefix has not ended."""
        for item in objects:
            suspicious = item.name == CARD and item.size == len(UNFINISHED)
            if suspicious and self.client.get_object(Bucket=self.name, Key=item.key)["Body"].read() == UNFINISHED:
                raise StorageError(f"{self.uri}: a delivery to it is under way or broke off; deliver again")

    def head(self, key: str, **arguments: Any) -> dict[str, Any]:
        return dict(self.client.head_object(Bucket=self.name, Key=key, ChecksumMode="ENABLED", **arguments))

    def download(self, item: _Object, path: Path) -> None:
        """Bring one object to path and check it; one that stays wrong raises _WrongBytesError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as stream:
            if item.size <= PART_BYTES:
                head = self.client.get_object(Bucket=self.name, Key=item.key, ChecksumMode="ENABLED")
                shutil.copyfileobj(head["Body"], stream, 2**20)
            else:
                head = self.head(item.key)
                self.client.download_fileobj(self.name, item.key, stream, Config=self.transfer)
        if head["ETag"].strip('"') != item.etag:
            raise StorageError(f"{self.uri}: {item.name} was changed while it was fetched; fetch again")
        if path.stat().st_size != item.size or not self.agrees(path, item.key, head):
            raise _WrongBytesError(f"{item.name} is not what its checksum says")

    def upload(self, path: Path, name: str) -> None:
        """Store one file and check what arrived; a wrong object is deleted at once."""
        key = self.prefix + name
        sha256 = _hash(path, "sha256")
        with path.open("rb") as stream:
            arguments = {"Metadata": {"sha256": sha256}}
            self.client.upload_fileobj(stream, self.name, key, ExtraArgs=arguments, Config=self.transfer)
        head = self.head(key)
        arrived = head["ContentLength"] == path.stat().st_size and head["Metadata"].get("sha256") == sha256
        if not arrived or (_etag_is_md5(head) and head["ETag"].strip('"') != _etag(path, PART_BYTES)):
            self.client.delete_object(Bucket=self.name, Key=key)
            raise _WrongBytesError(f"{name} did not arrive as it was sent")

    def agrees(self, path: Path, key: str, head: Mapping[str, Any]) -> bool:
        """Whether a file is what the store says of the object: by its SHA-256 if we delivered it, else by its ETag.

        Raises:
            StorageError: the store says nothing that could be checked.
        """
        if expected := head.get("Metadata", {}).get("sha256"):
            return _hash(path, "sha256") == str(expected)
        if not _etag_is_md5(head):
            raise StorageError(
                f"{self.uri}: {key} is encrypted with a key of its own and has no checksum to verify; "
                "store it again with the metadata sha256=HEX"
            )
        etag = str(head["ETag"]).strip('"')
        part_bytes = self.head(key, PartNumber=1)["ContentLength"] if "-" in etag else PART_BYTES
        return _etag(path, part_bytes, in_parts="-" in etag) == etag


def _fetch_into(bucket: _Bucket, objects: list[_Object], partial: Path, folder: Path) -> Transfer:
    """Build the copy in partial from folder's unchanged files, what a killed fetch left in partial, and the store."""
    kept = _in_parallel(bucket.patience, lambda item: _keep(bucket, item, partial, folder), objects, "compare")
    moving = [item for item in objects if not kept[item]]
    num_bytes = sum(item.size for item in moving)
    partial.mkdir(parents=True, exist_ok=True)
    if num_bytes > (free := shutil.disk_usage(partial).free):
        raise StorageError(f"{folder}: {num_bytes:,} bytes are to be fetched and {free:,} are free; make room")
    _in_parallel(
        bucket.patience,
        lambda item: _patiently(bucket.patience, lambda: bucket.download(item, partial / item.name)),
        moving,
        "fetch",
    )
    wanted = {partial / item.name for item in objects}
    for path in [path for path in partial.rglob("*") if path.is_file() and path not in wanted]:
        path.unlink()
    return Transfer(len(moving), len(objects) - len(moving), num_bytes)


def _keep(bucket: _Bucket, item: _Object, partial: Path, folder: Path) -> bool:
    """Whether partial now holds the right file without a download, linked from folder if need be."""
    path = partial / item.name
    if _unchanged(bucket, path, item):
        return True
    path.unlink(missing_ok=True)
    if not _unchanged(bucket, folder / item.name, item):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(folder / item.name, path)
    except OSError:
        shutil.copyfile(folder / item.name, path)
    return True


def _unchanged(bucket: _Bucket, path: Path, item: _Object | None) -> bool:
    """Whether a local file equals a stored object; the store is asked only if the listed ETag does not settle it."""
    if item is None or not path.is_file() or path.stat().st_size != item.size:
        return False
    if _etag(path, PART_BYTES) == item.etag:
        return True
    head = bucket.head(item.key)
    return "sha256" in head.get("Metadata", {}) and bucket.agrees(path, item.key, head)


def _replace_objects(bucket: _Bucket, moving: Mapping[str, Path], stale: list[_Object], card: Path | None) -> None:
    if card:
        bucket.client.put_object(Bucket=bucket.name, Key=bucket.prefix + CARD, Body=UNFINISHED)
    others = [name for name in moving if name != CARD]

    def upload(name: str) -> None:
        _patiently(bucket.patience, lambda: bucket.upload(moving[name], name))

    _in_parallel(bucket.patience, upload, others, "deliver")
    for item in stale:
        bucket.client.delete_object(Bucket=bucket.name, Key=item.key)
    if card:
        _patiently(bucket.patience, lambda: bucket.upload(card, CARD))


def _files(folder: Path) -> list[str]:
    """Names of all files below a folder, sorted."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _replace(folder: Path, partial: Path) -> None:
    """Put a whole folder in the place of what stood there."""
    if not folder.exists():
        partial.replace(folder)
        return
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    folder.replace(old)
    partial.replace(folder)
    shutil.rmtree(old)


def _in_parallel(patience: Patience, work: Callable[[Item], Any], items: Iterable[Item], what: str) -> dict[Item, Any]:
    """Do work on every item with a few threads; the first error ends it all."""
    pool = ThreadPoolExecutor(patience.num_files_at_once)
    try:
        futures = {pool.submit(work, item): item for item in items}
        return {futures[done]: done.result() for done in progress(as_completed(futures), what, total=len(futures))}
    finally:
        pool.shutdown(cancel_futures=True)


def _patiently(patience: Patience, attempt: Callable[[], None]) -> None:
    """Try until it works or the attempts are used up, waiting 1, 2, 4, … times back_off_s, give or take a half."""
    for number in range(patience.file_attempts):
        try:
            return attempt()
        except _BROKEN_STREAM:
            if number + 1 == patience.file_attempts:
                raise
            time.sleep(patience.back_off_s * 2**number * random.uniform(0.5, 1.5))
    return None


def _hash(path: Path, algorithm: str) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


def _etag_is_md5(head: Mapping[str, Any]) -> bool:
    """Not so for objects encrypted with a key of KMS or of the customer's own."""
    return not str(head.get("ServerSideEncryption", "")).startswith("aws:kms") and "SSECustomerAlgorithm" not in head


def _etag(path: Path, part_bytes: int, in_parts: bool | None = None) -> str:
    """S3's ETag: the MD5 of the bytes, or for parts the MD5 of the parts' MD5s, a dash and their number."""
    if not (path.stat().st_size > part_bytes if in_parts is None else in_parts):
        return _hash(path, "md5")
    digests = []
    with path.open("rb") as stream:
        while part := stream.read(part_bytes):
            digests.append(hashlib.md5(part, usedforsecurity=False).digest())
    return f"{hashlib.md5(b''.join(digests), usedforsecurity=False).hexdigest()}-{len(digests)}"


@contextmanager
def _explained(uri: str) -> Iterator[None]:
    """Turn what boto3 and the disk raise into one line that says what to do."""
    try:
        yield
    except (NoCredentialsError, PartialCredentialsError):
        raise StorageError(
            f"{uri}: no S3 credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        ) from None
    except ClientError as error:
        raise StorageError(f"{uri}: {_answer(error)}") from None
    except EndpointError as error:
        raise StorageError(
            f"{uri}: the store cannot be reached ({error}); check AWS_ENDPOINT_URL, AWS_CA_BUNDLE and the network"
        ) from None
    except _BROKEN_STREAM as error:
        raise StorageError(
            f"{uri}: the transfer failed after several attempts ({' '.join(str(error).split())}); try again"
        ) from None
    except BotoCoreError as error:
        raise StorageError(f"{uri}: {' '.join(str(error).split())}; check the AWS_… variables and ~/.aws") from None
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        problem = "the disk is full; make room" if full else f"{error.filename or 'local disk'}: {error.strerror}"
        raise StorageError(f"{uri}: {problem}") from None


def _answer(error: ClientError) -> str:
    """What the store's refusal means."""
    code = str(error.response.get("Error", {}).get("Code", "unknown"))
    if code == "NoSuchBucket":
        return "there is no such bucket; check its name, or make it first"
    if code in _DENIED:
        return "access denied; the credentials must be allowed to list, get, put and delete below the prefix"
    if code in _BAD_KEYS:
        return f"the store does not accept the credentials ({code}); check or renew the AWS_… variables"
    return " ".join(f"the store answered {code}: {error.response.get('Error', {}).get('Message', '')}".split())
