"""Choice of device, number of threads and number format."""

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from swapcore import launched
from swapcore.errors import ParamsError
from swapcore.parallel import num_processes

MAX_GPU_PROCESSES = 4
"""Each has a CUDA context and the model in the GPU's memory."""


def select_device(name: str) -> torch.device:
    """Return the device of a name.

    Args:
        name: auto (CUDA, then MPS, then the CPU), cpu, cuda, cuda:N or mps. Processes of one node that use cuda get one GPU
            each, by their local rank.

    Raises:
        ParamsError: the device is not available, or several processes cannot share it.
    """
    num_sharing = launched.num_local_processes()
    if name == "auto":
        on_mps = torch.backends.mps.is_available() and num_sharing == 1
        name = "cuda" if torch.cuda.is_available() else "mps" if on_mps else "cpu"
    if num_sharing > 1 and name not in ("cuda", "cpu"):
        raise ParamsError(f"device: {name} is one device for {num_sharing} processes; use cuda or cpu")
    device = _parse(f"cuda:{launched.local_rank()}" if num_sharing > 1 and name == "cuda" else name)
    if device.type == "cuda" and not (device.index or 0) < torch.cuda.device_count():
        raise ParamsError(
            f"device: {device} is not available ({torch.cuda.device_count()} CUDA devices); use auto or cpu"
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ParamsError("device: mps is not available; use auto or cpu")
    return device


def _parse(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda", "mps"):
        raise ParamsError(f"device: {name} is not a device; use auto, cpu, cuda, cuda:N or mps")
    return device


def num_inference_processes(workers: int, device: str) -> int:
    """Number of processes for inference: `workers`, or for 0 one per core; at most MAX_GPU_PROCESSES share a GPU."""
    processes = num_processes(workers)
    return min(processes, MAX_GPU_PROCESSES) if workers == 0 and select_device(device).type != "cpu" else processes


def require_compiler(device: torch.device) -> None:
    """Check that torch.compile can work: it needs a C++ compiler for a CPU, and a C compiler for a GPU.

    Raises:
        ParamsError: there is none.
    """
    variable, names = ("CC", ("gcc", "cc", "clang")) if device.type == "cuda" else ("CXX", ("g++", "c++", "clang++"))
    named = os.environ.get(variable)
    if not any(shutil.which(name) for name in ([named] if named else names)):
        raise ParamsError(
            f"train.step.compile: needs {named or names[0]}, which is not on PATH; install it, or set train.step.compile to false"
        )


def set_threads(threads: int) -> None:
    """Set torch's number of threads; 0 keeps torch's choice, one per core unless OMP_NUM_THREADS is set."""
    if threads:
        torch.set_num_threads(threads)


@contextmanager
def single_thread() -> Iterator[None]:
    """Run torch on one thread of the CPU; also a decorator.

    For networks that are so small that a second thread gains nothing, and costs many times the work when other programs use the
    cores (docs/experiments.md).
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def number_format(device: torch.device, precision: str) -> str:
    """Resolve a precision: auto is bf16 on hardware that multiplies bf16 matrices (CUDA since Ampere, CPUs with AMX).

    On CPUs that have avx512_bf16 but no AMX, bf16 is slower than fp32 (docs/experiments.md).
    """
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if device.type == "cpu" and torch.cpu.get_capabilities().get("amx_bf16") else "fp32"


def dtype_of(device: torch.device, precision: str) -> torch.dtype:
    """Return the dtype of convolutions for a precision."""
    return {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[number_format(device, precision)]


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Return the context of forward passes and losses; fp16 needs loss scaling, bf16 does not."""
    dtype = dtype_of(device, precision)
    return nullcontext() if dtype == torch.float32 else torch.autocast(device.type, dtype)
