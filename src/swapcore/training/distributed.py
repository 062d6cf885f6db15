"""Process group of a distributed training; collectives are no-ops in a single process."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist

from swapcore import launched
from swapcore.errors import ParamsError, TrainingError, first_line

TIMEOUT = "SWAPCORE_PROCESS_TIMEOUT_S"
"""Environment variable: seconds that a process waits for the others in a step."""
SETUP_TIMEOUT = "SWAPCORE_SETUP_TIMEOUT_S"
"""Environment variable: seconds that a process waits for the others before the first step."""
_DEFAULT_S = {TIMEOUT: 120.0, SETUP_TIMEOUT: 7200.0}

Item = TypeVar("Item")
_PEER_WORDS = ("nccl", "processgroup", "process group", "distbackend", "watchdog", "remote process")
"""In the messages of a lost peer."""


@dataclass(frozen=True)
class Processes:
    """This process's rank among those that train one model."""

    rank: int = 0
    count: int = 1
    setup_group: dist.ProcessGroup | None = field(default=None, compare=False)
    """Exchanges before the first step, on CPUs, with a timeout of its own: reading and decoding differ by minutes."""

    @property
    def is_first(self) -> bool:
        """Whether this process writes files: model, checkpoints, sheets, tracking."""
        return self.rank == 0

    @property
    def is_first_of_node(self) -> bool:
        """Whether this process writes the files that the processes of its machine share."""
        return launched.local_rank() == 0

    def setup_any(self, flag: bool) -> bool:
        """Return whether the flag is set in any process; waits as long as set-up may take."""
        if self.count == 1:
            return flag
        flags = torch.tensor(int(flag))
        with _clear_errors(SETUP_TIMEOUT):
            dist.all_reduce(flags, dist.ReduceOp.MAX, group=self.setup_group)
        return bool(flags)

    def setup_send(self, values: torch.Tensor, sender: int) -> None:
        """Replace a CPU tensor by the sender's; waits as long as set-up may take."""
        if self.count > 1:
            with _clear_errors(SETUP_TIMEOUT):
                dist.broadcast(values, src=sender, group=self.setup_group)

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
        _spread(flat, tensors)

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

    def require_equal_weights(self, modules: Sequence[torch.nn.Module]) -> None:
        """Compare the checksum of all weights with the first process's.

        Raises:
            TrainingError: they differ, so that this process trains another model.
        """
        if self.count == 1:
            return
        own = checksum(modules)
        if self.any(self.broadcast(own) != own):
            raise TrainingError(
                "the weights of the processes differ; use the same hardware and software on all nodes, and run the same "
                "command to resume from the last checkpoint"
            )

    def share_weights(self, modules: Sequence[torch.nn.Module]) -> None:
        """Copy the first process's weights and buffers to all processes, in one exchange for each dtype."""
        if self.count == 1:
            return
        by_dtype: dict[torch.dtype, list[torch.Tensor]] = {}
        for module in modules:
            for tensor in module.state_dict().values():
                by_dtype.setdefault(tensor.dtype, []).append(tensor)
        for tensors in by_dtype.values():
            flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
            with _clear_errors():
                dist.broadcast(flat, src=0)
            _spread(flat, tensors)

    def barrier(self) -> None:
        """Wait for all processes."""
        self.any(False)

    def setup_barrier(self) -> None:
        """Wait for all processes, as long as set-up may take."""
        self.setup_any(False)


SINGLE = Processes()


def checksum(modules: Sequence[torch.nn.Module]) -> str:
    """Return a digest of all weights and buffers, bit for bit."""
    digest = hashlib.sha256()
    for module in modules:
        for tensor in module.state_dict().values():
            digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _spread(flat: torch.Tensor, tensors: Sequence[torch.Tensor]) -> None:
    """Copy the parts of a flat tensor to tensors."""
    for tensor, values in zip(tensors, torch.split(flat, [tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(values.view(tensor.shape))


@contextmanager
def join_processes(device: torch.device) -> Iterator[Processes]:
    """Join the process group that torchrun started: gloo on CPUs, nccl between GPUs. Without torchrun, yield SINGLE.

    Raises:
        ParamsError: SWAPCORE_PROCESS_TIMEOUT_S or SWAPCORE_SETUP_TIMEOUT_S is not a number of seconds.
        TrainingError: other processes did not join in time.
    """
    count = launched.num_processes()
    if count == 1:
        yield SINGLE
        return
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(device)  # the objects of nccl, and what users' networks allocate, go to this GPU
    step_timeout, setup_timeout = (timedelta(seconds=_seconds(name)) for name in (TIMEOUT, SETUP_TIMEOUT))
    with _clear_errors():
        dist.init_process_group(backend, timeout=step_timeout, device_id=device if device.type == "cuda" else None)
        setup_group = dist.new_group(backend="gloo", timeout=setup_timeout)
    try:
        yield Processes(launched.rank(), count, setup_group)
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


def require_enough_groups(num_groups: int, processes: Processes) -> None:
    """Check that there are at least as many groups as processes.

    Raises:
        ParamsError: there are not.
    """
    if num_groups < processes.count:
        raise ParamsError(
            f"{num_groups} accepted sample groups for {processes.count} processes; start at most {num_groups}, or make more "
            "groups"
        )


def _seconds(variable: str) -> float:
    text = os.environ.get(variable, str(_DEFAULT_S[variable]))
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise ParamsError(f"{variable}: {text!r} is not a number of seconds; set a number above 0, or unset it")
    return seconds


@contextmanager
def _clear_errors(variable: str = TIMEOUT) -> Iterator[None]:
    """Convert the RuntimeError by which gloo and nccl report a dead or slow peer."""
    try:
        yield
    except RuntimeError as error:
        reason = first_line(error, 160)
        raise TrainingError(
            f"another process of this training died or did not answer ({reason}); run the same command to resume from the "
            f"last checkpoint, with {variable} raised if it was only slow"
        ) from None


@contextmanager
def peer_errors(processes: Processes) -> Iterator[None]:
    """Convert an error that nccl reports later than the exchange, at the first value that is read from the GPU.

    A process that trains alone has no peers; its errors pass.
    """
    try:
        yield
    except torch.cuda.OutOfMemoryError:
        raise
    except RuntimeError as error:
        if processes.count > 1 and any(word in str(error).lower() for word in _PEER_WORDS):
            with _clear_errors():
                raise
        raise
