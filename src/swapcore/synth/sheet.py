"""Contact sheets: people in rows, the same attributes in columns. `python -m swapcore.synth.sheet FILE.png [SEED]`."""

import sys
from pathlib import Path

import cv2
import numpy as np

from swapcore.ops.image import Image, tile
from swapcore.progress import progress
from swapcore.synth.attributes import NEUTRAL, Attributes, draw_attributes
from swapcore.synth.identity import Identity, draw_identity
from swapcore.synth.render import render


def contact_sheet(people: list[Identity], attributes: list[Attributes], size_px: int, tile_px: int) -> Image:
    """Each person (row) in each set of circumstances (column): rendered size_px large, shown tile_px large."""
    shots = [[(person, setting) for setting in attributes] for person in people]
    rows = [[render(*shot, size_px).image for shot in row] for row in progress(shots, "people")]
    return tile(rows, tile_px)


def main(path: Path, seed: int = 21, num_people: int = 6, num_columns: int = 6) -> None:
    """Write a sheet of people drawn from a seed, compressed as far as PNG can; the first column is the neutral view."""
    people = [draw_identity(np.random.default_rng([seed, 1, number])) for number in range(num_people)]
    others = [draw_attributes(np.random.default_rng([seed, 2, number]), 0.8) for number in range(num_columns - 1)]
    quiet = [setting.but(noise=0.0) for setting in (NEUTRAL, *others)]
    sheet = contact_sheet(people, quiet, 256, 144)
    done, data = cv2.imencode(".png", sheet[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    if not done:
        raise ValueError(f"cannot encode a sheet of shape {sheet.shape}")
    path.write_bytes(data.tobytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]), *(int(argument) for argument in sys.argv[2:]))
