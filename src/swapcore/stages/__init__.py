"""The stages of the pipeline: one file, one `run` each; wiring only."""
