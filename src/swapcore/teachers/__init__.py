"""Teachers, and the sample groups made with their fakes."""
