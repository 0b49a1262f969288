"""Commands that print the tables behind every claim about speed and memory."""

import mdx  # noqa: F401 - before onnxruntime: it switches that one's telemetry off
