"""Memory is released as soon as it is no longer needed."""

import platform
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from models.demucs_v2.export import export_demucs
from models.demucs_v2.network import DemucsSpec, random_demucs
from models.export import export_network
from models.random_weights import randomise
from models.tfc_tdf import TfcTdfSpec, TfcTdfUNet
from tests.mdx.memory_probes import (
    after_a_chunk,
    after_large_blocks,
    after_loading,
    after_segments,
    settings_of_the_process,
    while_in_a_network,
)
from tests.mdx.runtimes.test_networks import graph

DIM_F, DIM_T = 512, 256
linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells it")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network with the outermost level of a large one, which needs nearly all of its memory."""
    path = tmp_path_factory.mktemp("large") / "x.onnx"
    net = randomise(TfcTdfUNet(TfcTdfSpec(DIM_F, n_blocks=3)), seed=0)
    export_network(net, path, shape=(4, DIM_F, DIM_T))
    return path


def in_a_process(probe: Any, *args: object, **options: object) -> Any:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(probe, *args, **options).result()


@linux
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="others give memory back or cannot")
def test_large_blocks_go_back_to_the_system() -> None:
    assert in_a_process(after_large_blocks, saving=False) > 300  # why it is done at all
    assert in_a_process(after_large_blocks, saving=True) < 20


@linux
def test_a_lean_network_gives_the_memory_of_its_signals_back(large: Path) -> None:
    signal = 32 * DIM_F * DIM_T * 4 / 1e6  # megabytes
    kept, lean = (in_a_process(after_a_chunk, large, lean=lean) for lean in (False, True))
    assert kept - lean > 2 * signal, (kept, lean)


@linux
def test_a_session_does_not_keep_the_bytes_of_its_graph(tmp_path: Path) -> None:
    # An unused constant: onnxruntime drops it, and must not keep the file.
    path = tmp_path / "x.onnx"
    model = onnx.load_from_string(graph([1, 4, 48, 32]))
    unused = np.ones(10_000_000, dtype=np.float32)
    model.graph.initializer.append(onnx.numpy_helper.from_array(unused, "unused"))
    onnx.save(model, path)
    assert in_a_process(after_loading, path) < 20  # of 40 MB


@linux
def test_a_signal_of_a_network_is_free_when_nothing_needs_it(large: Path) -> None:
    # Four signals of the outermost level; with buffer reuse it would be six.
    assert 2 < in_a_process(while_in_a_network, large) < 5


@linux
def test_demucs_leaves_little_behind(tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    export_demucs(random_demucs(DemucsSpec(channels=16), seed=0), path)
    assert in_a_process(after_segments, path) < 1.2  # of its stems; 1.7 where all of it is kept


def test_the_process_is_left_as_it_was_unless_the_program_asks(tiny_system: Path) -> None:
    assert in_a_process(settings_of_the_process, tiny_system, saving=False) == []
    asked = in_a_process(settings_of_the_process, tiny_system, saving=True)
    assert asked == ["arena", "libc"]
