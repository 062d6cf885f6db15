"""The processes of one training: who is the first, and what they tell each other; one process alone tells itself."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist

from swapcore import launched
from swapcore.config import TrainParams
from swapcore.errors import ParamsError, TrainingError, first_line

TIMEOUT = "SWAPCORE_PROCESS_TIMEOUT_S"
"""Environment variable: how long a process waits for the others before it gives them up for lost."""
_TIMEOUT_S = 120.0

Item = TypeVar("Item")


@dataclass(frozen=True)
class Processes:
    """This process among those that train one model together."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes: model, checkpoints, sheets, tracking."""
        return self.rank == 0

    def share(self, num_rows: int) -> slice:
        """This process's rows of whatever is drawn for the whole batch, a block of them; every row is one process's.

        A block, not every n-th row, so that a turn that goes by every k-th row of the batch is one by every k-th of the block.
        """
        size = num_rows // self.count
        return slice(self.rank * size, (self.rank + 1) * size)

    def average(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace each tensor by its mean over the processes, bit for bit the same in all; one exchange for all of them."""
        if self.count == 1:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        with _lost_ones_named():
            dist.all_reduce(flat)
        flat /= self.count
        for tensor, mean in zip(tensors, torch.split(flat, [tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(mean.view(tensor.shape))

    def any(self, flag: bool) -> bool:
        """Whether the flag is up in any of the processes."""
        if self.count == 1:
            return flag
        raised = torch.tensor(int(flag))
        with _lost_ones_named():
            dist.all_reduce(raised, dist.ReduceOp.MAX)
        return bool(raised)

    def hear(self, value: Item) -> Item:
        """The first process's value: plain Python or tensors on the CPU. What the others pass is ignored."""
        if self.count == 1:
            return value
        box = [value if self.is_first else None]
        with _lost_ones_named():
            dist.broadcast_object_list(box, src=0, device=torch.device("cpu"))
        return box[0]  # type: ignore[return-value]

    def require_same(self, text: str, what: str) -> None:
        """Check that all processes were given the same.

        Raises:
            ParamsError: they were not.
        """
        if self.any(self.hear(text) != text):
            raise ParamsError(f"the processes were started with different {what}; give all nodes the same")

    def wait(self) -> None:
        """Until every process is here."""
        self.any(False)


ALONE = Processes()


@contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """Join the processes that torchrun started, gloo on the CPU and nccl between GPUs; alone where it started none.

    Raises:
        ParamsError: SWAPCORE_PROCESS_TIMEOUT_S is no number of seconds.
        TrainingError: the others did not come.
    """
    count = launched.num_processes()
    if count == 1:
        yield ALONE
        return
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    with _lost_ones_named():
        dist.init_process_group(backend, timeout=timedelta(seconds=_timeout_s()))
    try:
        yield Processes(launched.rank(), count)
    except BaseException:
        # nccl's farewell to a process that is gone could hang, and this one ends anyway; gloo says none, but its threads, left
        # to the interpreter's end, abort it now and then, and with it the exit code.
        if backend == "gloo":
            dist.destroy_process_group()
        raise
    dist.destroy_process_group()


def require_divisible(params: TrainParams, processes: Processes) -> None:
    """Check that the global batch can be divided, so that every part holds as many rows of every turn.

    Raises:
        ParamsError: it cannot.
    """
    num_parts = processes.count * params.accumulate
    if num_parts > 1 and params.batch_size % (num_parts * params.judge_every):
        raise ParamsError(
            f"train.batch_size: {params.batch_size} is not a multiple of {processes.count} processes x {params.accumulate} parts "
            f"(train.accumulate) x {params.judge_every} turns (train.judge_every); change one of them"
        )


def _timeout_s() -> float:
    text = os.environ.get(TIMEOUT, str(_TIMEOUT_S))
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise ParamsError(f"{TIMEOUT}: {text!r} is no number of seconds; set one above 0, or unset it")
    return seconds


@contextmanager
def _lost_ones_named() -> Iterator[None]:
    """gloo and nccl report a peer that died, or that did not answer in time, as RuntimeError."""
    try:
        yield
    except RuntimeError as error:
        reason = first_line(error, 160)
        raise TrainingError(
            f"another process of this training is gone or did not answer ({reason}); run the same command to go on from the "
            f"last checkpoint, with {TIMEOUT} raised if it was only slow"
        ) from None
