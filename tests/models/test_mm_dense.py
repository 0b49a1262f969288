"""MMDenseNet and MMDenseLSTM: published sizes and MACs, an independent implementation, export."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from mdx.errors import ConfigError
from models.mm_dense import MMDense, MMDenseSpec
from models.mm_dense_bands import DenseBandSpec
from models.random_weights import randomise
from tests.models.longhand_layers import Layers
from tests.models.network_checks import check_onnx, gmacs_per_second, published_parameters

EPSILON = 1e-12
# Odd numbers of bins on some levels, an even kernel, an LSTM in a decoder, and a separate one.
SMALL = MMDenseSpec(
    dim_f=18,
    bands=(
        DenseBandSpec(7, 4, (3,) * 5, (2, 1, 2, 1, 3), (0, 0, 0, 2, 0), kernel=(4, 3)),
        DenseBandSpec(11, 3, (2, 0, 2), (1, 0, 1), (0, 3, 0)),
    ),
    full=DenseBandSpec(18, 3, (2, 2, 2), (2, 1, 2), (0, 2, 0)),
    final_growth=3,
    final_layers=3,
    final_kernel=(3, 3),
    final_dilated=True,
)


class Longhand(Layers):
    """The network, implemented from its state dict."""

    def unit(self, x: Tensor, name: str, dilation: int = 1) -> Tensor:
        x = torch.relu(self.norm(x, f"{name}.norm2d", eps=EPSILON))
        return self.conv(x, f"{name}.conv2d", dilation=dilation)

    def dense(self, x: Tensor, name: str, layers: int, growth: int, dilated: bool) -> Tensor:
        groups = list(torch.split(self.unit(x, f"{name}.net.0"), growth, dim=1))
        for layer in range(1, layers):
            made = self.unit(groups[layer - 1], f"{name}.net.{layer}", 2**layer if dilated else 1)
            for later, part in enumerate(torch.split(made, growth, dim=1), start=layer):
                groups[later] = groups[later] + part
        return groups[-1]

    def recur(self, x: Tensor, name: str) -> Tensor:
        x = self.conv(x, f"{name}.bottleneck_conv2d")[:, 0].permute(2, 0, 1)  # (T, batch, F)
        x = self.linear(self.lstm(x, f"{name}.rnn", layers=1), f"{name}.linear")
        return x.permute(1, 2, 0)[:, None]

    def block(self, x: Tensor, name: str, spec: DenseBandSpec, index: int) -> Tensor:
        layers, hidden, growth = spec.layers[index], spec.hidden[index], spec.growth[index]
        if not hidden:
            return self.dense(x, name, layers, growth, dilated=False)
        if not layers:
            return self.recur(x, name)
        x = self.dense(x, f"{name}.dense_block", layers, growth, dilated=False)
        return torch.cat([x, self.recur(x, name)], dim=1)

    def band(self, x: Tensor, name: str, spec: DenseBandSpec) -> Tensor:
        x = self.conv(x, f"{name}.conv2d")
        levels = len(spec.growth) // 2
        skips = []
        for level in range(levels):
            bins, frames = x.shape[2:]
            x = functional.pad(x, (0, frames % 2, 0, bins % 2))
            x = self.block(x, f"{name}.encoder.net.{level}.dense_block", spec, level)
            skips.append(x[:, :, :bins, :frames])
            x = functional.avg_pool2d(x, 2)
        x = self.block(x, f"{name}.bottleneck_conv2d", spec, levels)
        for step in range(levels):
            skip, up = skips.pop(), f"{name}.decoder.net.{step}"
            x = self.norm(x, f"{up}.norm2d", eps=EPSILON)
            weight, bias = (self.state[f"{up}.upsample2d.{part}"] for part in ("weight", "bias"))
            x = functional.conv_transpose2d(x, weight, bias, stride=2)
            x = torch.cat([x[:, :, : skip.shape[2], : skip.shape[3]], skip], dim=1)
            index = levels + 1 + step
            kind = "dense_rnn_block" if spec.hidden[index] else "dense_block"
            x = self.block(x, f"{up}.{kind}", spec, index)
        if f"{name}.pointwise_conv2d.1.weight" in self.state:
            x = self.norm(x, f"{name}.pointwise_conv2d.0", eps=EPSILON)
            x = self.conv(x, f"{name}.pointwise_conv2d.1")
        return x

    def network(self, mix: Tensor, spec: MMDenseSpec) -> Tensor:
        scale, bias = self.state["scale_in"][:, None].abs(), self.state["bias_in"][:, None]
        x = (mix - bias) / (scale + EPSILON)
        low = self.band(x[:, :, :7], "net.low", spec.bands[0])
        high = self.band(x[:, :, 7:], "net.high", spec.bands[1])
        full = self.band(x, "net.full", spec.full)
        x = torch.cat([torch.cat([low, high], dim=2), full], dim=1)
        x = self.dense(x, "dense_block", 3, 3, dilated=True)
        x = self.norm(x, "norm2d", eps=EPSILON)
        x = self.conv(x, "glu2d.map") * torch.sigmoid(self.conv(x, "glu2d.map_gate"))
        return torch.relu(self.state["scale_out"][:, None] * x + self.state["bias_out"][:, None])


def small_network() -> MMDense:
    net = randomise(MMDense(SMALL), seed=0)
    generator = torch.manual_seed(3)
    with torch.no_grad():
        for parameter in (net.scale_in, net.bias_in, net.scale_out, net.bias_out):
            parameter.add_(torch.randn(len(parameter), generator=generator) / 4)
    return net


def test_the_published_sizes() -> None:
    assert published_parameters("mm_dense_lstm", "mm_dense_lstm") == 1_370_784
    # The paper of MMDenseNet gives 0.33 million.
    assert published_parameters("mm_dense_net", "mm_dense_net") == 339_468


def test_the_published_cost() -> None:
    gmacs = gmacs_per_second("mm_dense_lstm", "mm_dense_lstm")
    assert 4 * gmacs == pytest.approx(14.8, rel=0.01)


@pytest.mark.parametrize("frames", [8, 5])
def test_the_wiring(frames: int) -> None:
    net = small_network().double()
    mix = torch.rand(2, 2, 18, frames, dtype=torch.float64)
    with torch.no_grad():
        got = net(mix)
        expected = Longhand(net.state_dict()).network(mix, SMALL)
    assert got.shape == (2, 1, 2, 18, frames)
    assert expected.any()
    torch.testing.assert_close(got[:, 0], expected)


def test_the_exported_graph_equals_torch(tmp_path: Path) -> None:
    check_onnx(small_network(), tmp_path, (2, 18, 8))


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"growth": (2, 2)}, "as many of each, an odd number"),
        ({"layers": (1, 1, 1, 1)}, "as many of each, an odd number"),
        ({"hidden": (1, 3, 0)}, "no LSTM in the encoder"),
        ({"hidden": (0, 0, 0)}, "a layer or an LSTM in every block"),
        ({"bins": 0}, "sizes of 1"),
    ],
)
def test_impossible_bands_are_refused(sizes: dict[str, Any], message: str) -> None:
    usual: dict[str, Any] = {
        "bins": 11, "features": 3, "growth": (2, 0, 2), "layers": (1, 0, 1), "hidden": (0, 3, 0),
    }  # fmt: skip
    DenseBandSpec(**usual)
    with pytest.raises(ConfigError, match=message):
        DenseBandSpec(**{**usual, **sizes})


def test_bands_that_leave_bins_out_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"got 1 bands of 7 bins, full 18, expected .* dim_f 18"):
        MMDenseSpec(18, SMALL.bands[:1], SMALL.full, 3, 3, (3, 3), final_dilated=True)
