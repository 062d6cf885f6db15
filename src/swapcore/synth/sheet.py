"""Contact sheets: people in rows, the same attributes in columns. `python -m swapcore.synth.sheet FILE.png`."""

import sys
from pathlib import Path

import numpy as np

from swapcore.ops.image import Image, encode_png, tile
from swapcore.progress import progress
from swapcore.synth.attributes import NEUTRAL, Attributes, draw_attributes
from swapcore.synth.identity import Identity, draw_identity
from swapcore.synth.render import render


def contact_sheet(people: list[Identity], attributes: list[Attributes], size_px: int) -> Image:
    """Each person (row) in each set of circumstances (column), pictures size_px large."""
    shots = [[(person, setting) for setting in attributes] for person in people]
    rows = [[render(*shot, size_px).image for shot in row] for row in progress(shots, "people")]
    return tile(rows, size_px)


def main(path: str, num_people: int = 6, num_columns: int = 6, size_px: int = 152, seed: int = 20) -> None:
    """Write a sheet of people drawn from a seed; the first column is the neutral view."""
    people = [draw_identity(np.random.default_rng([seed, 1, number])) for number in range(num_people)]
    others = [draw_attributes(np.random.default_rng([seed, 2, number]), 0.8) for number in range(num_columns - 1)]
    Path(path).write_bytes(encode_png(contact_sheet(people, [NEUTRAL, *others], size_px)))


if __name__ == "__main__":
    main(sys.argv[1])
