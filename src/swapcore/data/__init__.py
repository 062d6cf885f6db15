"""Data on disk: artifacts, manifests, shards, splits and datasets."""
