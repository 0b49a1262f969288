"""Networks in torch, their export to ONNX, and the systems a submission is made of."""
