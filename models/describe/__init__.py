"""Describes any MDX-Net in an ONNX file, and writes a system's YAML for it."""
