"""Demucs-v2 in onnxruntime: equal to torch at any length, and close to it in int8."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnxruntime import InferenceSession, SessionOptions
from onnxruntime.quantization import QuantType, quantize_dynamic

from mdx.errors import NetworkError
from mdx.estimators.demucs_v2 import valid_length
from mdx.runtimes.onnx import precision_of
from mdx.systems.spec import SAMPLE_RATE, Audio
from models import onnx_lstm
from models.demucs_v2.export import demucs_graph, export_demucs
from models.demucs_v2.network import Demucs, DemucsSpec, random_demucs
from models.dynamic_int8 import quantise_lstms
from tests.models.demucs_memory import memory_of_calls

SAME = 1e-5  # of the peak: float32 rounding in another order
NET = random_demucs(DemucsSpec(channels=4), seed=1)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "deep" / "demucs.onnx"
    assert export_demucs(NET, path) <= SAME
    return path


def run(path: Path, mix: Audio) -> Any:
    options = SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4  # failures here are intended
    session = InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run(None, {"input": mix})[0]


def noise(batch: int, samples: int) -> Audio:
    shape = (batch, 2, NET.valid_length(samples))
    return np.random.default_rng(samples).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(("batch", "samples"), [(1, 1), (1, 3415), (1, 44100), (3, 10000)])
def test_onnxruntime_equals_torch(exported: Path, batch: int, samples: int) -> None:
    mix = noise(batch, samples)
    with torch.no_grad():
        expected = NET(torch.from_numpy(mix)).numpy()
    got = run(exported, mix)
    assert got.shape == expected.shape
    assert np.abs(got - expected).max() <= SAME * np.abs(expected).max()


def test_another_size_is_exported_as_well(tmp_path: Path) -> None:
    spec = DemucsSpec(channels=3, depth=3, kernel=8, stride=4, context=5, lstm_layers=1)
    assert export_demucs(random_demucs(spec, seed=0), tmp_path / "small.onnx") <= SAME


def test_the_graph_is_the_runtime_s(exported: Path) -> None:
    model = onnx.load(exported)
    onnx.checker.check_model(model, full_check=True)
    (before,), (after,) = model.graph.input, model.graph.output
    assert (before.name, after.name) == ("input", "output")
    sizes = [
        [size.dim_param or size.dim_value for size in end.type.tensor_type.shape.dim]
        for end in (before, after)
    ]
    assert sizes == [["batch", 2, "samples"], ["batch", 4, 2, "stem_samples"]]
    assert sum(node.op_type == "LSTM" for node in model.graph.node) == 2
    assert {entry.domain for entry in model.opset_import} == {""}


def bodies(graph: onnx.GraphProto) -> list[onnx.GraphProto]:
    """The subgraphs that a graph repeats, outermost first."""
    scans = [node for node in graph.node if node.op_type == "Scan"]
    found = [entry.g for node in scans for entry in node.attribute if entry.name == "body"]
    return [inner for body in found for inner in (body, *bodies(body))]


def test_outer_levels_come_segment_by_segment_and_tile_by_tile(exported: Path) -> None:
    enter, enter_tile, leave, leave_tile = bodies(onnx.load(exported).graph)
    for body, tile, levels in ((enter, enter_tile, 3), (leave, leave_tile, 6)):
        assert not any(node.op_type.startswith("Conv") for node in body.node)
        layers = [node for node in tile.node if node.op_type.startswith("Conv")]
        constants = {tensor.name for tensor in tile.initializer}
        assert len(layers) >= 3 * levels
        # onnxruntime packs weights for its fastest kernels only if they are in the layer's graph.
        assert all(set(layer.input[1:]) <= constants for layer in layers)


def test_a_segment_takes_little_more_memory_than_its_mix_and_stems(tmp_path: Path) -> None:
    path = tmp_path / "demucs.onnx"
    onnx.save(demucs_graph(random_demucs(DemucsSpec(channels=16), seed=0)), path)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        one, four = pool.submit(memory_of_calls, path, [1, 4]).result()
    # 2 and 1.4 times as much; without tiles one takes 8 times.
    ends = 4 * (2 + 8) * valid_length(4 * SAMPLE_RATE)  # bytes
    assert 0 < one < 3 * ends and four < 2 * 4 * ends, (one / ends, four / ends)


def test_a_length_that_is_not_valid_fails(exported: Path) -> None:
    mix = noise(1, 1)
    with pytest.raises(Exception, match="Add"):
        run(exported, np.pad(mix, ((0, 0), (0, 0), (0, 1400))))


def test_a_graph_that_differs_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "demucs.onnx"
    path.write_bytes(b"the one before")
    monkeypatch.setattr(onnx_lstm, "GATES", (0, 1, 2, 3))  # torch's order: forget and cell swapped
    with pytest.raises(NetworkError, match=r"relative error of .* the file was not kept"):
        export_demucs(NET, path)
    assert [file.name for file in tmp_path.iterdir()] == ["demucs.onnx"]
    assert path.read_bytes() == b"the one before"


def test_a_network_that_gives_no_number_is_not_kept(tmp_path: Path) -> None:
    net = random_demucs(DemucsSpec(channels=2), seed=0)
    with torch.no_grad():
        net.lstm.linear.bias[0] = torch.nan
    with pytest.raises(NetworkError, match="nan"):
        export_demucs(net, tmp_path / "demucs.onnx")
    assert not list(tmp_path.iterdir())


def test_int8_is_near_float32_and_smaller(exported: Path, tmp_path: Path) -> None:
    target = tmp_path / "demucs.int8.onnx"
    mix = noise(1, 30000)
    snr = quantise_lstms(exported, target, samples=mix.shape[2])
    assert snr > 40
    expected, got = run(exported, mix), run(target, mix)
    error = np.square(got - expected).sum() / np.square(expected).sum()
    assert 0 < error < 10**-4
    # The LSTM is half of these weights; the rest stays as it was.
    assert target.stat().st_size < 0.6 * exported.stat().st_size
    assert precision_of(target.read_bytes()) == "int8"
    assert precision_of(exported.read_bytes()) == "float32"
    model = onnx.load(target)
    assert [node.domain for node in model.graph.node if node.domain] == ["com.microsoft"] * 2


def spread_rows(net: Demucs) -> Demucs:
    """Give every row of the LSTM's weights a different level, which requires a scale per row."""
    generator = torch.manual_seed(0)
    with torch.no_grad():
        for name, weight in net.lstm.lstm.named_parameters():
            if "weight" in name:
                weight.mul_(torch.exp(torch.randn(len(weight), 1, generator=generator)))
    return net


def test_int8_is_what_onnxruntime_s_own_quantiser_makes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    net = spread_rows(random_demucs(DemucsSpec(channels=4), seed=1))
    path, ours, theirs = (tmp_path / f"{name}.onnx" for name in ("float", "ours", "theirs"))
    onnx.save(demucs_graph(net), path)
    mix = noise(1, 30000)
    quantise_lstms(path, ours, samples=mix.shape[2])
    quantize_dynamic(
        path, theirs, op_types_to_quantize=["LSTM", "MatMul"], per_channel=True,
        weight_type=QuantType.QInt8,
    )  # fmt: skip
    expected = run(theirs, mix)
    assert np.abs(run(ours, mix) - expected).max() <= SAME * np.abs(expected).max()


def test_int8_of_a_network_without_lstm_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "other.int8.onnx"
    path = tmp_path / "other.onnx"
    path.write_bytes(b"no graph")
    with pytest.raises(NetworkError, match=r"other\.onnx: got .* expected an ONNX file"):
        quantise_lstms(path, target, samples=8874)
    onnx.save(onnx.ModelProto(), path)
    with pytest.raises(NetworkError, match="no LSTM"):
        quantise_lstms(path, target, samples=8874)
    assert not target.exists()
