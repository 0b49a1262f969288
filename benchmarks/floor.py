"""A yardstick for networks: the time of their multiplications at the speed of a matrix product.

It is numpy's product for float32, which a good runtime may undercut, and onnxruntime's for int8.
"""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

from mdx.estimators.chunks import GEOMETRIES
from mdx.estimators.spectrogram import SpectrogramOptions
from mdx.estimators.stft import StftSpec
from mdx.machine import available_cpus
from mdx.systems.find import find_system
from mdx.systems.spec import SAMPLE_RATE, require
from mdx.systems.weights import read_weights
from models.macs import count_macs
from models.quantize.graph import read_graph

SIDE = 2048  # of the matrices whose product measures the machine
RUNS = 6


def float32_speed() -> float:
    """Float32 operations a second in a large matrix product, the best of six."""
    matrix = np.random.default_rng(0).random((SIDE, SIDE), dtype=np.float32)
    return 2 * SIDE**3 / _best(lambda: matrix @ matrix)


def int8_speed() -> float:
    """Int8 operations a second in onnxruntime's matrix product, the best of six."""
    rng = np.random.default_rng(0)
    right = rng.integers(-64, 64, (SIDE, SIDE), dtype=np.int8)
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["left", "right"], ["product"])],
        "product",
        [helper.make_tensor_value_info("left", TensorProto.UINT8, [SIDE, SIDE])],
        [helper.make_tensor_value_info("product", TensorProto.INT32, [SIDE, SIDE])],
        [onnx.numpy_helper.from_array(right, "right")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    options = ort.SessionOptions()
    options.intra_op_num_threads = available_cpus()
    session = ort.InferenceSession(model.SerializeToString(), options)
    left = rng.integers(0, 255, (SIDE, SIDE), dtype=np.uint8)
    return 2 * SIDE**3 / _best(lambda: session.run(None, {"left": left}))


def song_operations(system: str | Path, seconds: int) -> int:
    """Multiplications and additions of a system's networks over a song.

    Raises ConfigError for networks of another kind than spectrogram.
    """
    spec, folder = find_system(system)
    total = 0
    for part in spec.estimators:
        if not part.networks:
            continue
        require(part.kind == "spectrogram", part.name, f"kind {part.kind}", "spectrogram")
        assert part.weights is not None
        options = SpectrogramOptions(**part.options)
        graph = read_graph(read_weights(folder, part.weights))
        _, _, bins, frames = (d.dim_value for d in graph.graph.input[0].type.tensor_type.shape.dim)
        stft = StftSpec(options.n_fft, options.hop, bins, frames)
        geometry = GEOMETRIES[options.geometry](stft, options.overlap, options.trim)
        total += operations(graph) * geometry.count(seconds * SAMPLE_RATE)
    return total


def operations(model: onnx.ModelProto) -> int:
    """Multiplications and additions of one chunk: a multiply-accumulate is one of each."""
    sizes = model.graph.input[0].type.tensor_type.shape.dim
    return 2 * count_macs(model, tuple(size.dim_value or 1 for size in sizes))


def _best(work: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(RUNS):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return best
