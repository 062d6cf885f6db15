"""An ordered map over processes whose memory does not grow with the number of items."""

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
    """Processes to use: 0 stands for one for each core that this process may run on."""
    if workers:
        return workers
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ordered_map(
    function: Callable[[Item], Result], items: Iterable[Item], *, workers: int, chunk_size: int
) -> Iterator[Result]:
    """Yield function(item) for each item, in order, from freshly spawned processes; with one worker from this one.

    The function is pickled once a process, the items chunk by chunk. Only a few chunks a process are ahead of the
    consumer, so that results do not pile up behind a slow one.

    Raises:
        SwapcoreError: a worker process was killed, as by a lack of memory.
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
    """Keep the function, and leave the cores to the processes: threads inside them would only fight for them."""
    # What the function needs was imported when it was unpickled; nothing is imported here for its own sake.
    if cv2 := sys.modules.get("cv2"):
        cv2.setNumThreads(1)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
    global _worker_function
    _worker_function = function


def _apply(chunk: list[Any]) -> list[Any]:
    return [_worker_function(item) for item in chunk]
