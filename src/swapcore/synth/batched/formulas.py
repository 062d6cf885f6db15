"""Compiled formulas on tensors: the same code, with tensors' functions in place of those of numbers.

The compiled loops keep what they do for one pixel in functions of numbers without branches, as `shading.shade_skin` does.
`on_tensors` gives such a function, and all that it calls, other globals: `min` becomes `torch.minimum`, `math.exp` becomes
`torch.exp`, and so on. An array of channels becomes a tensor (channels, N), so that `local[1]` is one number per pixel. In this
way no formula and no constant is written twice.
"""

import builtins
import functools
import math
from collections.abc import Callable
from types import FunctionType, SimpleNamespace
from typing import Any

import torch

from swapcore.synth import shadow

Value = torch.Tensor | float


def on_tensors(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function for tensors; what has branches for numbers is replaced, see _REPLACED."""
    return _on_tensors(getattr(function, "py_func", function))


@functools.cache
def _on_tensors(source: FunctionType) -> FunctionType:
    known: dict[str, Any] = {**source.__globals__, **_REPLACED}
    called = {name: known[name] for name in source.__code__.co_names if name in known}
    for name, value in called.items():
        if name not in _REPLACED and hasattr(value, "py_func"):
            called[name] = on_tensors(value)
    return FunctionType(source.__code__, {"__builtins__": builtins, **called}, source.__name__, source.__defaults__)


def _both(of_tensors: Callable[..., Any], of_numbers: Callable[..., Any], number: str) -> Callable[..., Value]:
    """A function of two or more values, each a tensor or a number; number is the word of clamp for a limit."""

    def two(first: Value, second: Value) -> Value:
        tensors = [value for value in (first, second) if isinstance(value, torch.Tensor)]
        if len(tensors) == 2:
            return of_tensors(first, second)  # type: ignore[no-any-return]
        if not tensors:
            return of_numbers(first, second)  # type: ignore[no-any-return]
        limit: Any = second if tensors[0] is first else first
        return tensors[0].clamp(**{number: limit})

    return lambda *values: functools.reduce(two, values)


def _function(of_tensors: Callable[..., Any], of_numbers: Callable[..., Any]) -> Callable[..., Any]:
    """A function that depends on the kind of its first argument."""
    return lambda *values: (of_tensors if isinstance(values[0], torch.Tensor) else of_numbers)(*values)


def _choose(condition: torch.Tensor, yes: Value, no: Value) -> torch.Tensor:
    return torch.where(condition, yes, no)


def _past_hair_share(z: torch.Tensor, hair: Any, row: torch.Tensor, column: torch.Tensor) -> torch.Tensor:
    depth = z - hair[row, column, 0]
    stopped = on_tensors(shadow.stopped_share)(depth.clamp(min=0), hair[row, column, 1])
    return torch.where(depth > shadow.IN_HAIR_CM, stopped, 1.0)


def sample_texture(texture: "PerImage", u: torch.Tensor, v: torch.Tensor, values: torch.Tensor) -> None:
    """shading.sample_texture for tensors: writes values (C, N); whole texels are read at once."""
    height, width = texture.shape[:2]
    x, y = u * width - 0.5, ((1 - v) * height - 0.5).clamp(0, height - 1.001)
    left, top = x.floor(), y.floor()
    fx, fy = (x - left)[:, None], (y - top)[:, None]
    a, row = left.long() % width, top.long()
    b = (a + 1) % width
    above = torch.lerp(texture[row, a], texture[row, b], fx)
    below = torch.lerp(texture[row + 1, a], texture[row + 1, b], fx)
    values.copy_(torch.lerp(above, below, fy).T)


class PerImage:
    """Reads one array per image, of the image that each pixel belongs to, as if there were one array."""

    def __init__(self, arrays: torch.Tensor, image: torch.Tensor) -> None:
        """Take arrays (B, ...) and the images (N,)."""
        self._arrays, self._image = arrays, image
        self.shape = arrays.shape[1:]

    def __getitem__(self, place: tuple[Any, ...]) -> torch.Tensor:
        return self._arrays[(self._image, *place)]


_MATH = {
    name: _function(getattr(torch, name), getattr(math, name))
    for name in ("exp", "sqrt", "cos", "sin", "acos", "atan2")
}
_REPLACED: dict[str, Any] = {
    "min": _both(torch.minimum, min, "max"),
    "max": _both(torch.maximum, max, "min"),
    "int": _function(torch.Tensor.long, int),
    "math": SimpleNamespace(
        **_MATH,
        pi=math.pi,
        floor=_function(lambda value: value.floor().long(), math.floor),
        ceil=_function(lambda value: value.ceil().long(), math.ceil),
    ),
    "np": SimpleNamespace(
        floor=torch.floor, sqrt=torch.sqrt, arctan2=torch.atan2, sin=torch.sin, cos=torch.cos, pi=math.pi
    ),
    "choose": _choose,
    "past_hair_share": _past_hair_share,
    "sample_texture": sample_texture,
}
