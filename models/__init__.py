"""Networks in torch, their export to ONNX, and the systems of the submission."""
