"""What is claimed about speed and memory, as commands that print a table."""

import mdx  # noqa: F401 - before onnxruntime: it switches that one's telemetry off
