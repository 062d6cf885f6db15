"""System metrics of a run: CPU, memory, disk and GPU."""

import shutil
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

INTERVAL_S = 10.0
MEGABYTE = 1e6


class SystemMonitor(threading.Thread):
    """Thread that logs system metrics every INTERVAL_S under MLflow's names."""

    def __init__(self, log: Callable[[Mapping[str, float], int], None]) -> None:
        """Args: log: takes metrics and the number of the sample."""
        super().__init__(name="swapcore-system", daemon=True)
        self._log = log
        self._ending = threading.Event()

    def run(self) -> None:
        """Log until the session ends."""
        psutil.cpu_percent()  # the first call has no interval to measure
        sample = 0
        while not self._ending.wait(INTERVAL_S):
            self._log(system_metrics(), sample)
            sample += 1

    def finish(self) -> None:
        """Stop logging."""
        self._ending.set()


def system_metrics() -> dict[str, float]:
    """Return current system metrics; GPU metrics only if torch is loaded and uses a GPU."""
    memory = psutil.virtual_memory()
    metrics = {
        "system/cpu_utilization_percentage": psutil.cpu_percent(),
        "system/system_memory_usage_megabytes": memory.used / MEGABYTE,
        "system/system_memory_usage_percentage": memory.percent,
        "system/process_memory_usage_megabytes": psutil.Process().memory_info().rss / MEGABYTE,
        "system/disk_available_megabytes": shutil.disk_usage(Path.cwd()).free / MEGABYTE,
    }
    return metrics | _gpu_metrics()


def _gpu_metrics() -> dict[str, float]:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return {}
    free, total = torch.cuda.mem_get_info()
    metrics = {
        "system/gpu_0_memory_usage_megabytes": (total - free) / MEGABYTE,
        "system/gpu_0_memory_usage_percentage": 100 * (total - free) / total,
    }
    with suppress(ModuleNotFoundError, RuntimeError):  # needs NVIDIA's library, an optional package
        metrics["system/gpu_0_utilization_percentage"] = float(torch.cuda.utilization())
    return metrics
