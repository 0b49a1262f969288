"""The runtimes of networks: onnxruntime or OpenVINO, the device, threads and precision."""
