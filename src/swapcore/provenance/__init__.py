"""Marks of synthetic images: signed C2PA manifests and an invisible watermark."""
