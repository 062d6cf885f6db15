"""Lists of known length on a device, without waiting for it: expanding counts, and keeping marked entries."""

from collections.abc import Iterator

import torch

CHUNK = 1 << 21
"""Entries that are worked on at a time; bounds the memory."""


def expand(counts: torch.Tensor, total: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Iterate over all (owner, number below the owner's count), in chunks.

    Args:
        counts: (N,) int64, not negative.
        total: their sum.

    Yields:
        Two (C,) int64: 0 0 1 2 2 2 and 0 1 0 0 1 2 for counts 2 1 3.
    """
    for start in range(0, total, CHUNK):
        entry = torch.arange(start, min(total, start + CHUNK), device=counts.device)
        yield owners(counts, entry)


def owners(counts: torch.Tensor, entry: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Owner, and number below its count, of entries (C,) of the expanded list."""
    ends = counts.cumsum(0)
    owner = torch.searchsorted(ends, entry, right=True).clamp(max=len(counts) - 1)
    return owner, entry - (ends - counts)[owner]


def marked(mask: torch.Tensor, count: int) -> torch.Tensor:
    """Return the positions (count,) int64 where a mask (N,) is true; the count is known, so the host does not wait."""
    place = torch.where(mask, mask.cumsum(0) - 1, count)
    positions = torch.zeros(count + 1, dtype=torch.long, device=mask.device)
    return positions.scatter_(0, place, torch.arange(len(mask), device=mask.device))[:count]
