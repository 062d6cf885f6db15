"""Losses of the method, one file for each."""
