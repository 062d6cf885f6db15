"""Evaluation of swap models: metrics with intervals, pair lists, image sheets and the report."""
