"""Process group of a distributed training; collectives are no-ops in a single process."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist

from swapcore import launched
from swapcore.errors import ParamsError, TrainingError, first_line

TIMEOUT = "SWAPCORE_PROCESS_TIMEOUT_S"
"""Environment variable: seconds that a process waits for the others."""
_TIMEOUT_S = 120.0

Item = TypeVar("Item")


@dataclass(frozen=True)
class Processes:
    """This process's rank among those that train one model."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes files: model, checkpoints, sheets, tracking."""
        return self.rank == 0

    def share(self, num_rows: int) -> slice:
        """Return this process's rows of a global batch.

        The rows are contiguous, so that every k-th row of the batch is also every k-th row of a share.
        """
        size = num_rows // self.count
        return slice(self.rank * size, (self.rank + 1) * size)

    def average(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace each tensor by its mean over the processes, bit-identical in all; one all-reduce for all tensors."""
        if self.count == 1:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        with _clear_errors():
            dist.all_reduce(flat)
        flat /= self.count
        for tensor, mean in zip(tensors, torch.split(flat, [tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(mean.view(tensor.shape))

    def any(self, flag: bool) -> bool:
        """Return whether the flag is set in any process."""
        if self.count == 1:
            return flag
        flags = torch.tensor(int(flag))
        with _clear_errors():
            dist.all_reduce(flags, dist.ReduceOp.MAX)
        return bool(flags)

    def broadcast(self, value: Item) -> Item:
        """Return the first process's value, plain Python or CPU tensors; the argument of other processes is ignored."""
        if self.count == 1:
            return value
        box = [value if self.is_first else None]
        with _clear_errors():
            dist.broadcast_object_list(box, src=0, device=torch.device("cpu"))
        return box[0]  # type: ignore[return-value]

    def require_same(self, text: str, what: str) -> None:
        """Check that all processes have the same text.

        Raises:
            ParamsError: they do not.
        """
        if self.any(self.broadcast(text) != text):
            raise ParamsError(f"the processes were started with different {what}; give all nodes the same")

    def barrier(self) -> None:
        """Wait for all processes."""
        self.any(False)


SINGLE = Processes()


@contextmanager
def join_processes(device: torch.device) -> Iterator[Processes]:
    """Join the process group that torchrun started: gloo on CPUs, nccl between GPUs. Without torchrun, yield SINGLE.

    Raises:
        ParamsError: SWAPCORE_PROCESS_TIMEOUT_S is not a number of seconds.
        TrainingError: other processes did not join in time.
    """
    count = launched.num_processes()
    if count == 1:
        yield SINGLE
        return
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    with _clear_errors():
        dist.init_process_group(backend, timeout=timedelta(seconds=_timeout_s()))
    try:
        yield Processes(launched.rank(), count)
    except BaseException:
        # Destroying an nccl group can hang if a peer died, and this process ends anyway. With gloo the group must be destroyed:
        # its threads sometimes abort the interpreter's shutdown, which changes the exit code.
        if backend == "gloo":
            dist.destroy_process_group()
        raise
    dist.destroy_process_group()


def require_divisible(batch_size: int, accumulate: int, frozen_network_every: int, processes: Processes) -> None:
    """Check that each part of each process's share contains the same number of samples for the frozen networks.

    Args:
        batch_size: of a step, over all processes.
        accumulate: parts of a process's share.
        frozen_network_every: see StepParams.
        processes: the process group.

    Raises:
        ParamsError: the batch cannot be divided so.
    """
    num_parts = processes.count * accumulate
    if num_parts > 1 and batch_size % (num_parts * frozen_network_every):
        raise ParamsError(
            f"train.batch_size: {batch_size} is not a multiple of {processes.count} processes x {accumulate} "
            f"(train.step.accumulate) x {frozen_network_every} (train.step.frozen_network_every); change one of them"
        )


def _timeout_s() -> float:
    text = os.environ.get(TIMEOUT, str(_TIMEOUT_S))
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise ParamsError(f"{TIMEOUT}: {text!r} is not a number of seconds; set a number above 0, or unset it")
    return seconds


@contextmanager
def _clear_errors() -> Iterator[None]:
    """Convert the RuntimeError by which gloo and nccl report a dead or slow peer."""
    try:
        yield
    except RuntimeError as error:
        reason = first_line(error, 160)
        raise TrainingError(
            f"another process of this training died or did not answer ({reason}); run the same command to resume from the "
            f"last checkpoint, with {TIMEOUT} raised if it was only slow"
        ) from None
