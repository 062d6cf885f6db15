"""Using a trained model on whole photographs."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from swapcore.inference.image_swapper import swap

__all__ = ["swap"]


def __getattr__(name: str) -> Any:
    """Import ``swap`` when it is asked for: a served model uses this package too, where no detector is installed."""
    if name == "swap":
        from swapcore.inference.image_swapper import swap

        return swap
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
