"""Measures the memory of Demucs-v2's calls, in a process that has imported nothing else."""

from pathlib import Path

import numpy as np

from mdx.estimators.demucs_v2 import valid_length
from mdx.machine import peak_memory
from mdx.runtimes.onnx import open_session, share_arena
from mdx.systems.spec import CHANNELS, SAMPLE_RATE


def memory_of_calls(path: Path, batches: list[int]) -> list[int]:
    """The peak memory above rest up to the end of each call, bytes."""
    share_arena()
    session = open_session(path, path.name, threads=1, provider="cpu")
    rest, found = peak_memory() or 0, []
    for batch in batches:
        mix = np.zeros((batch, CHANNELS, valid_length(4 * SAMPLE_RATE)), dtype=np.float32)
        session.run(None, {"input": mix})
        found.append((peak_memory() or 0) - rest)
    return found
