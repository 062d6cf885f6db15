"""A registered model behind HTTP, and its export to ONNX."""
