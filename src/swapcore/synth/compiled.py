"""Compilation of scalar loops to machine code, kept on disk between processes."""

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core.caching import IndexDataCacheFile

F = TypeVar("F", bound=Callable[..., Any])


def inlined(function: F) -> F:
    """Compile a function into each compiled loop that calls it: a call with many arrays costs as much as a short formula."""
    return cast(F, numba.njit(inline="always", error_model="numpy")(function))


def compiled(function: F) -> F:
    """Compile a function of numbers and numpy arrays at its first call.

    Sums keep the order in which they are written (no fastmath), so that the same arguments give the same bytes.
    """
    dispatcher: Any = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    # Numba's own stamp is that of the function's file, but functions and classes of other files are part of the machine code
    # too. The digest is in the file names as well: an index of other sources may name classes that no longer exist.
    digest = sources_digest(Path(__file__).parent)
    try:
        cache, make_index = dispatcher._cache, cast(Any, IndexDataCacheFile)
        name = f"{cache._impl.filename_base}-{digest[:16]}"
        cache._cache_file = make_index(cache._cache_path, name, (digest,))
    except AttributeError:
        dispatcher = numba.njit(cache=False, nogil=True, error_model="numpy")(function)
    return cast(F, dispatcher)


@functools.cache
def sources_digest(folder: Path) -> str:
    """SHA-256 of every Python file below a folder, by name and content."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
