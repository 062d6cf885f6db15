"""Progress bars for everything that takes longer than two seconds; silent where nobody watches."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

from swapcore.launched import rank

Item = TypeVar("Item")


def progress(items: Iterable[Item], what: str, total: int | None = None, initial: int = 0) -> Iterator[Item]:
    """Pass items on, with a bar on stderr after two seconds if stderr is a terminal; of several processes, the first shows it."""
    silent = rank() > 0 or not sys.stderr.isatty()
    yield from tqdm(items, what, total, initial=initial, delay=2.0, disable=silent, dynamic_ncols=True)
