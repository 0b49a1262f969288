"""The released checkpoint of TFC-TDF v1: names, levels and complex channels."""

import re

import pytest
import torch
from torch import Tensor

from mdx.errors import WeightsError
from models.checkpoints.load import network_of
from models.random_weights import randomise
from models.tfc_tdf_v1 import TfcTdfV1Spec, TfcTdfV1UNet
from tests.models.network_checks import gmacs_per_second

SMALL = TfcTdfV1Spec(dim_f=33, n_blocks=5, n_layers=2, growth=3)
OURS = ["L.re", "L.im", "R.re", "R.im"]
THEIRS = ["L.re", "R.re", "L.im", "R.im"]
KEPT = 119_808 / (128 * 1024)  # of a pass: 5,120 samples at either end are trimmed


def released(net: TfcTdfV1UNet) -> dict[str, Tensor]:
    """The state dict of a network, in its published form."""

    def theirs(name: str) -> str:
        name = re.sub(
            r"^(ups|decoders)\.(\d)", lambda found: f"{found[1]}.{1 - int(found[2])}", name
        )
        for ours, original in (
            ("first.", "first_conv."), ("last.", "last_conv.0."), ("middle.", "mid_block."),
            ("downs.", "downsamplings."), ("ups.", "upsamplings."), (".tfc.", ".tfc.H."),
            (".tdf.", ".tif.tif."),
        ):  # fmt: skip
            name = name.replace(ours, original)
        return f"spec2spec.{name}"

    state = {theirs(name): value for name, value in net.state_dict().items()}
    order = [OURS.index(channel) for channel in THEIRS]
    name = "spec2spec.first_conv.0.weight"
    state[name] = state[name][:, order]
    for part in ("weight", "bias"):
        name = f"spec2spec.last_conv.0.{part}"
        state[name] = state[name][order]
    return {**state, "stft.stft.window": torch.hann_window(64)}


def test_the_published_cost() -> None:
    gmacs = gmacs_per_second("tfc_tdf_v1", "large", used=KEPT)
    assert 4 * gmacs == pytest.approx(99.3, rel=0.01)


def test_a_released_checkpoint_is_the_network() -> None:
    net = randomise(TfcTdfV1UNet(SMALL), seed=0)
    found = network_of(released(net), "vocals.ckpt", "tfc_tdf_v1", SMALL)
    assert all(torch.equal(a, b) for a, b in zip(found.parameters(), net.parameters(), strict=True))
    mix = torch.randn(1, 4, 33, 8, generator=torch.manual_seed(1))
    with torch.no_grad():
        assert torch.equal(found(mix), net(mix))


def test_another_size_is_named() -> None:
    state = released(randomise(TfcTdfV1UNet(SMALL), seed=0))
    with pytest.raises(WeightsError, match=r"got TFC-TDF-U-Net v1 of dim_f 33, n_blocks 5"):
        network_of(state, "vocals.ckpt", "tfc_tdf_v1")
