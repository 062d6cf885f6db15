"""Tracking stores for tests."""

import tempfile
from functools import cache
from pathlib import Path

from swapcore.tracking.store import connect


@cache
def empty_store() -> bytes:
    """An mlflow.db with its tables and nothing in them: to make one takes seconds."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mlflow.db"
        connect(f"sqlite:///{path}").search_experiments()
        return path.read_bytes()
