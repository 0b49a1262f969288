"""What runs a network: onnxruntime or OpenVINO, its device, threads and precision."""
