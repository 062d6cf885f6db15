"""Judging a model: metrics with intervals, pair lists, picture sheets and the report."""
