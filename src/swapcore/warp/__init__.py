"""Dense warp: a face swap by landmarks, without training."""

from typing import Final

WARP_VERSION: Final = "3"
"""Changes whenever the output does."""
