"""Ordered map over worker processes with bounded memory."""

import itertools
import multiprocessing
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from swapcore.errors import SwapcoreError

Item = TypeVar("Item")
Result = TypeVar("Result")

_CHUNKS_AHEAD = 3


def num_processes(workers: int) -> int:
    """Return the number of processes to use; 0 means one for each core that this process may run on."""
    if workers:
        return workers
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ordered_map(
    function: Callable[[Item], Result], items: Iterable[Item], *, workers: int, chunk_size: int
) -> Iterator[Result]:
    """Yield function(item) for each item, in order, from spawned processes, or from this one with one worker.

    Args:
        function: pickled once for each process.
        items: pickled in chunks. Only a few chunks for each process are ahead of the consumer, which bounds memory.
        workers: number of processes; 0 for one for each core.
        chunk_size: items per chunk.

    Raises:
        SwapcoreError: a worker process was killed, e.g. for lack of memory.
    """
    processes = num_processes(workers)
    if processes == 1:
        yield from map(function, items)
        return
    remaining = iter(items)
    pool = ProcessPoolExecutor(
        processes, multiprocessing.get_context("spawn"), initializer=_start_worker, initargs=(function,)
    )
    pending: deque[Future[list[Result]]] = deque()
    try:
        while chunk := list(itertools.islice(remaining, chunk_size)):
            pending.append(pool.submit(_apply, chunk))
            if len(pending) > processes * _CHUNKS_AHEAD:
                yield from pending.popleft().result()
        while pending:
            yield from pending.popleft().result()
    except BrokenProcessPool:
        raise SwapcoreError(
            "a worker process was killed; if memory was short, lower `workers`, and run again"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


_worker_function: Callable[[Any], Any]


def _start_worker(function: Callable[[Any], Any]) -> None:
    """Store the function and limit cv2 and torch to one thread, since the processes use all cores.

    Both are imported already if the function needs them.
    """
    if cv2 := sys.modules.get("cv2"):
        cv2.setNumThreads(1)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
    global _worker_function
    _worker_function = function


def _apply(chunk: list[Any]) -> list[Any]:
    return [_worker_function(item) for item in chunk]
