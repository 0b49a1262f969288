"""Measures memory in fresh processes: each function is run in its own."""

import ctypes
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from mdx.estimators.demucs_v2 import stem_samples, valid_length
from mdx.estimators.spectrogram import check_layout
from mdx.machine import peak_memory
from mdx.runtimes.memory import save_memory
from mdx.runtimes.onnx import OnnxNetwork
from mdx.runtimes.openvino import OpenVinoNetwork
from mdx.separator import Separator
from mdx.systems.spec import SAMPLE_RATE

MB = 1_000_000


def resident() -> int:
    """The resident memory of the process, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // MB


def after_large_blocks(*, saving: bool) -> int:
    """MB still resident of 400 that were freed below a small block that was not."""
    if saving:
        save_memory(give_back=True)
    np.ones(2 * MB, dtype=np.float32)  # once freed, glibc allocates blocks of this size on its heap
    before = resident()
    blocks = [np.ones(2 * MB, dtype=np.float32) for _ in range(50)]
    small = np.ones(50_000, dtype=np.float32)
    del blocks
    return resident() - before if small.any() else 0


def after_loading(path: Path) -> int:
    """MB added by loading a network in onnxruntime."""
    before = resident()
    network = OnnxNetwork(path, path.name, threads=1)
    return resident() - before if network.input else 0


def after_a_chunk(path: Path, *, lean: bool) -> int:
    """MB added by a network in OpenVINO, after one chunk."""
    network = OpenVinoNetwork(path, path.name, threads=1, lean=lean)
    before = resident()
    network(np.zeros((1, 4, *check_layout(path.name, network)), dtype=np.float32))
    return resident() - before


def after_segments(path: Path) -> float:
    """The memory still held after a call of Demucs-v2 whose stems are freed, as a share of them."""
    save_memory(give_back=True)
    network = OnnxNetwork(path, path.name, threads=1, lean=True)
    samples = valid_length(10 * SAMPLE_RATE)
    mix = np.zeros((2, 2, samples), dtype=np.float32)
    before = resident()
    size = network(mix, np.empty((2, 4, 2, stem_samples(samples)), np.float32)).nbytes / MB
    return (resident() - before) / size


def while_in_a_network(path: Path) -> float:
    """The peak memory of a separator above rest, in signals of its outermost level."""
    network = OnnxNetwork(path, path.name, threads=1)
    dim_f, dim_t = check_layout(path.name, network)
    before = resident()
    network(np.zeros((1, 4, dim_f, dim_t), dtype=np.float32))
    return ((peak_memory() or 0) / MB - before) / (32 * dim_f * dim_t * 4 / MB)


def settings_of_the_process(system: Path, *, saving: bool) -> list[str]:
    """The process-wide settings made while a system is loaded and used."""
    asked: list[str] = []
    register, library = ort.create_and_register_allocator, ctypes.CDLL

    def note_arena(*arguments: object) -> None:
        asked.append("arena")
        register(*arguments)

    def note_library(*arguments: Any) -> Any:
        asked.append("libc")
        return library(*arguments)

    ort.create_and_register_allocator, ctypes.CDLL = note_arena, note_library  # type: ignore[assignment,misc]
    if saving:
        save_memory(give_back=True)
    separator = Separator.load(system, threads=1)
    separator.separate(np.zeros((2, SAMPLE_RATE), dtype=np.float32) + 0.1, SAMPLE_RATE)
    return asked
