"""Types of the public API for type checkers and editors; tests/test_public_api.py compares it with __init__.py."""

from swapcore.anonymization.folder import anonymize as anonymize
from swapcore.evaluation.truth_benchmark.command import evaluate_pairs as evaluate_pairs
from swapcore.inference.image_swapper import Swapper as Swapper
from swapcore.inference.image_swapper import SwapResult as SwapResult
from swapcore.inference.image_swapper import swap as swap

__all__ = ["SwapResult", "Swapper", "__version__", "anonymize", "evaluate_pairs", "swap"]

__version__: str
