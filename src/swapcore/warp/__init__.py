"""Dense warp: a face swap by landmarks, without training."""
