"""LaSAFT-Net: published sizes and MACs, an independent implementation, export."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from mdx.errors import ConfigError, WeightsError
from models.architectures import ARCHITECTURES
from models.checkpoints.load import network_of
from models.checkpoints.read import read_checkpoint
from models.lasaft import Lasaft, LasaftSpec
from models.random_weights import randomise
from tests.models.longhand_layers import Layers
from tests.models.network_checks import (
    SAMPLE_RATE,
    check_onnx,
    gmacs_per_second,
    published_parameters,
    torch_macs,
)

SMALL = LasaftSpec(
    dim_f=17, n_blocks=5, embedding=4, n_layers=3, growth=3, latents=2, keys=5, min_units=16
)
KEPT = 119_808 / (128 * 1024)  # of a pass: 5,120 samples at either end are trimmed
PREFIX = "conditional_spec2spec."


class Original(Layers):
    """One source, with the names and the channel order of the released checkpoint."""

    def condition(self, index: int) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        embedding = self.state["embedding.weight"]
        x = embedding[index : index + 1]
        name = "condition_generator.dense_control_block.linear"
        x = torch.relu(self.linear(x, f"{name}.0"))
        x = self.norm(torch.relu(self.linear(x, f"{name}.2")), f"{name}.5")
        x = self.norm(torch.relu(self.linear(x, f"{name}.6")), f"{name}.9")
        gamma, beta = (
            self.norm(
                self.linear(x, f"condition_generator.{part}.0"), f"condition_generator.{part}.2"
            )
            for part in ("linear_gamma", "linear_beta")
        )
        gammas = [part.reshape(3, 3) for part in torch.split(gamma[0], 9)]
        return embedding[index], gammas, list(torch.split(beta[0], 3))

    def block(self, x: Tensor, name: str, about: Tensor, gate: Any = None) -> Tensor:
        newest = x
        seen: list[Tensor] = []
        for layer in range(3):
            seen.insert(0, newest)
            newest = self.conv(torch.cat(seen, dim=1), f"{name}.tfc.H.{layer}.0")
            newest = torch.relu(self.norm(newest, f"{name}.tfc.H.{layer}.1"))
        x = newest
        if gate is not None:
            mixed = torch.einsum("bcth,cd->bdth", x, gate[0]) + gate[1][:, None, None]
            x = x * torch.sigmoid(mixed)
        query = self.linear(about, f"{name}.linear_query")
        attention = torch.softmax(query @ self.state[f"{name}.keys"] / math.sqrt(5), dim=0)
        y = torch.relu(self.norm(self.linear(x, f"{name}.tdfs.tdf.0"), f"{name}.tdfs.tdf.1"))
        y = torch.relu(self.norm(self.linear(y, f"{name}.tdfs.tdf.3"), f"{name}.tdfs.tdf.4"))
        return x + attention[0] * y[..., 0::2] + attention[1] * y[..., 1::2]

    def network(self, x: Tensor, index: int) -> Tensor:
        """Shape: (batch, 4, T, F) with channels L.re, R.re, L.im, R.im -> the same."""
        about, gammas, betas = self.condition(index)
        x = torch.relu(self.norm(self.conv(x, "first_conv.0", pad=False), "first_conv.1"))
        skips = []
        for level in range(2):
            x = self.block(x, f"encoders.{level}", about)
            skips.append(x)
            name = f"downsamplings.{level}"
            weight, bias = (self.state[f"{name}.0.{part}"] for part in ("weight", "bias"))
            x = self.norm(functional.conv2d(x, weight, bias, stride=2), f"{name}.1")
        x = self.block(x, "mid_block", about)
        for step in range(2):
            name = f"upsamplings.{step}"
            weight, bias = (self.state[f"{name}.0.{part}"] for part in ("weight", "bias"))
            x = self.norm(functional.conv_transpose2d(x, weight, bias, stride=2), f"{name}.1")
            x = torch.cat([x, skips.pop()], dim=1)
            x = self.block(x, f"decoders.{step}", about, (gammas[step], betas[step]))
        return self.conv(functional.pad(x, (1, 1)), "last_conv.0", pad=False)


def released(net: nn.Module) -> dict[str, Tensor]:
    """A Lightning state dict in its published form, with the released channel order."""
    weights = {f"{PREFIX}{name}": value for name, value in net.state_dict().items()}
    return {**weights, "stft.stft.window": torch.hann_window(32)}


@pytest.mark.parametrize(("size", "count"), [("large", 31_541_908), ("light", 8_424_028)])
def test_the_published_sizes(size: str, count: int) -> None:
    assert published_parameters("lasaft", size) == count


@pytest.mark.parametrize(("size", "gmacs"), [("large", 208), ("light", 75)])
def test_the_published_cost(size: str, gmacs: float) -> None:
    class Unconditioned(nn.Module):  # published code does it again for every source
        def __init__(self) -> None:
            super().__init__()
            self.net = Lasaft(spec)

        def forward(self, mix: Tensor) -> Tensor:
            return self.net.unconditioned(mix)[1]

    spec = ARCHITECTURES["lasaft"].sizes[size]
    with torch.device("meta"):
        net = Unconditioned().eval()
    shared = torch_macs(net, (4, spec.dim_f, 128)) / (119_808 / SAMPLE_RATE) / 1e9
    ours = gmacs_per_second("lasaft", size, used=KEPT)
    assert ours + 3 * shared == pytest.approx(gmacs, rel=0.01)
    assert ours < 0.8 * gmacs


def test_a_released_checkpoint_is_the_original_network(tmp_path: Path) -> None:
    original = randomise(Lasaft(SMALL), seed=0)
    path = tmp_path / "lasaft.ckpt"
    torch.save({"epoch": 3, "state_dict": released(original)}, path)
    net = network_of(read_checkpoint(path), path, "lasaft", SMALL).double()
    mix = torch.randn(2, 4, 17, 8, dtype=torch.float64, generator=torch.manual_seed(1))
    theirs = mix[:, [0, 2, 1, 3]].transpose(2, 3)  # L.re, R.re, L.im, R.im
    layers = Original(original.double().state_dict())
    with torch.no_grad():
        got = net(mix)
        for index in range(4):
            left_re, right_re, left_im, right_im = layers.network(theirs, index).unbind(dim=1)
            expected = torch.stack([left_re, left_im, right_re, right_im], dim=1).transpose(2, 3)
            torch.testing.assert_close(got[:, index], expected)
    assert got.shape == (2, 4, 4, 17, 8)


def test_sources_differ_by_their_embedding_alone() -> None:
    net = randomise(Lasaft(SMALL), seed=0)
    mix = torch.randn(1, 4, 17, 8, generator=torch.manual_seed(1))
    with torch.no_grad():
        before = net(mix)[0]
        net.embedding.weight[3] = net.embedding.weight[0]
        after = net(mix)[0]
    assert (before[0] - before[3]).abs().max() > 0.01 * before.abs().max()
    assert torch.equal(after[0], after[3]) and torch.equal(after[0], before[0])


def test_the_exported_graph_equals_torch(tmp_path: Path) -> None:
    tiny = LasaftSpec(
        dim_f=9, n_blocks=3, embedding=2, n_layers=2, growth=2, latents=2, min_units=2
    )
    # Of four sources: layers of the generator, its heads, query and attention of three blocks.
    folded = 4 * ((2 * 4 + 4 * 8 + 8 * 16) + (16 * 2 * 2 + 16 * 2) + 3 * (2 * 32 + 32 * 2))
    check_onnx(randomise(Lasaft(tiny), seed=2), tmp_path, (4, 9, 4), folded=folded)


def test_another_size_is_named() -> None:
    state = released(randomise(Lasaft(SMALL), seed=0))
    with pytest.raises(WeightsError, match=r"got LaSAFT-Net of dim_f 17, .* or dim_f 1025, n_blo"):
        network_of(state, "small.ckpt", "lasaft")


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"n_blocks": 8}, "got 8 blocks"),
        ({"n_blocks": 1}, "got 1 blocks"),
        ({"dim_f": 2048}, "one bin more than a multiple of 16"),
        ({"kernel": 2}, "got kernel 2"),
    ],
)
def test_impossible_sizes_are_refused(sizes: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LasaftSpec(**sizes)
