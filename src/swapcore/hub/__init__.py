"""Model references and loaded models."""
