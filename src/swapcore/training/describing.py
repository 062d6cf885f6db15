"""Source conditioning of all training sources, computed once and kept in host memory."""

import copy
import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from swapcore.cache import cached_file, prepared_folder, remove_unused
from swapcore.data.sampling import GroupSampler
from swapcore.models.source import SourceDescription, pool_levels
from swapcore.ops.embedding import Recognize
from swapcore.progress import progress
from swapcore.training.distributed import SINGLE, Processes

BATCH_SIZE = 256
"""Sources of one forward pass. The batches are always the same, since the last bits of a result can depend on the batch."""
_CHUNK = 512
"""Rows of one pass over the finished descriptions."""

Rows = npt.NDArray[np.float32]


class SourceDescriptions:
    """Descriptions of sources by their numbers; the statistics are applied when they are read."""

    def __init__(self, raw: Rows, description: SourceDescription) -> None:
        """Bind the values.

        Args:
            raw: (N, P + D): pooled levels and raw embedding.
            description: fitted statistics.
        """
        self.raw = raw
        self._description = copy.deepcopy(description).cpu()

    def __len__(self) -> int:
        return len(self.raw)

    @torch.no_grad()
    def __call__(self, numbers: npt.NDArray[np.int64]) -> torch.Tensor:
        """Return the descriptions of sources, (B, P + D), in host memory."""
        rows = torch.from_numpy(np.take(self.raw, numbers, axis=0))
        num_pooled = self._description.pooled_mean.numel()
        described: torch.Tensor = self._description(rows[:, :num_pooled], rows[:, num_pooled:])
        return described


def describe_sources(
    description: SourceDescription,
    sampler: GroupSampler,
    recognize: Recognize,
    embedding_mean: torch.Tensor,
    device: torch.device,
    *,
    processes: Processes = SINGLE,
    cache_megabytes: int = 0,
    recognizer: str = "",
) -> SourceDescriptions:
    """Compute the conditioning of all training sources, each process a share of them, and fit its normalization.

    With a cache the values are in a file that the processes of a machine share and that later trainings find; without one, each
    process has all values in memory.

    Args:
        description: fitted in place.
        sampler: provides the sources.
        recognize: the recognizer of the losses.
        embedding_mean: (D,), mean raw embedding of the training people.
        device: of the recognizer.
        processes: the process group.
        cache_megabytes: see ``SamplingParams``; 0 for no file.
        recognizer: digest of the recognizer, part of the file's name.

    Raises:
        InputError: there is no space for the file.
    """
    width = description.size
    num_bytes = sampler.num_sources * width * 4
    limit = cache_megabytes * 1_000_000
    collecting = _Collecting(sampler, recognize, device, processes, width)
    if processes.setup_any(num_bytes > limit):
        raw = collecting.in_memory()
    else:
        raw = _in_file(collecting, _name(sampler, recognizer, device, width), num_bytes)
        remove_unused("*.descriptions", max(limit, num_bytes), keep=Path(str(raw.filename)))
    _fit(description, raw, embedding_mean)
    return SourceDescriptions(raw, description)


def _name(sampler: GroupSampler, recognizer: str, device: torch.device, width: int) -> str:
    text = f"{sampler.sources_digest()} {sampler.size_px} {recognizer} {device.type} {width} {torch.__version__}"
    return f"{hashlib.sha256(text.encode()).hexdigest()[:40]}.descriptions"


def _in_file(
    collecting: "_Collecting", name: str, num_bytes: int
) -> "np.memmap[tuple[int, int], np.dtype[np.float32]]":
    """Return the values mapped from a file; compute them first if the file is missing on any machine."""
    processes = collecting.processes
    path = prepared_folder() / name
    if processes.setup_any(not path.exists()):
        if processes.is_first_of_node:
            cached_file(
                name,
                num_bytes,
                collecting.write,
                what="the file of source descriptions",
                without="set train.sampling.cache_megabytes to 0, which keeps them in memory",
            )
        if not collecting.done:
            collecting.write(None)
    processes.setup_barrier()
    return np.memmap(path, np.float32, "r", shape=(collecting.num_rows, collecting.width))


class _Collecting:
    """The pass over all sources: every process computes whole batches, and all of them get the values batch by batch."""

    def __init__(
        self, sampler: GroupSampler, recognize: Recognize, device: torch.device, processes: Processes, width: int
    ) -> None:
        self.processes, self.width, self.num_rows = processes, width, sampler.num_sources
        self.done = False
        self._sampler, self._recognize, self._device = sampler, recognize, device

    def write(self, path: Path | None) -> None:
        """Compute the values and write them to a file as they come; None for a process that only takes part."""
        self.done = True
        if path is None:
            for _ in self._batches():
                pass
            return
        with path.open("wb") as stream:
            for _, values in self._batches():
                stream.write(values.numpy().tobytes())

    def in_memory(self) -> Rows:
        """Compute the values into one array."""
        self.done = True
        raw = np.empty((self.num_rows, self.width), np.float32)
        for first, values in self._batches():
            raw[first : first + len(values)] = values.numpy()
        return raw

    def _batches(self) -> Iterator[tuple[int, torch.Tensor]]:
        """Yield the first row and the values of each batch, in order; the processes compute different batches at a time."""
        count = self.processes.count
        starts = range(0, self.num_rows, BATCH_SIZE)
        for turn in progress(range(0, len(starts), count), "describe"):
            of_turn = starts[turn : turn + count]
            own = self._compute(of_turn[self.processes.rank]) if self.processes.rank < len(of_turn) else None
            for sender, first in enumerate(of_turn):
                values = own if sender == self.processes.rank else None
                if values is None:
                    values = torch.empty(min(BATCH_SIZE, self.num_rows - first), self.width)
                self.processes.setup_send(values, sender)
                yield first, values

    @torch.no_grad()
    def _compute(self, first: int) -> torch.Tensor:
        levels, embedding = self._recognize(self._sampler.source_images(first, first + BATCH_SIZE).to(self._device))
        return torch.cat([pool_levels(levels, embedding), embedding.float()], 1).cpu().contiguous()


def _fit(description: SourceDescription, raw: Rows, embedding_mean: torch.Tensor) -> None:
    """Set the statistics from all rows, in float64 and a chunk at a time."""
    num_pooled = description.pooled_mean.numel()
    sums = np.zeros((2, num_pooled))
    # Deviations from the first row: the difference of large sums would cancel.
    origin = raw[0, :num_pooled].astype(np.float64)
    for first in range(0, len(raw), _CHUNK):
        moved = raw[first : first + _CHUNK, :num_pooled] - origin
        sums += moved.sum(0), (moved**2).sum(0)
    mean = sums[0] / len(raw)
    variance = np.maximum(sums[1] / len(raw) - mean**2, 0.0)
    description.set_statistics(torch.from_numpy(origin + mean), torch.from_numpy(np.sqrt(variance)), embedding_mean)
