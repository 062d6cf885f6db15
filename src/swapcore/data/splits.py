"""Split of a person: a pure function of name and seed."""

import hashlib
from typing import Literal

from swapcore.config import SplitParams

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


def split_of(identity: str, params: SplitParams) -> Split:
    """Return the split of a person. Splits are stable: they do not depend on the other people.

    Name and seed are hashed to a number in [0, 1): the lowest share is test, the next validation.
    """
    digest = hashlib.sha256(f"{params.seed}\0{identity}".encode()).digest()
    position = int.from_bytes(digest[:8], "big") / 2**64
    if position < params.test:
        return "test"
    return "validation" if position < params.test + params.validation else "train"
