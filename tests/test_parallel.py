"""The ordered map."""

import os
import signal
from collections.abc import Iterator

import pytest

from swapcore.errors import SwapcoreError
from swapcore.parallel import num_processes, ordered_map


def square(number: int) -> int:
    return number * number


def process_of(number: int) -> tuple[int, int]:
    return number, os.getpid()


def fail_at_seven(number: int) -> int:
    if number == 7:
        raise ValueError("seven")
    return number


def die_at_seven(number: int) -> int:
    if number == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_results_come_in_order_from_other_processes() -> None:
    results = list(ordered_map(process_of, range(40), workers=2, chunk_size=3))
    assert [number for number, _ in results] == list(range(40))
    assert os.getpid() not in {process for _, process in results}


def test_one_worker_is_this_process() -> None:
    assert list(ordered_map(process_of, range(3), workers=1, chunk_size=2)) == [(i, os.getpid()) for i in range(3)]


def test_nothing_gives_nothing() -> None:
    assert list(ordered_map(square, [], workers=2, chunk_size=4)) == []


def test_items_are_taken_only_shortly_before_they_are_needed() -> None:
    taken = []

    def items() -> Iterator[int]:
        for i in range(1000):
            taken.append(i)
            yield i

    results = ordered_map(square, items(), workers=2, chunk_size=2)
    assert next(results) == 0
    assert len(taken) < 30
    results.close()  # type: ignore[attr-defined]


def test_an_error_in_a_worker_is_the_callers() -> None:
    with pytest.raises(ValueError, match="seven"):
        list(ordered_map(fail_at_seven, range(20), workers=2, chunk_size=2))


def test_a_killed_worker_is_report_errors() -> None:
    with pytest.raises(SwapcoreError, match=r"killed.*workers"):
        list(ordered_map(die_at_seven, range(20), workers=2, chunk_size=2))


def test_zero_workers_means_the_cores_of_this_process() -> None:
    assert num_processes(3) == 3
    assert 1 <= num_processes(0) <= (os.cpu_count() or 1)
