"""Dense warp: a face swap by landmarks, without training."""

from typing import Final

WARP_VERSION: Final = "4"
"""Changes whenever the output does."""
