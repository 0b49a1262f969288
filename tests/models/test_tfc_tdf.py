"""TFC-TDF v2: sizes by arithmetic, an independent forward pass, export."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch.nn import functional

import models.export
import models.onnx_graph
from mdx.errors import ConfigError, NetworkError
from mdx.estimators.spectrogram import check_layout
from mdx.runtimes.onnx import OnnxNetwork
from models.export import export_network
from models.random_weights import randomise
from models.tfc_tdf import TfcTdf, TfcTdfSpec, TfcTdfUNet, count_parameters

SMALL = TfcTdfSpec(dim_f=32, n_blocks=5, n_layers=2, growth=3, bottleneck=4)


@pytest.mark.parametrize(("blocks", "parameters"), [(11, 7_423_236), (9, 5_480_196)])
def test_published_sizes(blocks: int, parameters: int) -> None:
    assert count_parameters(TfcTdfUNet(TfcTdfSpec(n_blocks=blocks))) == parameters


def test_a_block_is_its_convolutions_plus_its_linear_layers() -> None:
    torch.manual_seed(0)
    block = TfcTdf(3, 32, SMALL).eval()
    x = torch.randn(2, 3, 8, 32)
    state = block.state_dict()

    def norm(y: torch.Tensor, name: str) -> torch.Tensor:
        return functional.batch_norm(
            y,
            state[f"{name}.running_mean"],
            state[f"{name}.running_var"],
            state[f"{name}.weight"],
            state[f"{name}.bias"],
        )

    expected = x
    for layer in range(2):
        name = f"tfc.{layer}"
        expected = functional.conv2d(
            expected, state[f"{name}.0.weight"], state[f"{name}.0.bias"], padding=1
        )
        expected = norm(expected, f"{name}.1").relu()
    squeezed = norm(expected @ state["tdf.0.weight"].T, "tdf.1").relu()
    expected = expected + norm(squeezed @ state["tdf.3.weight"].T, "tdf.4").relu()
    torch.testing.assert_close(block(x), expected)


def test_the_network_is_convolutional_in_time() -> None:
    net = randomise(TfcTdfUNet(SMALL), seed=0)
    long = torch.randn(1, 4, 32, 64)
    with torch.no_grad():
        # Far from the ends, 16 more frames on the left only shift the output.
        whole, part = net(long), net(long[..., 16:])
    torch.testing.assert_close(whole[..., 40:], part[..., 24:], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "sizes", [{"n_blocks": 10}, {"dim_f": 2050}, {"dim_f": 64, "n_blocks": 11, "bottleneck": 8}]
)
def test_impossible_sizes_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="TFC-TDF-U-Net"):
        TfcTdfSpec(**sizes)


def test_the_exported_file_equals_torch_for_any_batch(tmp_path: Path) -> None:
    net = randomise(TfcTdfUNet(SMALL), seed=3)
    path = tmp_path / "deep" / "x.onnx"
    assert export_network(net, path, shape=(4, 32, 16)) < 1e-5
    assert [entry.name for entry in path.parent.iterdir()] == ["x.onnx"]
    content = path.read_bytes()
    assert b".py" not in content  # no trace of the machine it was made on
    network = OnnxNetwork(content, "x", threads=1)
    assert check_layout("x", network) == (32, 16)
    shape = onnx.load(path).graph.input[0].type.tensor_type.shape.dim
    assert shape[0].dim_param and [size.dim_value for size in shape[1:]] == [4, 32, 16]
    session = onnxruntime.InferenceSession(content)
    batch = np.random.default_rng(1).standard_normal((3, 4, 32, 16)).astype(np.float32)
    with torch.no_grad():
        expected = net(torch.from_numpy(batch)).numpy()
    got = session.run(None, {"input": batch})[0]
    assert np.abs(got - expected).max() < 1e-5 * np.abs(expected).max()
    rng = np.random.default_rng(0)
    for scale in (1e-3, 1.0, 300.0):
        spectrogram = (scale * rng.standard_normal((4, 32, 16))).astype(np.float32)
        with torch.no_grad():
            expected = net(torch.from_numpy(spectrogram)[None])[0].numpy()
        error = np.abs(network(spectrogram[np.newaxis])[0] - expected).max()
        assert error < 1e-5 * np.abs(expected).max(), scale


def test_a_file_that_differs_from_torch_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported = models.onnx_graph.onnx_graph
    other = randomise(TfcTdfUNet(SMALL), seed=4)
    monkeypatch.setattr(models.export, "onnx_graph", lambda _, shape, **__: exported(other, shape))
    path = tmp_path / "x.onnx"
    path.write_bytes(b"the one before")
    with pytest.raises(NetworkError, match="relative error"):
        export_network(randomise(TfcTdfUNet(SMALL), seed=3), path, shape=(4, 32, 16))
    assert path.read_bytes() == b"the one before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.onnx"]
