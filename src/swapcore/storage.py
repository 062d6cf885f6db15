"""Object storage: checksummed copies between s3:// prefixes and local folders."""

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
from typing import Any, NamedTuple, TypeVar
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
from swapcore.addresses import hide_configured
from swapcore.errors import StorageError
from swapcore.files import hidden_sibling
from swapcore.progress import progress

Item = TypeVar("Item")

CARD = "card.json"
UNFINISHED = b'{"unfinished": "a delivery to this prefix began and did not end"}\n'
"""Placeholder for card.json during an upload, so that an interrupted upload is not read as an artifact."""
PART_BYTES = 16 * 2**20
"""Part size of multipart transfers. The ETag of a multipart object depends on it."""
_DENIED = {"AccessDenied", "AllAccessDisabled", "AccountProblem", "403", "Forbidden"}
_BAD_KEYS = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired"}


@dataclass(frozen=True)
class RetryPolicy:
    """Retry and timeout settings."""

    request_attempts: int = 5
    """Attempts per request, with botocore's exponential back-off: 5xx, throttling, refused and broken connections."""
    file_attempts: int = 4
    """Attempts per file after a broken stream or a wrong checksum, with exponential back-off."""
    back_off_s: float = 1.0
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 60.0
    num_parallel_files: int = 8


RETRY_POLICY = RetryPolicy()


@dataclass(frozen=True)
class Transfer:
    """Counts of a finished fetch or upload."""

    num_moved: int
    num_kept: int
    bytes_moved: int


@dataclass(frozen=True)
class _Object:
    key: str
    name: str
    size: int
    etag: str


class StoredFile(NamedTuple):
    """A file below a prefix."""

    name: str
    """Relative to the prefix."""
    size: int
    etag: str
    """Changes with the content."""


class _ChecksumError(Exception):
    """The checksum of a transferred file is wrong."""


_TRANSFER_ERRORS = (
    HTTPClientError,
    IncompleteReadError,
    ResponseStreamingError,
    FlexibleChecksumError,
    RetriesExceededError,
    _ChecksumError,
)


def is_remote(location: str) -> bool:
    """Return whether a port's location is on object storage."""
    return location.startswith("s3://")


def prefix_of(uri: str) -> str:
    """Return the prefix of a location on s3://; for a CSV, the prefix that contains it."""
    return uri.rpartition("/")[0] if uri.endswith(".csv") else uri


def fetch_port(uri: str, folder: Path) -> Path:
    """Fetch an input port and return its local path: folder, or the CSV in it if uri ends with .csv.

    Raises:
        StorageError: as in `fetch`, or the CSV does not exist.
    """
    fetch(prefix_of(uri), folder)
    path = folder / uri.rpartition("/")[2] if uri.endswith(".csv") else folder
    if not path.exists():
        raise StorageError(f"{uri}: no such object; check its name")
    return path


def fetch(uri: str, folder: Path, policy: RetryPolicy = RETRY_POLICY) -> Transfer:
    """Make folder a copy of everything below uri; unchanged files are not transferred.

    The copy is built in a sibling folder and renamed when complete. An existing folder is replaced only then, and only if
    it differs.

    Args:
        uri: s3://bucket/prefix.
        folder: local target.
        policy: retries and timeouts.

    Raises:
        StorageError: one line: credentials, bucket, access, endpoint, disk, or a checksum that stays wrong.
    """
    with _translate_errors(uri):
        bucket = _Bucket(uri, policy)
        objects = bucket.finished_objects()
        partial = hidden_sibling(folder, "partial")
        try:
            transfer = _fetch_into(bucket, objects, partial, folder)
            if transfer.num_moved or _files(folder) != [item.name for item in objects]:
                _replace(folder, partial)
            else:  # keep an unchanged folder in place: another process may be reading it
                shutil.rmtree(partial)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    return transfer


class StoredFiles:
    """The files below a prefix, as they were listed once; each is fetched when it is needed."""

    def __init__(self, uri: str, listed: list[StoredFile], policy: RetryPolicy = RETRY_POLICY) -> None:
        """Connect to the store.

        Args:
            uri: s3://bucket/prefix.
            listed: as from `listed_files`.
            policy: retries and timeouts.

        Raises:
            StorageError: as in `fetch`.
        """
        self.names = [item.name for item in listed]
        self._policy = policy
        with _translate_errors(uri):
            self._bucket = _Bucket(uri, policy)
        self._objects = {
            item.name: _Object(self._bucket.prefix + item.name, item.name, item.size, item.etag) for item in listed
        }

    def touch(self, folder: Path) -> None:
        """Make an empty file of each name, so that the folder can be listed like a copy."""
        for name in self.names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()

    def fetch(self, names: Iterable[str], folder: Path) -> int:
        """Fetch some files; names that were not listed are ignored. Return the number of bytes.

        Raises:
            StorageError: as in `fetch`, or a file changed after it was listed.
        """
        items = [self._objects[name] for name in names if name in self._objects]
        num_bytes = sum(item.size for item in items)
        with _translate_errors(self._bucket.uri):
            if num_bytes > (free := shutil.disk_usage(folder).free):
                raise StorageError(f"{folder}: needs {num_bytes:,} bytes, {free:,} are free; free disk space")
            _map_threads(
                self._policy,
                lambda item: _retry(self._policy, lambda: self._bucket.download_file(item, folder / item.name)),
                items,
                "fetch",
            )
        return num_bytes


def listed_files(uri: str, policy: RetryPolicy = RETRY_POLICY) -> list[StoredFile]:
    """List everything below a prefix, in order of name.

    Raises:
        StorageError: as in `fetch`.
    """
    with _translate_errors(uri):
        bucket = _Bucket(uri, policy)
        objects = bucket.finished_objects()
    return [StoredFile(item.name, item.size, item.etag) for item in objects]


def fingerprint_of(listed: Iterable[StoredFile]) -> str:
    """Return what `fingerprint` returns for these files."""
    lines = sorted(f"{item.name}\0{item.size}\0{item.etag}\n" for item in listed)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def upload(folder: Path, uri: str, policy: RetryPolicy = RETRY_POLICY) -> Transfer:
    """Make everything below uri a copy of folder; unchanged files are not transferred.

    card.json is uploaded last and a placeholder takes its place until then, so that readers reject an incomplete upload.
    Objects that are not in folder are deleted if uri holds an artifact; otherwise the upload is refused.

    Args:
        folder: local source.
        uri: s3://bucket/prefix.
        policy: retries and timeouts.

    Raises:
        StorageError: as in `fetch`, or uri holds other files.
    """
    files = {name: folder / name for name in _files(folder)}
    if not files:
        raise StorageError(f"{folder}: contains no files to upload to {uri}; check the folder")
    with _translate_errors(uri):
        bucket = _Bucket(uri, policy)
        stored = {item.name: item for item in bucket.objects()}
        stale = [item for name, item in stored.items() if name not in files]
        if stale and CARD not in stored:
            raise StorageError(f"{uri}: contains other files ({stale[0].name}); upload to an empty prefix")
        same = _map_threads(policy, lambda name: _unchanged(bucket, files[name], stored.get(name)), files, "compare")
        moving = {name: path for name, path in files.items() if not same[name]}
        if moving or stale:
            _replace_objects(bucket, moving, stale, card=files.get(CARD))
    return Transfer(len(moving), len(files) - len(moving), sum(path.stat().st_size for path in moving.values()))


def fingerprint(uri: str, policy: RetryPolicy = RETRY_POLICY) -> str:
    """Return the SHA-256 (hex) over names, sizes and ETags below uri; it is equal as long as nothing changes.

    Raises:
        StorageError: as in `fetch`.
    """
    with _translate_errors(uri):
        objects = _Bucket(prefix_of(uri), policy).objects()
    return fingerprint_of(StoredFile(item.name, item.size, item.etag) for item in objects)


@contextmanager
def local_ports(inputs: Mapping[str, str], outputs: Mapping[str, str], scratch: Path) -> Iterator[dict[str, Path]]:
    """Yield every port as a local path; fetch s3:// inputs first, upload s3:// outputs if the block succeeds.

    Local locations are passed through. Of several processes started by torchrun, one per node fetches and the first of all
    uploads. An s3:// output is accessed before the block, so that wrong credentials or a missing bucket fail early.

    Args:
        inputs: port name -> location of each input.
        outputs: port name -> location of each output.
        scratch: folder for the local copies.

    Raises:
        StorageError: as in `fetch` and `upload`.
    """
    locations = {**inputs, **outputs}
    paths = {port: scratch / port if is_remote(where) else Path(where) for port, where in locations.items()}
    for uri in filter(is_remote, outputs.values()):
        fingerprint(uri)
    with _exclusive(scratch):
        for port, uri in inputs.items():
            if is_remote(uri):
                paths[port] = fetch_port(uri, paths[port])
    yield paths
    for port, uri in outputs.items():
        if is_remote(uri) and launched.rank() == 0:
            upload(paths[port], uri)


@contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
    """Hold a lock of this machine on folder; the lock ends with the process."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class _Bucket:
    """One prefix of a bucket; endpoint, credentials, region and CA come from the usual AWS variables and files."""

    def __init__(self, uri: str, policy: RetryPolicy) -> None:
        parts = urlsplit(uri)
        if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
            raise StorageError(f"{uri}: invalid location; use s3://bucket/prefix")
        self.name = parts.netloc
        self.prefix = f"{parts.path.strip('/')}/".lstrip("/")
        self.uri = uri
        self.policy = policy
        self.transfer = TransferConfig(multipart_threshold=PART_BYTES + 1, multipart_chunksize=PART_BYTES)
        self.client = boto3.Session().client(
            "s3",
            config=Config(
                connect_timeout=policy.connect_timeout_s,
                read_timeout=policy.read_timeout_s,
                retries={"mode": "standard", "total_max_attempts": policy.request_attempts},
                max_pool_connections=policy.num_parallel_files * self.transfer.max_concurrency,
            ),
        )

    def objects(self) -> list[_Object]:
        """Return all objects below the prefix, sorted by name.

        Raises:
            StorageError: a key is outside the folder.
        """
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=self.prefix)
        found = []
        for item in (item for page in pages for item in page.get("Contents", [])):
            name = item["Key"].removeprefix(self.prefix)
            if not name or name.endswith("/"):
                continue  # folder marker of a web console
            if name != PurePosixPath(name).as_posix() or name.startswith("/") or ".." in name.split("/"):
                raise StorageError(f"{self.uri}: key {item['Key']!r} is not a path inside a folder; rename the object")
            found.append(_Object(item["Key"], name, item["Size"], item["ETag"].strip('"')))
        return sorted(found, key=lambda item: item.name)

    def finished_objects(self) -> list[_Object]:
        """Return all objects below the prefix, sorted by name.

        Raises:
            StorageError: there is none, or an upload to the prefix is not finished.
        """
        objects = self.objects()
        if not objects:
            raise StorageError(f"{self.uri}: no objects below this prefix; check bucket and prefix")
        for item in objects:
            suspicious = item.name == CARD and item.size == len(UNFINISHED)
            if suspicious and self.client.get_object(Bucket=self.name, Key=item.key)["Body"].read() == UNFINISHED:
                raise StorageError(f"{self.uri}: an upload is in progress or was interrupted; upload again")
        return objects

    def head(self, key: str, **arguments: Any) -> dict[str, Any]:
        return dict(self.client.head_object(Bucket=self.name, Key=key, ChecksumMode="ENABLED", **arguments))

    def download_file(self, item: _Object, path: Path) -> None:
        """Download one object and verify it; raises _ChecksumError if it differs."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as stream:
            if item.size <= PART_BYTES:
                head = self.client.get_object(Bucket=self.name, Key=item.key, ChecksumMode="ENABLED")
                shutil.copyfileobj(head["Body"], stream, 2**20)
            else:
                head = self.head(item.key)
                self.client.download_fileobj(self.name, item.key, stream, Config=self.transfer)
        if head["ETag"].strip('"') != item.etag:
            raise StorageError(f"{self.uri}: {item.name} changed during the download; fetch again")
        if path.stat().st_size != item.size or not self.matches(path, item.key, head):
            raise _ChecksumError(f"{item.name}: wrong checksum")

    def upload_file(self, path: Path, name: str) -> None:
        """Upload one file and verify it; an object with a wrong checksum is deleted."""
        key = self.prefix + name
        sha256 = _hash(path, "sha256")
        with path.open("rb") as stream:
            arguments = {"Metadata": {"sha256": sha256}}
            self.client.upload_fileobj(stream, self.name, key, ExtraArgs=arguments, Config=self.transfer)
        head = self.head(key)
        arrived = head["ContentLength"] == path.stat().st_size and head["Metadata"].get("sha256") == sha256
        if not arrived or (_etag_is_md5(head) and head["ETag"].strip('"') != _etag(path, PART_BYTES)):
            self.client.delete_object(Bucket=self.name, Key=key)
            raise _ChecksumError(f"{name}: wrong checksum after the upload")

    def matches(self, path: Path, key: str, head: Mapping[str, Any]) -> bool:
        """Compare a file with the object's SHA-256 metadata (set by `upload`), or else with its ETag.

        Raises:
            StorageError: the object has no checksum.
        """
        if expected := head.get("Metadata", {}).get("sha256"):
            return _hash(path, "sha256") == str(expected)
        if not _etag_is_md5(head):
            raise StorageError(
                f"{self.uri}: {key} is encrypted with a customer key and has no checksum; "
                "store it again with the metadata sha256=HEX"
            )
        etag = str(head["ETag"]).strip('"')
        part_bytes = self.head(key, PartNumber=1)["ContentLength"] if "-" in etag else PART_BYTES
        return _etag(path, part_bytes, in_parts="-" in etag) == etag


def _fetch_into(bucket: _Bucket, objects: list[_Object], partial: Path, folder: Path) -> Transfer:
    """Build the copy in partial from unchanged files of folder, files of an interrupted fetch, and downloads."""
    kept = _map_threads(bucket.policy, lambda item: _keep(bucket, item, partial, folder), objects, "compare")
    moving = [item for item in objects if not kept[item]]
    num_bytes = sum(item.size for item in moving)
    partial.mkdir(parents=True, exist_ok=True)
    if num_bytes > (free := shutil.disk_usage(partial).free):
        raise StorageError(f"{folder}: needs {num_bytes:,} bytes, {free:,} are free; free disk space")
    _map_threads(
        bucket.policy,
        lambda item: _retry(bucket.policy, lambda: bucket.download_file(item, partial / item.name)),
        moving,
        "fetch",
    )
    wanted = {partial / item.name for item in objects}
    for path in [path for path in partial.rglob("*") if path.is_file() and path not in wanted]:
        path.unlink()
    return Transfer(len(moving), len(objects) - len(moving), num_bytes)


def _keep(bucket: _Bucket, item: _Object, partial: Path, folder: Path) -> bool:
    """Return whether partial has the file without a download; link it from folder if it is there."""
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
    """Return whether a local file equals a stored object; requests metadata only if the listed ETag differs."""
    if item is None or not path.is_file() or path.stat().st_size != item.size:
        return False
    if _etag(path, PART_BYTES) == item.etag:
        return True
    head = bucket.head(item.key)
    return "sha256" in head.get("Metadata", {}) and bucket.matches(path, item.key, head)


def _replace_objects(bucket: _Bucket, moving: Mapping[str, Path], stale: list[_Object], card: Path | None) -> None:
    if card:
        bucket.client.put_object(Bucket=bucket.name, Key=bucket.prefix + CARD, Body=UNFINISHED)
    others = [name for name in moving if name != CARD]

    def upload(name: str) -> None:
        _retry(bucket.policy, lambda: bucket.upload_file(moving[name], name))

    _map_threads(bucket.policy, upload, others, "deliver")
    for item in stale:
        bucket.client.delete_object(Bucket=bucket.name, Key=item.key)
    if card:
        _retry(bucket.policy, lambda: bucket.upload_file(card, CARD))


def _files(folder: Path) -> list[str]:
    """Return the sorted names of all files below a folder."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _replace(folder: Path, partial: Path) -> None:
    """Replace folder by partial."""
    if not folder.exists():
        partial.replace(folder)
        return
    old = hidden_sibling(folder, "old")
    shutil.rmtree(old, ignore_errors=True)
    folder.replace(old)
    partial.replace(folder)
    shutil.rmtree(old)


def _map_threads(policy: RetryPolicy, work: Callable[[Item], Any], items: Iterable[Item], what: str) -> dict[Item, Any]:
    """Run work on every item in threads; stop at the first error."""
    pool = ThreadPoolExecutor(policy.num_parallel_files)
    try:
        futures = {pool.submit(work, item): item for item in items}
        return {futures[done]: done.result() for done in progress(as_completed(futures), what, total=len(futures))}
    finally:
        pool.shutdown(cancel_futures=True)


def _retry(policy: RetryPolicy, attempt: Callable[[], None]) -> None:
    """Retry a transfer with exponential back-off: 1, 2, 4, … times back_off_s, with 50 % jitter."""
    for number in range(policy.file_attempts):
        try:
            return attempt()
        except _TRANSFER_ERRORS:
            if number + 1 == policy.file_attempts:
                raise
            time.sleep(policy.back_off_s * 2**number * random.uniform(0.5, 1.5))
    return None


def _hash(path: Path, algorithm: str) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


def _etag_is_md5(head: Mapping[str, Any]) -> bool:
    """Return whether the ETag is an MD5; not for objects encrypted with a KMS or customer key."""
    return not str(head.get("ServerSideEncryption", "")).startswith("aws:kms") and "SSECustomerAlgorithm" not in head


def _etag(path: Path, part_bytes: int, in_parts: bool | None = None) -> str:
    """Return S3's ETag: the MD5 of the bytes; for multipart objects the MD5 of the parts' MD5s, a dash and their number."""
    if not (path.stat().st_size > part_bytes if in_parts is None else in_parts):
        return _hash(path, "md5")
    digests = []
    with path.open("rb") as stream:
        while part := stream.read(part_bytes):
            digests.append(hashlib.md5(part, usedforsecurity=False).digest())
    return f"{hashlib.md5(b''.join(digests), usedforsecurity=False).hexdigest()}-{len(digests)}"


@contextmanager
def _translate_errors(uri: str) -> Iterator[None]:
    """Convert errors of boto3 and the disk to one-line StorageErrors that name a fix."""
    try:
        yield
    except (NoCredentialsError, PartialCredentialsError):
        raise StorageError(
            f"{uri}: no S3 credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        ) from None
    except ClientError as error:
        raise StorageError(f"{uri}: {_describe(error)}") from None
    except EndpointError as error:
        raise StorageError(
            f"{uri}: endpoint not reachable ({_text(error)}); check AWS_ENDPOINT_URL, AWS_CA_BUNDLE and the network"
        ) from None
    except _TRANSFER_ERRORS as error:
        raise StorageError(f"{uri}: transfer failed after several attempts ({_text(error)}); try again") from None
    except BotoCoreError as error:
        raise StorageError(f"{uri}: {_text(error)}; check the AWS_… variables and ~/.aws") from None
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        problem = "disk full; free disk space" if full else f"{error.filename or 'local disk'}: {error.strerror}"
        raise StorageError(f"{uri}: {problem}") from None


def _text(error: Exception) -> str:
    return " ".join(hide_configured(str(error)).split())


def _describe(error: ClientError) -> str:
    """Describe an error response of the store."""
    code = str(error.response.get("Error", {}).get("Code", "unknown"))
    if code == "NoSuchBucket":
        return "no such bucket; check its name or create it"
    if code in _DENIED:
        return "access denied; the credentials must be allowed to list, get, put and delete below the prefix"
    if code in _BAD_KEYS:
        return f"credentials rejected ({code}); check or renew the AWS_… variables"
    return " ".join(f"the store returned {code}: {error.response.get('Error', {}).get('Message', '')}".split())
