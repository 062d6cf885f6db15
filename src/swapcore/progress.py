"""Progress of long loops: a bar on a terminal, else a log line every 30 seconds."""

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from tqdm import tqdm

from swapcore.launched import rank

Item = TypeVar("Item")

LINE_INTERVAL_S = 30.0
"""Seconds between log lines where stderr is not a terminal."""
_BAR_DELAY_S = 2.0
_log = logging.getLogger(__name__)
Observer = Callable[[str, int, int | None], None]
"""Called with the name of the work, the finished items and the total before each item; an error that it raises ends the
loop."""
_observer: ContextVar[Observer | None] = ContextVar("observer", default=None)


@contextmanager
def observed(observer: Observer) -> Iterator[None]:
    """Report the progress of this thread's loops to a function instead of stderr."""
    token = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(token)


def progress(items: Iterable[Item], what: str, total: int | None = None, initial: int = 0) -> Iterator[Item]:
    """Yield items and report percent, rate and remaining time on stderr; only rank 0 of a distributed job reports.

    Args:
        items: what the loop goes through.
        what: name of the work, shown before the numbers.
        total: number of items including `initial`; by default len(items), if it has one.
        initial: items that an earlier, interrupted run has done.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    if observer := _observer.get():
        yield from _with_observer(items, what, total, initial, observer)
    elif rank() > 0 or is_quiet():
        yield from items
    elif sys.stderr.isatty():
        yield from tqdm(items, what, total, initial=initial, delay=_BAR_DELAY_S, dynamic_ncols=True)
    else:
        yield from _with_lines(items, what, total, initial)


def _with_observer(
    items: Iterable[Item], what: str, total: int | None, initial: int, observer: Observer
) -> Iterator[Item]:
    done = initial
    observer(what, done, total)
    for done, item in enumerate(items, initial + 1):
        yield item
        observer(what, done, total)


def is_quiet() -> bool:
    """Whether `-q` was given: the swapcore logger was set to a level above INFO."""
    return logging.getLogger("swapcore").level > logging.INFO


def _with_lines(items: Iterable[Item], what: str, total: int | None, initial: int) -> Iterator[Item]:
    started = reported = time.monotonic()
    for number, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - reported >= LINE_INTERVAL_S:
            reported = now
            _log.info("%s", progress_line(what, initial + number, total, number / (now - started)))


def progress_line(what: str, done: int, total: int | None, rate: float) -> str:
    """One line: `crop: 1200/5000 (24 %), 40.0 per second, 01:35 left`.

    Args:
        what: name of the work.
        done: items finished, including those of an earlier run.
        total: items in all, or None if unknown.
        rate: items per second of this run, greater than 0.
    """
    speed = f"{rate:.1f} per second" if rate >= 1 else f"{1 / rate:.1f} seconds each"
    if not total:
        return f"{what}: {done}, {speed}"
    remaining = tqdm.format_interval(round(max(0, total - done) / rate))
    return f"{what}: {done}/{total} ({100 * done // total} %), {speed}, {remaining} left"
