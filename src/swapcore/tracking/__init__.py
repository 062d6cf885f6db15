"""Runs and registered models in MLflow.

The only package that imports mlflow, and only inside functions. A run is first written to a spool on disk, and a thread
uploads the spool: a slow or unavailable server does not delay training, and missing events are uploaded at the next start.
"""

from swapcore.tracking.runs import MODEL_TAG, TRAINING_TAG, NoTracking, Tracker, track, warn_if_uncommitted

__all__ = ["MODEL_TAG", "TRAINING_TAG", "NoTracking", "Tracker", "track", "warn_if_uncommitted"]
