"""Replacement of every face in a folder by rendered people."""
