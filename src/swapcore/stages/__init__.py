"""The stages of the pipeline: one file, one `run` each; wiring only."""

STAGES = ("synthesize", "crop", "groups", "train", "evaluate", "register")
"""The modules of this package, in the order of the pipeline."""
