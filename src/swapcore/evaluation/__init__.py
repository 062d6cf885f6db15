"""Evaluation of swap models: pairs, metrics, image sheets and report."""
