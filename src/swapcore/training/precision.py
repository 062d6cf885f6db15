"""Which device trains, with how many threads, in which number format."""

from contextlib import AbstractContextManager, nullcontext

import torch

from swapcore.errors import ParamsError


def select_device(name: str) -> torch.device:
    """The device that params name; auto takes CUDA, then MPS, then the CPU.

    Raises:
        ParamsError: the named device is not there.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and not (device.index or 0) < torch.cuda.device_count():
        raise ParamsError(f"device: {name} is not there ({torch.cuda.device_count()} CUDA devices); use auto or cpu")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ParamsError("device: mps is not there; use auto or cpu")
    return device


def set_threads(threads: int) -> None:
    """Let torch use so many threads; 0 = torch's own choice, one for each core unless OMP_NUM_THREADS says otherwise."""
    if threads:
        torch.set_num_threads(threads)


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """The context of forward passes and losses: bf16 needs no loss scaling, for it has the exponents of fp32."""
    if precision == "bf16":
        return torch.autocast(device.type, torch.bfloat16)
    return nullcontext()
