"""Smooth curves of single numbers, for compiled loops."""

import math
from typing import TypeVar

import numpy as np

from swapcore.synth.asset import Floats
from swapcore.synth.compiled import compiled

Number = TypeVar("Number", int, float)


@compiled
def smoothstep(start: float, end: float, x: float) -> float:
    """0 before start, 1 after end, 3t² - 2t³ between; start > end falls instead of rising."""
    t = min(1.0, max(0.0, (x - start) / (end - start)))
    return t * t * (3.0 - 2.0 * t)


@compiled
def choose(condition: bool, yes: Number, no: Number) -> Number:
    """One of two numbers; written as a function, a formula also works on tensors (batched/formulas.py)."""
    return yes if condition else no


@compiled
def bell(x: float, width: float) -> float:
    """exp(-(x / width)²)."""
    t = x / width
    return math.exp(-t * t)


@compiled
def bell2(x: float, width_x: float, y: float, width_y: float) -> float:
    """exp(-(x / width_x)² - (y / width_y)²)."""
    a, b = x / width_x, y / width_y
    return math.exp(-a * a - b * b)


def smoothsteps(start: float, end: float, x: Floats) -> Floats:
    """The smoothstep of an array."""
    t = np.clip((x - np.float32(start)) / np.float32(end - start), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))
