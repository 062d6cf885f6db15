"""Named, bounded numbers: what identities and attributes have in common."""

import dataclasses
import typing
from dataclasses import dataclass
from typing import Annotated, Any, Self

import numpy as np

from swapcore.errors import ParamsError


@dataclass(frozen=True)
class Bounds:
    """The closed interval that a parameter may take."""

    low: float
    high: float


Signed = Annotated[float, Bounds(-1.0, 1.0)]
"""A deviation from the average face: -1 and 1 are the ends that still are a face."""
Share = Annotated[float, Bounds(0.0, 1.0)]
"""An amount: 0 is none, 1 all."""
Seed = Annotated[int, Bounds(0, 2**31 - 1)]
"""The seed of a random pattern."""


@dataclass(frozen=True)
class Parameters:
    """A frozen set of bounded numbers that refuses values outside its bounds."""

    def __post_init__(self) -> None:
        for name, bounds in type(self).bounds().items():
            value = getattr(self, name)
            if not np.isfinite(value) or not bounds.low <= value <= bounds.high:
                kind = type(self).__name__.lower()
                raise ParamsError(f"{kind}.{name}: {value} is outside [{bounds.low:g}, {bounds.high:g}]")

    @classmethod
    def bounds(cls) -> dict[str, Bounds]:
        """Name and interval of every parameter that is a single number, in order."""
        hints = typing.get_type_hints(cls, include_extras=True)
        kinds = {field.name: typing.get_args(hints[field.name]) for field in dataclasses.fields(cls)}
        return {name: kind[1] for name, kind in kinds.items() if len(kind) == 2 and isinstance(kind[1], Bounds)}

    def but(self, **changes: Any) -> Self:
        """The same with some parameters changed.

        Raises:
            ParamsError: a name is unknown, or a value is outside its bounds.
        """
        unknown = sorted(set(changes) - set(type(self).bounds()))
        if unknown:
            raise ParamsError(f"{type(self).__name__.lower()}.{unknown[0]}: no such parameter")
        return dataclasses.replace(self, **changes)

    def values(self) -> dict[str, Any]:
        """Name -> value of every field, in order."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
