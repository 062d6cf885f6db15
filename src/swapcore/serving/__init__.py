"""HTTP serving of registered models, and export to ONNX."""
