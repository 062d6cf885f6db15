"""Using a trained model on whole photographs."""
