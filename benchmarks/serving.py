"""Load on a served model, and torch compared with onnxruntime: `python benchmarks/serving.py [--model REFERENCE]`."""

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from swapcore.hub.loading import load_face_swapper
from swapcore.hub.references import locate_model
from swapcore.serving.export import OnnxSwap, export_onnx
from swapcore.serving.requests import to_base64
from swapcore.synth.attributes import draw_attributes
from swapcore.synth.identity import draw_identity
from swapcore.synth.render import render


def photographs(num: int, size_px: int) -> list[str]:
    """Render people and encode them as requests do."""
    rng = np.random.default_rng(5)
    images = (render(draw_identity(rng), draw_attributes(rng, 0.4), size_px).image for _ in range(num))
    return [to_base64(image) for image in images]


def resident_megabytes(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def load(port: int, pid: int, body: bytes, clients: int, seconds: float) -> None:
    """Send requests from concurrent clients, and print rate, latency and memory."""
    times, errors, memory = [], [], []
    end = time.monotonic() + seconds

    def client() -> None:
        while time.monotonic() < end:
            began = time.monotonic()
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/invocations", body, {"Content-Type": "application/json"}
            )
            try:
                with urllib.request.urlopen(request, timeout=120) as response:
                    response.read()
                times.append(time.monotonic() - began)
            except OSError as error:
                errors.append(str(error))

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        memory.append(resident_megabytes(pid))
        time.sleep(0.5)
    ordered = sorted(times)
    tenth = max(1, len(memory) // 10)
    early, late = (max(memory[at : at + 2 * tenth]) for at in (2 * tenth, len(memory) - 2 * tenth))
    print(
        f"{clients} clients, {seconds:g} s: {len(times)} responses, {len(errors)} errors, {len(times) / seconds:.1f} a second, "
        f"p50 {statistics.median(ordered) * 1e3:.0f} ms, p95 {ordered[int(0.95 * (len(ordered) - 1))] * 1e3:.0f} ms; "
        f"memory {early:.0f} MB early, {late:.0f} MB late"
    )


def serve_and_load(model: str, size_px: int, clients: int, seconds: float) -> None:
    """Start the server with the command line, load it, and stop it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    source, template = photographs(2, size_px)
    swapcore = Path(sys.executable).parent / "swapcore"
    process = subprocess.Popen([str(swapcore), "serve", "--model", model, "--port", str(port)])
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=2).close()
                break
            except OSError:
                time.sleep(0.5)
                if process.poll() is not None:
                    raise SystemExit("the server ended") from None
        load(
            port,
            process.pid,
            json.dumps({"inputs": [{"source": source, "template": template}]}).encode(),
            clients,
            seconds,
        )
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def milliseconds(functions: dict[str, Callable[[], object]], num_rounds: int = 15) -> dict[str, float]:
    """Median wall time of each function; the functions are run alternately."""
    taken: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(num_rounds):
        for name, function in functions.items():
            began = time.perf_counter()
            function()
            taken[name].append((time.perf_counter() - began) * 1e3)
    return {name: statistics.median(values[2:]) for name, values in taken.items()}


def compare_engines(folder: Path) -> None:
    """Compare torch and onnxruntime on the same crops, with one thread each."""
    torch.set_num_threads(1)
    swapper = load_face_swapper(folder, "cpu")
    with tempfile.TemporaryDirectory() as scratch:
        written = export_onnx(folder, Path(scratch) / "swap.onnx")
        run = OnnxSwap(Path(scratch) / "swap.onnx", threads=1)
        print(f"onnx: pixels of [-1, 1] differ by at most {written.max_difference:.1e}; crops of {written.size_px} px")
        for num in (1, 8):
            crops = [
                np.random.default_rng(i).uniform(-1, 1, (num, 3, swapper.size_px, swapper.size_px)) for i in range(2)
            ]
            source, template = (array.astype(np.float32) for array in crops)
            tensors = [torch.from_numpy(array) for array in (source, template)]

            def by_torch(tensors: list[torch.Tensor] = tensors) -> torch.Tensor:
                with torch.no_grad():
                    return swapper.network(*tensors)

            def by_onnx(source: np.ndarray = source, template: np.ndarray = template) -> np.ndarray:
                return run(source, template)

            taken = milliseconds({"torch": by_torch, "onnxruntime": by_onnx})
            ratio = taken["torch"] / taken["onnxruntime"]
            print(
                f"batch {num}: "
                + ", ".join(f"{name} {ms:.0f} ms" for name, ms in taken.items())
                + f", ratio {ratio:.2f}"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="models:/swapcore@challenger")
    parser.add_argument("--size", type=int, default=512, help="side of the images in px")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=30)
    arguments = parser.parse_args()
    compare_engines(locate_model(arguments.model))
    serve_and_load(arguments.model, arguments.size, arguments.clients, arguments.seconds)
