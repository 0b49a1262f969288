"""Demucs-v2: the network, and its ONNX graph, which is built by hand level by level."""
