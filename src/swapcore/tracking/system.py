"""How busy the machine is while a run goes on: processor, memory, disk and GPU, every few seconds."""

import shutil
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

INTERVAL_S = 10.0
MEGABYTE = 1e6


class SystemWatch(threading.Thread):
    """Says every INTERVAL_S what the machine does, under the names that MLflow's pages show as system metrics."""

    def __init__(self, say: Callable[[Mapping[str, float], int], None]) -> None:
        """Args: say: takes figures and the number of the look."""
        super().__init__(name="swapcore-system", daemon=True)
        self._say = say
        self._ending = threading.Event()

    def run(self) -> None:
        """Look until the session ends."""
        psutil.cpu_percent()  # the first answer is about nothing
        look = 0
        while not self._ending.wait(INTERVAL_S):
            self._say(system_figures(), look)
            look += 1

    def finish(self) -> None:
        """Stop looking."""
        self._ending.set()


def system_figures() -> dict[str, float]:
    """Figures of this moment; those of the GPU where torch is loaded and has one."""
    memory = psutil.virtual_memory()
    figures = {
        "system/cpu_utilization_percentage": psutil.cpu_percent(),
        "system/system_memory_usage_megabytes": memory.used / MEGABYTE,
        "system/system_memory_usage_percentage": memory.percent,
        "system/process_memory_usage_megabytes": psutil.Process().memory_info().rss / MEGABYTE,
        "system/disk_available_megabytes": shutil.disk_usage(Path.cwd()).free / MEGABYTE,
    }
    return figures | _gpu_figures()


def _gpu_figures() -> dict[str, float]:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return {}
    free, total = torch.cuda.mem_get_info()
    figures = {
        "system/gpu_0_memory_usage_megabytes": (total - free) / MEGABYTE,
        "system/gpu_0_memory_usage_percentage": 100 * (total - free) / total,
    }
    with suppress(ModuleNotFoundError, RuntimeError):  # NVIDIA's own library is an extra
        figures["system/gpu_0_utilization_percentage"] = float(torch.cuda.utilization())
    return figures
