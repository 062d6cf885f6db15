"""swapcore: train, judge, register and use a face identity-swap model."""

from importlib.metadata import version

__version__ = version("swapcore")
