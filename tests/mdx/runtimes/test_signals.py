"""After networks are freed, the process can still handle signals."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("openvino")

# Loads two networks, frees them in the same order, and receives a signal.
SCRIPT = """
import os, signal, sys
from pathlib import Path
from mdx.runtimes.openvino import OpenVinoNetwork
handled = []
signal.signal(signal.SIGTERM, lambda *_: handled.append(1))
networks = [OpenVinoNetwork(Path(path).read_bytes(), path, threads=1) for path in sys.argv[1:]]
networks.pop(0)
networks.pop(0)
os.kill(os.getpid(), signal.SIGTERM)
sys.exit(0 if handled else 3)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_signal_after_the_networks_are_freed_is_handled(tiny_system: Path) -> None:
    paths = [str(tiny_system.with_name(f"{source}.onnx")) for source in ("bass", "drums")]
    command = [sys.executable, "-c", SCRIPT, *paths]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr
