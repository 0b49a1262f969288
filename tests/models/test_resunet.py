"""ResUNetDecouple+: published size and MACs, an independent implementation, export."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from mdx.errors import ConfigError, WeightsError
from models.checkpoints.load import network_of
from models.checkpoints.read import read_checkpoint
from models.random_weights import randomise
from models.resunet import ResUNetDecouple, ResUNetSpec
from tests.models.longhand_layers import Layers
from tests.models.network_checks import check_onnx, published_parameters, torch_macs

SMALL = ResUNetSpec(n_fft=1024, hop=441, widths=(3, 4, 5), middle=2)
SAMPLES = 3000  # 7 frames, which are padded to 8


class Original(Layers):
    """The network, with the names of the released weights and InPlaceABN's scale."""

    def abn(self, x: Tensor, name: str) -> Tensor:
        scaled = {**self.state, f"{name}.weight": self.state[f"{name}.weight"].abs() + 1e-5}
        return functional.leaky_relu(Layers(scaled).norm(x, name), 0.01)

    def residual(self, x: Tensor, name: str) -> Tensor:
        y = functional.leaky_relu(self.norm(x, f"{name}.bn1"), 0.01)
        y = self.conv(y, f"{name}.conv1")
        y = self.conv(self.abn(y, f"{name}.abn2"), f"{name}.conv2")
        if f"{name}.shortcut.weight" in self.state:
            x = self.conv(x, f"{name}.shortcut")
        return x + y

    def blocks(self, x: Tensor, name: str, first: int = 1) -> Tensor:
        for index in range(first, first + 4):
            x = self.residual(x, f"{name}.conv_block{index}")
        return x

    def unet(self, magnitude: Tensor) -> Tensor:
        frames = magnitude.shape[2]
        x = self.norm(magnitude, "bn0", axis=3)
        x = functional.pad(x, (0, 0, 0, -frames % 4))[..., :-1]
        skips = []
        for level, scale in enumerate([(2, 2), (2, 2), (1, 2)], start=1):
            x = self.blocks(x, f"encoder_block{level}")
            skips.append(x)
            x = functional.avg_pool2d(x, scale)
        for letter in "ab":
            x = self.blocks(x, f"conv_block7{letter}")
        for step, scale in enumerate([(1, 2), (2, 2), (2, 2)], start=1):
            name = f"decoder_block{step}"
            x = torch.relu(self.norm(x, f"{name}.bn1"))
            x = functional.conv_transpose2d(x, self.state[f"{name}.conv1.weight"], stride=scale)
            x = self.blocks(torch.cat([x, skips.pop()], dim=1), name, first=2)
        x = self.conv(self.blocks(x, "after_conv_block1"), "after_conv2")
        return functional.pad(x, (0, 1))[:, :, :frames]

    def network(self, mix: Tensor) -> Tensor:
        """The decoupled estimate, with complex numbers. Shape: (2, samples) -> the same."""
        window = torch.hann_window(1024, dtype=mix.dtype)
        mixture = torch.stft(mix, 1024, 441, window=window, return_complex=True).transpose(1, 2)
        magnitude = mixture.abs().clamp(min=1e-5)
        maps = self.unet(magnitude[None])[0].reshape(2, 4, *magnitude.shape[1:])
        turn = torch.complex(torch.tanh(maps[:, 1]), torch.tanh(maps[:, 2]))
        loud = torch.relu(magnitude * torch.sigmoid(maps[:, 0]) + maps[:, 3])
        estimate = loud * (mixture / magnitude) * (turn / turn.abs().clamp(min=1e-10))
        return torch.istft(estimate.transpose(1, 2), 1024, 441, window=window, length=mix.shape[1])


def released(net: nn.Module) -> dict[str, Tensor]:
    """A state dict in its published form, with InPlaceABN's scales of both signs."""
    generator = torch.manual_seed(5)

    def renamed() -> Iterator[tuple[str, Tensor]]:
        for name, value in net.state_dict().items():
            parts = name.split(".")
            first = 2 if parts[0] == "decoders" else 1
            if parts[0] in ("encoders", "decoders"):
                parts[:2] = [f"{parts[0][:-1]}_block{int(parts[1]) + 1}"]
            elif parts[0] == "middle":
                parts[:2] = [f"conv_block7{'ab'[int(parts[1])]}"]
            if "conv_blocks" in parts:
                where = parts.index("conv_blocks")
                parts[where : where + 2] = [f"conv_block{int(parts[where + 1]) + first}"]
            if parts[-2:] == ["abn2", "weight"]:
                value = value * torch.sign(torch.randn(len(value), generator=generator))
            yield ".".join(parts), value

    return {
        **dict(renamed()),
        "stft.conv_real.weight": torch.zeros(33, 1, 64),
        "istft.ola_window": torch.zeros(64),
    }


def test_the_published_size() -> None:
    assert published_parameters("resunet_decouple", "resunet_decouple") == 102_571_278


def test_the_published_cost() -> None:
    class Maps(nn.Module):  # the cost is published without the STFT
        def __init__(self) -> None:
            super().__init__()
            self.net = ResUNetDecouple(ResUNetSpec())

        def forward(self, magnitude: Tensor) -> Tensor:
            return self.net.maps(magnitude)

    with torch.device("meta"):
        net = Maps().eval()
    macs = torch_macs(net, (2, 3001, 1025))
    assert macs / 30 / 1e9 == pytest.approx(84.7, rel=0.01)


def test_released_weights_are_the_original_network(tmp_path: Path) -> None:
    state = released(randomise(ResUNetDecouple(SMALL), seed=0))
    assert any((value < 0).any() for name, value in state.items() if "abn2.weight" in name)
    path = tmp_path / "vocals.pth"
    torch.save({"iteration": 350000, "model": state}, path)
    net = network_of(read_checkpoint(path), path, "resunet_decouple", SMALL)
    mix = torch.randn(2, SAMPLES, generator=torch.manual_seed(1)) / 10
    doubled = {
        name: value.double() if value.is_floating_point() else value
        for name, value in state.items()
    }
    expected = Original(doubled).network(mix.double())
    with torch.no_grad():
        got = net(mix[None])
    assert got.shape == (1, 1, 2, SAMPLES)
    assert (got[0, 0] - expected).abs().max() < 1e-4 * expected.abs().max()


def test_later_code_s_plain_batchnorm_keeps_its_signs() -> None:
    state = released(randomise(ResUNetDecouple(SMALL), seed=0))
    later = {name.replace(".abn2.", ".bn2."): value for name, value in state.items()}
    net = network_of(later, "later.pth", "resunet_decouple", SMALL)
    name = "encoder_block1.conv_block1.abn2.weight"
    assert torch.equal(net.get_parameter("encoders.0.conv_blocks.0.abn2.weight"), state[name])


def test_silence_has_no_phase_and_no_nan() -> None:
    net = randomise(ResUNetDecouple(SMALL), seed=0)
    with torch.no_grad():
        assert not net(torch.zeros(1, 2, SAMPLES)).any()


def test_the_exported_graph_equals_torch(tmp_path: Path) -> None:
    tiny = ResUNetSpec(n_fft=64, hop=20, widths=(2, 2), middle=1)
    check_onnx(randomise(ResUNetDecouple(tiny), seed=2), tmp_path, (2, 210))


def test_another_size_and_missing_weights_are_named() -> None:
    state = released(randomise(ResUNetDecouple(SMALL), seed=0))
    with pytest.raises(
        WeightsError, match=r"got ResUNetDecouple\+ of n_fft 1024, .*\(3, 4, 5\), mid"
    ):
        network_of(state, "small.pth", "resunet_decouple")
    del state["conv_block7b.conv_block4.conv2.weight"]
    with pytest.raises(WeightsError, match=r"missing: middle\.1\.conv_blocks\.3\.conv2\.weight,"):
        network_of(state, "small.pth", "resunet_decouple", SMALL)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"widths": (32,)}, "two levels or more"),
        ({"n_fft": 2050}, "got n_fft 2050 with 6 levels"),
        ({"hop": 1025}, "at least twice the hop"),
    ],
)
def test_impossible_sizes_are_refused(sizes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ResUNetSpec(**sizes)
