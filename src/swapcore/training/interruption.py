"""SIGTERM, as a spot node sends it: remembered until the step is done, so that training can save itself first."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self


class StopRequest:
    """While active, a SIGTERM is only remembered; active in the main thread alone, where Python lets signals be caught."""

    def __init__(self) -> None:
        self.received = False
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._remember)
        return self

    def _remember(self, _number: int, _frame: FrameType | None) -> None:
        self.received = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)
