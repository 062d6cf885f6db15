"""Face detection, landmarks, alignment, quality and recognition."""
