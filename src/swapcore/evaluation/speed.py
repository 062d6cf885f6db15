"""Speed of a swap on this machine."""

import time
from collections.abc import Sequence
from statistics import median

from swapcore.data.faces import Face
from swapcore.evaluation.methods import Swap

NUM_RUNS = 7
NUM_BATCH_RUNS = 3


def seconds_per_call(swap: Swap, sources: Sequence[Face], templates: Sequence[Face], num_runs: int) -> float:
    """Return the median wall-clock seconds of a call, after one that is not counted."""
    seconds = []
    for _ in range(1 + num_runs):
        start = time.perf_counter()
        swap(sources, templates)
        seconds.append(time.perf_counter() - start)
    return median(seconds[1:])


def measure_speed(swap: Swap, face: Face, batch_size: int) -> dict[str, float]:
    """Measure milliseconds at batch size 1 and images per second at batch_size, from aligned crops to aligned crops."""
    batch = [face] * batch_size
    return {
        "speed/ms_batch1": 1000 * seconds_per_call(swap, [face], [face], NUM_RUNS),
        "speed/images_per_second": batch_size / seconds_per_call(swap, batch, batch, NUM_BATCH_RUNS),
        "speed/batch_size": float(batch_size),
    }
