"""Which device trains, with how many threads, in which number format."""

from contextlib import AbstractContextManager, nullcontext

import torch

from swapcore import launched
from swapcore.errors import ParamsError
from swapcore.parallel import num_processes

MAX_GPU_PROCESSES = 4
"""Each holds a CUDA context and the model in the GPU's memory."""


def select_device(name: str) -> torch.device:
    """The device that params name; auto takes CUDA, then MPS, then the CPU. Processes that share a node take a GPU each.

    Raises:
        ParamsError: the named device is not there, or is one for several processes.
    """
    several = launched.num_local_processes() > 1
    if name == "auto":
        on_mps = torch.backends.mps.is_available() and not several
        name = "cuda" if torch.cuda.is_available() else "mps" if on_mps else "cpu"
    if several and name not in ("cuda", "cpu"):
        raise ParamsError(
            f"device: {name} is one device for {launched.num_local_processes()} processes; use cuda or cpu"
        )
    device = torch.device(f"cuda:{launched.local_rank()}" if several and name == "cuda" else name)
    if device.type == "cuda" and not (device.index or 0) < torch.cuda.device_count():
        raise ParamsError(f"device: {device} is not there ({torch.cuda.device_count()} CUDA devices); use auto or cpu")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ParamsError("device: mps is not there; use auto or cpu")
    return device


def num_inference_processes(workers: int, device: str) -> int:
    """Number of processes for inference: `workers`, or for 0 one per core; at most MAX_GPU_PROCESSES share a GPU."""
    processes = num_processes(workers)
    return min(processes, MAX_GPU_PROCESSES) if workers == 0 and select_device(device).type != "cpu" else processes


def set_threads(threads: int) -> None:
    """Let torch use so many threads; 0 = torch's own choice, one for each core unless OMP_NUM_THREADS says otherwise."""
    if threads:
        torch.set_num_threads(threads)


def number_format(device: torch.device, precision: str) -> str:
    """What auto stands for here: bf16 where the hardware multiplies matrices of it, as CUDA since Ampere and CPUs with AMX do.

    Processors that merely know the format (avx512_bf16) are slower with it than with fp32: docs/experiments.md.
    """
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if device.type == "cpu" and torch.cpu.get_capabilities().get("amx_bf16") else "fp32"


def dtype_of(device: torch.device, precision: str) -> torch.dtype:
    """The dtype in which convolutions are computed."""
    return {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[number_format(device, precision)]


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """The context of forward passes and losses; fp16 needs loss scaling, bf16 has the exponents of fp32 and needs none."""
    computed_in = dtype_of(device, precision)
    return nullcontext() if computed_in == torch.float32 else torch.autocast(device.type, computed_in)
