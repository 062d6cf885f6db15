"""Runs and registered models in MLflow; the only package that imports mlflow, and only inside functions.

A run is written to a spool on disk first, and a thread hands the spool to the server: a server that is slow, down or dies
costs a training nothing, and what it missed is delivered at the next start.
"""

from swapcore.tracking.runs import MODEL_TAG, TRAINING_TAG, NoTracking, Tracker, track

__all__ = ["MODEL_TAG", "TRAINING_TAG", "NoTracking", "Tracker", "track"]
