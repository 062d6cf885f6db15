"""The training loop, its step, schedules and checkpoints."""
