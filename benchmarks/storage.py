"""Throughput of checksummed upload and fetch against plain PUT and GET of the same bytes, on loopback.

    python benchmarks/storage.py [--files 4] [--megabytes 48]

The store is moto's server in a process of its own. Prints a Markdown table.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import psutil

from swapcore.storage import fetch, upload

PORT = 18765
URL = f"http://127.0.0.1:{PORT}"


def start_store() -> subprocess.Popen[bytes]:
    """Start moto's server, wait for it, and create the bucket."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen([sys.executable, "-m", "moto.server", "-p", str(PORT)], **quiet)
    os.environ |= {"AWS_ENDPOINT_URL": URL, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    os.environ |= {"AWS_DEFAULT_REGION": "us-east-1"}
    for _ in range(120):
        try:
            boto3.client("s3").create_bucket(Bucket="box")
            break
        except Exception:
            time.sleep(0.5)
    return server


def timed(work: Callable[[], object], store: psutil.Process) -> tuple[float, float, float]:
    """Return wall-clock and CPU seconds (client and store); on a busy machine only CPU seconds are meaningful."""
    start, here, there = time.perf_counter(), time.process_time(), sum(store.cpu_times()[:2])
    work()
    return time.perf_counter() - start, time.process_time() - here, sum(store.cpu_times()[:2]) - there


def bare(method: str, names: list[str], body: bytes | None) -> None:
    """Transfer all files in parallel without checks."""

    signer = boto3.client("s3")

    def one(name: str) -> None:
        kind = {"Content-Type": "application/octet-stream"}  # urllib's default content type makes moto parse a form
        where = {"Bucket": "box", "Key": f"bare/{name}"}
        url = signer.generate_presigned_url(f"{method.lower()}_object", Params=where)
        request = urllib.request.Request(url, body, kind if body else {}, method=method)
        with urllib.request.urlopen(request) as reply:
            reply.read()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, names))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=4)
    parser.add_argument("--megabytes", type=int, default=48)
    options = parser.parse_args()
    server = start_store()
    store = psutil.Process(server.pid)
    try:
        with tempfile.TemporaryDirectory() as place:
            made, body = Path(place) / "made", os.urandom(options.megabytes * 10**6)
            made.mkdir()
            names = [f"shard-{number:05d}.tar" for number in range(options.files)]
            for name in names:
                (made / name).write_bytes(body)
            seconds = {
                "bare PUT": timed(lambda: bare("PUT", names, body), store),
                "deliver": timed(lambda: upload(made, "s3://box/checked"), store),
                "bare GET": timed(lambda: bare("GET", names, None), store),
                "fetch": timed(lambda: fetch("s3://box/checked", Path(place) / "got"), store),
                "fetch again, nothing changed": timed(lambda: fetch("s3://box/checked", Path(place) / "got"), store),
            }
    finally:
        server.terminate()
    print("| transfer | MB/s | processor seconds here | in the store |\n|---|---|---|---|")
    for what, (duration, here, there) in seconds.items():
        print(f"| {what} | {options.files * options.megabytes / duration:.0f} | {here:.2f} | {there:.2f} |")


if __name__ == "__main__":
    main()
