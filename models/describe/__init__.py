"""Any MDX-Net as an ONNX file: what it is, and a system's YAML to separate songs with it."""
