"""Released checkpoints of TFC-TDF-U-Net v3 and MDX23C: original names, sizes and layers."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from mdx.errors import WeightsError
from models.checkpoints.formats import architecture_of
from models.checkpoints.load import network_of
from models.checkpoints.tfc_tdf_v3 import spec_of
from models.tfc_tdf_v3 import TfcTdfV3Spec
from tests.models.mdx23c_original import Original, config
from tests.models.network_checks import gmacs_per_second

SMALL = TfcTdfV3Spec(
    dim_f=32, n_blocks=5, n_layers=2, growth=2, bottleneck=2, width=4, subbands=2, sources=2
)
TOLERANCE = 1e-5  # of the peak: the same layers in another order of sums


@pytest.mark.parametrize(
    ("changes", "sizes"),
    [
        ({}, {}),
        ({"model__norm": "BatchNorm", "model__act": "relu"}, {"norm": "batch"}),
        ({"model__norm": "GroupNorm2", "model__act": "elu0.5"}, {}),
        ({"model__scale": [1, 2]}, {"strides": (1, 2)}),
        ({"model__num_scales": 1, "model__num_subbands": 4}, {"n_blocks": 3, "subbands": 4}),
        ({"training__target_instrument": "Vocals"}, {"sources": 1}),
    ],
)
def test_a_released_checkpoint_is_the_network(
    changes: dict[str, Any], sizes: dict[str, Any]
) -> None:
    values = config(**changes)
    original = Original(values, seed=3)
    assert architecture_of(original.state) == "tfc_tdf_v3"
    assert spec_of(original.state) == replace(SMALL, **sizes)
    layers = {"relu": ("batch", "relu"), "elu0.5": ("group2", "elu0.5")}
    norm, activation = layers.get(values["model"]["act"], ("instance", "gelu"))
    spec = replace(SMALL, **{**sizes, "norm": norm, "activation": activation})
    net = network_of(dict(original.state), "x.ckpt", "tfc_tdf_v3", spec)
    mix = torch.randn(1, 4, 32, 16, generator=torch.manual_seed(1))
    with torch.no_grad():
        expected = original.network(mix)
        got = net(mix).reshape(expected.shape)
    assert (got - expected).abs().max() < TOLERANCE * expected.abs().max()


def test_the_published_cost() -> None:
    assert gmacs_per_second("tfc_tdf_v3", "model1") == pytest.approx(70.8, rel=0.01)


def test_every_level_has_weights_of_its_own() -> None:
    original = Original(config())
    net = network_of(dict(original.state), "x.ckpt", "tfc_tdf_v3", SMALL)
    mix = torch.randn(1, 4, 32, 16, generator=torch.manual_seed(1))
    before = net(mix)
    for name, weight in net.named_parameters():
        kept = weight.clone()
        weight.add_(0.1)
        assert not torch.equal(net(mix), before), name
        weight.copy_(kept)


def test_another_size_is_named() -> None:
    state = Original(config()).state
    with pytest.raises(WeightsError, match=r"got TFC-TDF-U-Net v3 of dim_f 32, n_blocks 5") as no:
        network_of(dict(state), "x.ckpt", "tfc_tdf_v3")
    assert "expected dim_f 4096, n_blocks 11" in str(no.value)


def test_missing_and_unexpected_weights_are_listed() -> None:
    state = Original(config()).state
    del state["decoder_blocks.1.upscale.conv.2.weight"]
    state["ema.decay"] = torch.zeros(1)
    with pytest.raises(WeightsError) as no:
        network_of(state, "x.ckpt", "tfc_tdf_v3", SMALL)
    assert "missing: ups.0.2.weight" in str(no.value)
    assert "unexpected: ema.decay" in str(no.value)


def test_another_norm_than_expected_is_listed() -> None:
    state = Original(config(model__norm="BatchNorm")).state
    with pytest.raises(WeightsError, match=r"unexpected: .*running_mean"):
        network_of(state, "x.ckpt", "tfc_tdf_v3", SMALL)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("first_conv.weight", ()),
        ("first_conv.weight", (0, 0, 1, 1)),
        ("first_conv.weight", (4,)),
        ("encoder_blocks.0.tfc_tdf.blocks.0.tdf.2.weight", (0, 0)),
        ("encoder_blocks.0.downscale.conv.2.weight", (1, 1, 0, 0)),
        ("final_conv.2.weight", (0,)),
    ],
)
def test_invalid_shapes_are_errors(name: str, shape: tuple[int, ...]) -> None:
    state = Original(config()).state
    network_of(state, "x.ckpt", "tfc_tdf_v3", SMALL)
    state[name] = torch.zeros(shape)
    with pytest.raises(WeightsError):
        network_of(state, "x.ckpt", "tfc_tdf_v3", SMALL)
