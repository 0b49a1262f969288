"""TFC-TDF v1: published size, an independent implementation, export."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from mdx.errors import ConfigError
from mdx.estimators.spectrogram import check_layout
from mdx.runtimes.onnx import OnnxNetwork
from models.export import MAX_RELATIVE_ERROR, export_network
from models.tfc_tdf import count_parameters
from models.tfc_tdf_v1 import DenseTfcTdf, TfcTdfV1Spec, TfcTdfV1UNet

SMALL = TfcTdfV1Spec(dim_f=33, n_blocks=5, n_layers=3, growth=3, bottleneck=4, min_units=4)


def lively(net: nn.Module) -> nn.Module:
    """The module in evaluation mode, with BatchNorm statistics far from the identity."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None and module.running_var is not None
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
    return net.eval()


class Longhand:
    """The network, implemented from its state dict with functions instead of modules."""

    def __init__(self, net: nn.Module) -> None:
        self._state: dict[str, Tensor] = dict(net.state_dict())

    def norm(self, x: Tensor, name: str) -> Tensor:
        mean, variance, weight, bias = (
            self._state[f"{name}.{part}"].reshape(-1, 1, 1)
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / torch.sqrt(variance + 1e-5) * weight + bias

    def linear(self, x: Tensor, name: str) -> Tensor:
        return x @ self._state[f"{name}.weight"].T + self._state[f"{name}.bias"]

    def block(self, x: Tensor, name: str) -> Tensor:
        def convolve(layer: int, *seen: Tensor) -> Tensor:
            weight, bias = (
                self._state[f"{name}tfc.{layer}.0.{part}"] for part in ("weight", "bias")
            )
            y = functional.conv2d(torch.cat(seen, dim=1), weight, bias, padding=1)
            return self.norm(y, f"{name}tfc.{layer}.1").relu()

        one = convolve(0, x)
        two = convolve(1, one, x)
        three = convolve(2, two, one, x)
        squeezed = self.norm(self.linear(three, f"{name}tdf.0"), f"{name}tdf.1").relu()
        return three + self.norm(self.linear(squeezed, f"{name}tdf.3"), f"{name}tdf.4").relu()

    def pairs(self, x: Tensor, name: str) -> Tensor:
        """Merge neighbouring bins in pairs, by two matrix products."""
        left, right = self._state[f"{name}.weight"][:, :, 0].unbind(-1)
        mixed = torch.einsum("oc,bctf->botf", left, x[..., :-1])
        mixed = mixed + torch.einsum("oc,bctf->botf", right, x[..., 1:])
        return mixed + self._state[f"{name}.bias"].reshape(-1, 1, 1)

    def down(self, x: Tensor, level: int) -> Tensor:
        weight, bias = (self._state[f"downs.{level}.0.{part}"] for part in ("weight", "bias"))
        return self.norm(functional.conv2d(x, weight, bias, stride=2), f"downs.{level}.1")

    def up(self, x: Tensor, level: int) -> Tensor:
        weight, bias = (self._state[f"ups.{level}.0.{part}"] for part in ("weight", "bias"))
        return self.norm(functional.conv_transpose2d(x, weight, bias, stride=2), f"ups.{level}.1")

    def network(self, x: Tensor) -> Tensor:
        x = self.norm(self.pairs(x.transpose(-1, -2), "first.0"), "first.1").relu()
        high = self.block(x, "encoders.0.")
        low = self.block(self.down(high, 0), "encoders.1.")
        middle = self.block(self.down(low, 1), "middle.")
        low = self.block(torch.cat([self.up(middle, 1), low], dim=1), "decoders.1.")
        high = self.block(torch.cat([self.up(low, 0), high], dim=1), "decoders.0.")
        return self.pairs(functional.pad(high, (1, 1)), "last").transpose(-1, -2)


def test_the_published_size() -> None:
    assert count_parameters(TfcTdfV1UNet(TfcTdfV1Spec())) == 2_232_132


def test_the_dense_wiring() -> None:
    torch.manual_seed(0)
    block = lively(DenseTfcTdf(5, 32, SMALL))
    x = torch.randn(2, 5, 8, 32)
    with torch.no_grad():
        got = block(x)
    assert got.shape == (2, 3, 8, 32)
    torch.testing.assert_close(got, Longhand(block).block(x, ""))


def test_the_whole_network() -> None:
    torch.manual_seed(1)
    net = lively(TfcTdfV1UNet(SMALL))
    x = torch.randn(2, 4, 33, 12)
    with torch.no_grad():
        got = net(x)
    assert got.shape == x.shape
    torch.testing.assert_close(got, Longhand(net).network(x))


def test_a_tdf_keeps_its_least_number_of_units() -> None:
    net = TfcTdfV1UNet(TfcTdfV1Spec())
    units = [block.tdf[0].out_features for block in [*net.encoders, net.middle]]
    assert units == [128, 64, 32, 16, 16]  # 128 bins / 16 would be 8


@pytest.mark.parametrize(
    ("sizes", "got"),
    [
        ({"n_blocks": 8}, "8 blocks"),
        ({"n_blocks": -1}, "-1 blocks"),
        ({"dim_f": 2048}, "dim_f 2048"),
        ({"dim_f": 1}, "dim_f 1"),
        ({"kernel": 2}, "kernel 2"),
        ({"n_layers": 0}, r"\(0, 24, 16, 16\)"),
        ({"min_units": 0}, r"\(5, 24, 16, 0\)"),
    ],
)
def test_impossible_sizes_are_refused(sizes: dict[str, int], got: str) -> None:
    with pytest.raises(ConfigError, match=f"TFC-TDF-U-Net v1: got .*{got}"):
        TfcTdfV1Spec(**sizes)


def test_the_exported_file_equals_torch(tmp_path: Path) -> None:
    torch.manual_seed(2)
    net = lively(TfcTdfV1UNet(SMALL))
    path = tmp_path / "x.onnx"
    assert export_network(net, path, shape=(4, 33, 16)) <= MAX_RELATIVE_ERROR
    network = OnnxNetwork(path.read_bytes(), "x", threads=1)
    assert check_layout("x", network) == (33, 16)
    spectrogram = np.random.default_rng(1).standard_normal((4, 33, 16)).astype(np.float32)
    with torch.no_grad():
        expected = net(torch.from_numpy(spectrogram)[None])[0].numpy()
    error = np.abs(network(spectrogram[None])[0] - expected).max()
    assert error <= MAX_RELATIVE_ERROR * np.abs(expected).max()
