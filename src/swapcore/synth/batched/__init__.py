"""Images in batches, by tensors on any device; render.py's compiled loops are the reference."""
