"""Replacement of every face in a folder of images by a rendered person, with a report."""
