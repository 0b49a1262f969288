"""Memory of processes that have done nothing else; each function is for one of its own."""

import os
from pathlib import Path

import numpy as np

from mdx.estimators.companion import valid_length
from mdx.machine import hold_no_freed_memory, peak_memory
from mdx.runtimes.companion_net import OnnxCompanion
from mdx.runtimes.onnx import OnnxNetwork
from mdx.runtimes.openvino import OpenVinoNetwork
from mdx.systems.spec import SAMPLE_RATE

MB = 1_000_000


def resident() -> int:
    """Megabytes that the process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // MB


def after_large_blocks(*, hold_none: bool) -> int:
    """Megabytes still held of 400 that were freed, below a small block that was not."""
    if hold_none:
        hold_no_freed_memory()
    np.ones(2 * MB, dtype=np.float32)  # once freed, glibc takes blocks of this size from its heap
    before = resident()
    blocks = [np.ones(2 * MB, dtype=np.float32) for _ in range(50)]
    small = np.ones(50_000, dtype=np.float32)
    del blocks
    return resident() - before if small.any() else 0


def after_a_chunk(path: Path, *, lean: bool) -> int:
    """Megabytes that a network in OpenVINO holds after a chunk, above those before it."""
    network = OpenVinoNetwork(path.read_bytes(), path.name, threads=1, lean=lean)
    before = resident()
    network(np.zeros((4, network.dim_f, network.dim_t), dtype=np.float32))
    return resident() - before


def after_segments(path: Path) -> float:
    """What a companion's call leaves behind, as a share of its stems, which are let go."""
    companion = OnnxCompanion(path, path.name, precision="float32", threads=1)
    mix = np.zeros((2, 2, valid_length(10 * SAMPLE_RATE)), dtype=np.float32)
    before = resident()
    size = companion(mix).nbytes / MB
    return (resident() - before) / size


def while_in_a_network(path: Path) -> float:
    """What a separator takes at its busiest above rest, in signals of its outermost level."""
    network = OnnxNetwork(path.read_bytes(), path.name, threads=1)
    before = resident()
    network(np.zeros((4, network.dim_f, network.dim_t), dtype=np.float32))
    return ((peak_memory() or 0) / MB - before) / (32 * network.dim_f * network.dim_t * 4 / MB)
