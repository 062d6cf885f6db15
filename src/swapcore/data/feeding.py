"""Batches made ahead in threads and sent ahead to the device."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

from swapcore.data.preparing import GroupBatch, RawBatch

Item = TypeVar("Item")


def prefetch(make: Callable[[int], Item], steps: range, ahead: int = 3, threads: int = 1) -> Iterator[Item]:
    """Yield make(step) for each step, in order, computed in background threads.

    Args:
        make: called once for each step, possibly by several threads at once.
        steps: the steps.
        ahead: largest number of results that wait.
        threads: number of threads.
    """
    with ThreadPoolExecutor(threads, "batches") as pool:
        waiting: deque[Future[Item]] = deque()
        try:
            for step in steps:
                waiting.append(pool.submit(make, step))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def send_ahead(
    batches: Iterator[RawBatch], prepare: Callable[[RawBatch], GroupBatch], device: torch.device
) -> Iterator[GroupBatch]:
    """Copy and augment each batch on a separate stream of a GPU while the step before it is computed.

    Args:
        batches: in pinned memory.
        prepare: sends a batch to the device and augments it there.
        device: a CUDA device.
    """
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    sent: GroupBatch | None = None
    for raw in batches:
        with torch.cuda.stream(stream):
            following = prepare(raw)
        if sent is not None:
            yield sent
        torch.cuda.current_stream(device).wait_stream(stream)
        # Its memory belongs to the copy stream; without this it could be reused before the step has read it.
        sent = following.map(_used_by_current_stream)
    if sent is not None:
        yield sent


def _used_by_current_stream(tensor: torch.Tensor) -> torch.Tensor:
    tensor.record_stream(torch.cuda.current_stream(tensor.device))
    return tensor
