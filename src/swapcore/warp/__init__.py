"""Dense warp: a face swap by landmarks, without training."""

from typing import Final

WARP_VERSION: Final = "2"
"""Changes whenever the output does."""
