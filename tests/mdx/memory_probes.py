"""Memory of processes that have done nothing else; each function is for one of its own."""

from pathlib import Path

import numpy as np

from mdx.machine import hold_no_freed_memory
from mdx.openvino_net import OpenVinoNetwork

MB = 1_000_000


def resident() -> int:
    """Megabytes that the process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 // MB


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
