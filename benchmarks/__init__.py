"""Every claim about speed and memory, as a command that prints a table."""

import mdx  # noqa: F401 - before onnxruntime: it switches that one's telemetry off
