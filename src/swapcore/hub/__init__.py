"""Model references, and the models that they load."""
