"""OpenVINO after a call that was broken off: its only request serves the next one."""

import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from mdx.runtimes.openvino import OpenVinoNetwork
from mdx.runtimes.watched import watching
from tests.mdx.runtimes.slow_network import Reason, after, save_rotations, values

INTERRUPTED = """
import os, signal, sys, threading, time
from pathlib import Path
import numpy as np
from mdx.runtimes.openvino import OpenVinoNetwork
from mdx.runtimes.watched import watching

network = OpenVinoNetwork(Path(sys.argv[1]), "x.onnx", threads=1)
values = np.zeros(network.input.shape, np.float32)

def check():
    os.kill(os.getpid(), signal.SIGINT)  # handled once the call has been broken off
    raise TimeoutError

try:
    with watching(check):
        network(values)
except (KeyboardInterrupt, TimeoutError) as error:
    kept = error  # with all its frames, as an interactive Python keeps it
for _ in range(3):
    network(values)
    time.sleep(0.05)
print(type(kept).__name__)
"""


def test_an_interrupt_during_a_call_that_is_broken_off_breaks_off_no_other(tmp_path: Path) -> None:
    save_rotations(tmp_path / "x.onnx")
    command = [sys.executable, "-c", INTERRUPTED, str(tmp_path / "x.onnx")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.stderr) == ("KeyboardInterrupt\n", "")


def test_a_wrong_shape_after_a_broken_off_call_is_told(tmp_path: Path) -> None:
    save_rotations(tmp_path / "x.onnx")
    network = OpenVinoNetwork(tmp_path / "x.onnx", "x.onnx", threads=1)
    with watching(after(1)), pytest.raises(Reason):
        network(values())
    with pytest.raises(Exception, match="shape"):
        network(values()[:, 1:])


def test_the_memory_of_a_broken_off_call_is_released(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_rotations(tmp_path / "x.onnx")
    network = OpenVinoNetwork(tmp_path / "x.onnx", "x.onnx", threads=1, lean=True)
    compiled = Mock(wraps=network._compiled)
    monkeypatch.setattr(network, "_compiled", compiled)
    with watching(after(1)), pytest.raises(Reason):
        network(values())
    compiled.release_memory.assert_called_once_with()
