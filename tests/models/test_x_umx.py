"""X-UMX: published size and MACs, an independent implementation, export, silence."""

from pathlib import Path

import pytest
import torch

from models.random_weights import randomise
from models.x_umx import SOURCES, XUmx, XUmxSpec
from tests.models.longhand_layers import Layers
from tests.models.network_checks import check_onnx, gmacs_per_second, published_parameters

SMALL = XUmxSpec(dim_f=9, bins_read=6, hidden=8, lstm_layers=2)


def small_network() -> XUmx:
    net = randomise(XUmx(SMALL), seed=0)
    generator = torch.manual_seed(3)
    with torch.no_grad():
        for parameter in net.mean_scale.values():
            parameter.add_(torch.randn(len(parameter), generator=generator) / 4)
    return net


def test_the_published_size() -> None:
    assert published_parameters("x_umx", "x_umx") == 35_573_392


def test_the_published_cost() -> None:
    assert gmacs_per_second("x_umx", "x_umx") == pytest.approx(1.53, rel=0.01)


def test_the_branches_meet_as_published() -> None:
    net = small_network()
    layers, state = Layers(net.state_dict()), net.state_dict()
    song = torch.rand(2, 9, 7)
    encoded = {}
    for source in SOURCES:
        read = song[:, :6].permute(2, 0, 1)  # (T, 2, bins)
        read = read + state[f"mean_scale.input_mean_{source}"]
        read = (read * state[f"mean_scale.input_scale_{source}"]).reshape(7, 12)
        x = layers.linear(read, f"layer_enc.{source}.enc.0")
        encoded[source] = torch.tanh(layers.norm(x, f"layer_enc.{source}.enc.1"))
    shared = sum(encoded.values()) / 4
    assert isinstance(shared, torch.Tensor)
    both = torch.zeros(7, 16)
    for source in SOURCES:  # the published order: concatenate first, then average
        out = layers.lstm(shared[:, None], f"layer_lstm.{source}", layers=2)[:, 0]
        both += torch.cat([encoded[source], out], dim=1) / 4
    with torch.no_grad():
        got = net(song[None])
    assert got.shape == (1, 4, 2, 9, 7)
    for index, source in enumerate(SOURCES):
        name = f"layer_dec.{source}.dec"
        x = torch.relu(layers.norm(layers.linear(both, f"{name}.0"), f"{name}.1"))
        x = layers.norm(layers.linear(x, f"{name}.3"), f"{name}.4").reshape(7, 2, 9)
        x = x * state[f"mean_scale.output_scale_{source}"]
        mask = torch.relu(x + state[f"mean_scale.output_mean_{source}"])
        torch.testing.assert_close(got[0, index], mask.permute(1, 2, 0) * song)


def test_silence_stays_silent() -> None:
    with torch.no_grad():
        assert not small_network()(torch.zeros(1, 2, 9, 4)).any()


def test_the_exported_graph_equals_torch(tmp_path: Path) -> None:
    check_onnx(small_network(), tmp_path, (2, 9, 12), lengths=(1, 5, 40))
