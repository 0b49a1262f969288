"""What runs the networks: onnxruntime or OpenVINO, the device, threads and precision."""
