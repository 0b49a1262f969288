"""Open-Unmix: published size and MACs, an independent implementation, export, silence."""

from pathlib import Path

import pytest
import torch

from mdx.errors import ConfigError
from models.open_unmix import OpenUnmix, OpenUnmixSpec
from models.random_weights import randomise
from tests.models.longhand_layers import Layers
from tests.models.network_checks import check_onnx, gmacs_per_second, published_parameters

SMALL = OpenUnmixSpec(dim_f=9, bins_read=6, hidden=8, lstm_layers=2)


def small_network() -> OpenUnmix:
    net = randomise(OpenUnmix(SMALL), seed=0)
    with torch.no_grad():
        for parameter in (net.input_mean, net.input_scale, net.output_mean, net.output_scale):
            parameter.add_(torch.randn(len(parameter), generator=torch.manual_seed(3)) / 4)
    return net


def test_the_published_size() -> None:
    assert published_parameters("open_unmix", "umx") == 8_893_348


def test_the_published_cost() -> None:
    # Four of these are X-UMX, which the papers' tables give as 1.53 GMAC a second.
    assert 4 * gmacs_per_second("open_unmix", "umx") == pytest.approx(1.53, rel=0.01)


def test_the_wiring() -> None:
    net = small_network()
    layers, state = Layers(net.state_dict()), net.state_dict()
    mix = torch.rand(2, 2, 9, 7)
    frames = []
    for song in mix:
        read = song[:, :6].permute(2, 0, 1)  # (T, 2, bins)
        read = (read + state["input_mean"]) * state["input_scale"]
        encoded = torch.tanh(layers.norm(layers.linear(read.reshape(7, 12), "fc1"), "bn1"))
        remembered = layers.lstm(encoded[:, None], "lstm", layers=2)[:, 0]
        x = layers.linear(torch.cat([encoded, remembered], dim=1), "fc2")
        x = layers.linear(torch.relu(layers.norm(x, "bn2")), "fc3")
        x = layers.norm(x, "bn3").reshape(7, 2, 9)
        mask = torch.relu(x * state["output_scale"] + state["output_mean"])
        frames.append(mask.permute(1, 2, 0) * song)
    with torch.no_grad():
        got = net(mix)
    assert got.shape == (2, 1, 2, 9, 7)
    torch.testing.assert_close(got[:, 0], torch.stack(frames))


def test_silence_stays_silent() -> None:
    with torch.no_grad():
        assert not small_network()(torch.zeros(1, 2, 9, 4)).any()


def test_the_exported_graph_equals_torch(tmp_path: Path) -> None:
    check_onnx(small_network(), tmp_path, (2, 9, 12), lengths=(1, 5, 40))


@pytest.mark.parametrize(
    ("sizes", "got"),
    [
        ({"bins_read": 2050}, "bins_read 2050 of dim_f 2049"),
        ({"bins_read": 0}, "bins_read 0"),
        ({"hidden": 5}, "hidden 5"),
        ({"lstm_layers": 0}, "hidden 512, lstm_layers 0"),
    ],
)
def test_impossible_sizes_are_refused(sizes: dict[str, int], got: str) -> None:
    with pytest.raises(ConfigError, match=f"Open-Unmix: got {got}"):
        OpenUnmixSpec(**sizes)
