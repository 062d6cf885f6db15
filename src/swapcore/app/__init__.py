"""A small local page: swap two photographs, see figures and marks, look at the last evaluation's pictures."""
