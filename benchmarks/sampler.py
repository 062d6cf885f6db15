"""Speed of the sampler from decoded crops, in groups per second of one core: `python benchmarks/sampler.py`.

The groups are made of noise: neither decoding nor the content of the crops is part of the measurement.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from swapcore.config import read_params
from swapcore.data.crop_store import CropStore
from swapcore.data.groups import FAKE_TEMPLATE
from swapcore.data.sampling import GroupSampler


class NoiseGroups:
    """What the sampler reads from a groups artifact, for people with four photographs and as many fakes."""

    def __init__(self, num_people: int, size_px: int) -> None:
        self.folder, self.size_px = Path("noise"), size_px
        self.images = self
        self.table = self
        self._num = 8 * num_people
        rng = np.random.default_rng(0)
        self._embedding = rng.normal(size=128).astype(np.float32)
        self._moved = np.array([1.02, 0.01, -2.0, -0.01, 1.02, 1.0])

    def __len__(self) -> int:
        return self._num

    def column(self, name: str) -> list[str]:
        """Return origin or split of every image; the first half are photographs."""
        half = self._num // 2
        return ["real"] * half + ["fake"] * half if name == "origin" else ["train"] * self._num

    def codes(self, _name: str) -> tuple[np.ndarray, list[str]]:
        """Return the person of every image."""
        return (np.arange(self._num) // 4).astype(np.int32) % (self._num // 8), []

    def vector(self, _name: str, index: int) -> np.ndarray:
        """Return the alignment of an image; fakes are recut."""
        return self._moved if index >= self._num // 2 else np.eye(2, 3).ravel()

    def accepted_indices(self, _split: str, kind: str) -> np.ndarray:
        """Return groups of a kind, one for each photograph."""
        return np.arange(self._num // 2) + (0 if kind == FAKE_TEMPLATE else self._num // 2)

    def image_indices(self, part: str, rows: np.ndarray) -> np.ndarray:
        """Return the images of groups."""
        half = self._num // 2
        first, other, fake = rows % half, (rows + 1) % half, rows % half + half
        is_label = rows[0] >= half
        parts = (other, first, fake) if is_label else (other, fake, first)
        return parts[("source", "template", "label").index(part)].astype(np.int32)

    def embedding_at(self, _index: int) -> np.ndarray:
        """Return the embedding of an image."""
        return self._embedding


def measure(size_px: int, batch_size: int, seconds: float, occlusion: float) -> dict[str, float]:
    """Return groups per processor second: drawn, and drawn and augmented on the CPU."""
    params = read_params(Path(__file__).parents[1] / "params.yaml").train.sampling
    augment = params.augment.model_copy(update={"occlusion": occlusion})
    with tempfile.TemporaryDirectory() as name:
        groups = NoiseGroups(100, size_px)
        pixels = np.memmap(Path(name) / "crops", np.uint8, "w+", shape=(len(groups), size_px, size_px, 3))
        pixels[:] = np.random.default_rng(0).integers(0, 256, pixels.shape[1:], np.uint8)

        def mapped(store: CropStore, *_: object) -> None:
            store._images, store._pixels = np.arange(len(groups)), pixels

        CropStore.__init__ = mapped  # type: ignore[method-assign]
        sampler = GroupSampler(
            groups,  # type: ignore[arg-type]
            params.model_copy(update={"augment": augment}),
            size_px=size_px,
            batch_size=batch_size,
            seed=0,
        )
        found = {}
        for what, make in (("drawn", sampler.draw), ("augmented on the CPU", sampler.batch)):
            make(0)
            started, num = time.process_time(), 0
            while time.process_time() - started < seconds:
                num += 1
                make(num)
            found[what] = num * batch_size / (time.process_time() - started)
        return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[112, 256])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0, help="of processor time for each row")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| size | occluded | drawn, groups/s per core | drawn and augmented on the CPU |\n|---|---|---|---|")
    for size_px in options.sizes:
        for occlusion in (0.0, 0.1):
            found = measure(size_px, options.batch, options.seconds, occlusion)
            print(
                f"| {size_px} px | {occlusion:.0%} | {' | '.join(f'{value:.0f}' for value in found.values())} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
