"""Which part of the data a person belongs to: a pure function of the person's name and the seed."""

import hashlib
from typing import Literal

from swapcore.config import SplitParams

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


def split_of(identity: str, params: SplitParams) -> Split:
    """Assign a person; adding or removing other people moves nobody.

    The name and the seed are hashed to a number in [0, 1): test takes the lowest share, validation the next.
    """
    digest = hashlib.sha256(f"{params.seed}\0{identity}".encode()).digest()
    position = int.from_bytes(digest[:8], "big") / 2**64
    if position < params.test:
        return "test"
    return "validation" if position < params.test + params.validation else "train"
