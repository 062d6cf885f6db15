"""Training: state, step, loop, validation, checkpoints."""
