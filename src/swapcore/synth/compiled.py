"""Compilation of scalar loops to machine code, kept on disk between processes."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile a function of numbers and numpy arrays at its first call.

    Sums keep the order in which they are written (no fastmath), so that the same arguments give the same bytes.
    """
    return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy")(function))
