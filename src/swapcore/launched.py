"""What torchrun tells each process it starts, by environment variables; a process that nobody launched is alone."""

import os


def rank() -> int:
    """Number of this process among all, on all nodes; the first, 0, is the one that writes."""
    return int(os.environ.get("RANK", "0"))


def local_rank() -> int:
    """Number of this process among those of its node."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def num_processes() -> int:
    """Processes of the job on all nodes."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def num_local_processes() -> int:
    """Processes of the job on this node."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
