"""Train, evaluate, register and use a face identity-swap model.

The public API is listed in ``__all__``. Its names are imported on first use, so that ``import swapcore`` does not import torch.
"""

from importlib import import_module
from typing import Any

__all__ = ["SwapResult", "Swapper", "__version__", "anonymize", "evaluate_pairs", "swap"]

_MODULES = {
    "SwapResult": "swapcore.inference.image_swapper",
    "Swapper": "swapcore.inference.image_swapper",
    "anonymize": "swapcore.anonymization.folder",
    "evaluate_pairs": "swapcore.evaluation.truth_benchmark.command",
    "swap": "swapcore.inference.image_swapper",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("swapcore")
    elif name in _MODULES:
        value = getattr(import_module(_MODULES[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names too."""
    return sorted({*globals(), *__all__})
