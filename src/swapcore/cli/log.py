"""Logging of the command line: the `swapcore` tree on stderr, with time and level."""

import logging
import sys

from swapcore.addresses import hide_configured
from swapcore.launched import rank

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
TIME_FORMAT = "%Y-%m-%d %H:%M:%S"


class _Handler(logging.StreamHandler):  # type: ignore[type-arg]  # typeshed's parameter does not exist at run time
    """Writes to the current stderr; a progress bar is cleared first and redrawn below the line."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        self.stream = sys.stderr
        if "tqdm" in sys.modules:
            from tqdm import tqdm

            with tqdm.external_write_mode(file=sys.stderr):
                super().emit(record)
        else:
            super().emit(record)


class _Formatter(logging.Formatter):
    """Hides passwords, which errors of other packages and their tracebacks contain."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of one record."""
        return hide_configured(super().format(record))


def configure_logging(level: int = logging.INFO) -> None:
    """Send records of the `swapcore` tree from this level on to stderr; a second call changes the level.

    Args:
        level: DEBUG for `-v`, INFO by default, WARNING for `-q`. Other ranks than 0 log errors only.
    """
    logger = logging.getLogger("swapcore")
    logger.setLevel(level if rank() == 0 else logging.ERROR)
    if not any(isinstance(handler, _Handler) for handler in logger.handlers):
        handler = _Handler()
        handler.setFormatter(_Formatter(FORMAT, TIME_FORMAT))
        logger.addHandler(handler)
