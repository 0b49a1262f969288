"""TFC-TDF v3: published sizes, an independent block, subbands, scale, export."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch.nn import functional

from mdx.errors import ConfigError
from models.export import export_network
from models.tfc_tdf import count_parameters
from models.tfc_tdf_v3 import TfcTdfV3Block, TfcTdfV3Spec, TfcTdfV3UNet

SMALL = TfcTdfV3Spec(dim_f=64, n_blocks=5, n_layers=2, growth=3, bottleneck=4, width=5, subbands=2)


def make(spec: TfcTdfV3Spec = SMALL) -> TfcTdfV3UNet:
    """A network with random norms, which makes each of them matter."""
    torch.manual_seed(0)
    net = TfcTdfV3UNet(spec)
    for name, weight in net.named_parameters():
        if weight.ndim == 1:
            torch.nn.init.normal_(weight, mean=float(name.endswith("weight")), std=0.3)
    return net.eval()


@pytest.mark.parametrize(
    ("sizes", "parameters"),
    [
        ({}, 45_813_888),  # model 1 of the report
        ({"width": 32, "growth": 16}, 1_336_512),
        ({"width": 48, "growth": 24}, 2_564_640),
        ({"width": 64, "growth": 32}, 4_282_240),
    ],
)
def test_sizes(sizes: dict[str, int], parameters: int) -> None:
    published = TfcTdfV3Spec()
    small = replace(published, dim_f=2048, n_blocks=9, n_layers=1)
    spec = replace(small, **sizes) if sizes else published  # type: ignore[arg-type]
    assert count_parameters(TfcTdfV3UNet(spec)) == parameters


def test_a_block_is_two_convolutions_with_a_residual_of_linear_layers() -> None:
    torch.manual_seed(0)
    block = TfcTdfV3Block(3, 6, 32, SMALL)
    state = block.state_dict()
    for name in state:
        if state[name].ndim == 1:
            state[name].normal_()
    x = torch.randn(2, 3, 8, 32)

    def norm(y: torch.Tensor, name: str) -> torch.Tensor:
        weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        return functional.gelu(functional.instance_norm(y, weight=weight, bias=bias))

    def conv(y: torch.Tensor, name: str, padding: int = 1) -> torch.Tensor:
        return functional.conv2d(y, state[f"{name}.weight"], padding=padding)

    y = conv(norm(x, "tfc1.0"), "tfc1.2")
    squeezed = norm(y, "tdf.0.0") @ state["tdf.0.2.weight"].T
    y = y + norm(squeezed, "tdf.1.0") @ state["tdf.1.2.weight"].T
    expected = conv(norm(y, "tfc2.0"), "tfc2.2") + conv(x, "shortcut", padding=0)
    torch.testing.assert_close(block(x), expected, rtol=1e-4, atol=1e-4)


def test_bands_of_frequency_become_channels_and_bins_again() -> None:
    net = make()
    # With a first product of one and an identity at the end, the mixture passes through.
    bands = SMALL.channels * SMALL.subbands
    with torch.no_grad():
        inner, outer = (net.get_parameter(f"last.{layer}.weight").zero_() for layer in (0, 2))
        inner[0, 3, 0, 0] = 1.0  # band 1 of L.im: channel 1 * subbands + 1
        outer[2 * bands + 4, 0, 0, 0] = 1.0  # source 2, band 0 of R.re
        x = torch.randn(1, 4, 64, 8)
        found = net(x)
    expected = torch.zeros(1, 4, 4, 64, 8)
    expected[0, 2, 2, :32] = functional.gelu(x[0, 1, 32:])
    torch.testing.assert_close(found, expected)


def test_one_source_has_no_axis_of_sources() -> None:
    net = make(replace(SMALL, sources=1))
    assert net(torch.zeros(2, 4, 64, 8)).shape == (2, 4, 64, 8)


@pytest.mark.parametrize("style", [("instance", "gelu"), ("batch", "relu")])
def test_the_exported_file_equals_torch_at_any_scale(
    tmp_path: Path, style: tuple[str, str]
) -> None:
    net = make(replace(SMALL, norm=style[0], activation=style[1]))
    net.scale.fill_(7.0)
    path = tmp_path / "x.onnx"
    assert export_network(net, path, shape=(4, 64, 16)) < 1e-5
    session = onnxruntime.InferenceSession(path.read_bytes())
    batch = np.random.default_rng(1).standard_normal((3, 4, 64, 16)).astype(np.float32)
    for scale in (1e-2, 1.0, 300.0):
        with torch.no_grad():
            expected = net(torch.from_numpy(scale * batch)).numpy()
        assert expected.shape == (3, 4, 4, 64, 16)
        got = session.run(None, {"input": (scale * batch).astype(np.float32)})[0]
        assert np.abs(got - expected).max() < 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"n_blocks": 10}, "got 10 blocks, expected an odd number"),
        ({"dim_f": 100}, "expected dim_f a multiple of 8, at least 32"),
        ({"dim_f": 24}, "expected dim_f a multiple of 8, at least 32"),
        ({"norm": "layer"}, "norm: got 'layer', expected one of instance, batch"),
        ({"activation": "elu"}, "activation: got 'elu', expected one of gelu, relu"),
    ],
)
def test_impossible_sizes_are_refused(sizes: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(SMALL, **sizes)  # type: ignore[arg-type]
