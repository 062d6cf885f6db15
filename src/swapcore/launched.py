"""Rank and world size that torchrun sets; 0 and 1 without it."""

import os


def rank() -> int:
    """Number of this process among all nodes; rank 0 writes files and reports."""
    return int(os.environ.get("RANK", "0"))


def local_rank() -> int:
    """Number of this process on its node."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def num_processes() -> int:
    """Processes of the job on all nodes."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def num_local_processes() -> int:
    """Processes of the job on this node."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
