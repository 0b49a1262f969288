"""MDX23C in its original form: a YAML and a state dict with the original names.

Implemented in plain torch from those names alone, independently of our network.
"""

import copy
import json
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor
from torch.nn import functional

from models.describe.mdx23c import tail_hash
from tests.published import on_spectra

State = dict[str, Tensor]

YAML = "model_2_stem_full_band_8k.yaml"

CONFIG: dict[str, Any] = {
    "audio": {
        "chunk_size": 240, "dim_f": 32, "dim_t": 16, "hop_length": 16, "min_mean_abs": 0.001,
        "n_fft": 64, "num_channels": 2, "sample_rate": 44100,
    },
    "model": {
        "act": "gelu", "bottleneck_factor": 2, "growth": 2, "norm": "InstanceNorm",
        "num_blocks_per_scale": 2, "num_channels": 4, "num_scales": 2, "num_subbands": 2,
        "scale": [2, 2],
    },
    "training": {
        "batch_size": 6, "instruments": ["Vocals", "Instrumental"], "lr": 1e-5,
        "target_instrument": None,
    },
    "inference": {"batch_size": 1, "dim_t": 16, "num_overlap": 4},
}  # fmt: skip


def config(**changes: Any) -> dict[str, Any]:
    """The values of the YAML, with changes by `section__key`."""
    values = copy.deepcopy(CONFIG)
    for name, value in changes.items():
        section, key = name.split("__")
        values[section][key] = value
    return values


class Original:
    """The original network, with its weights by name."""

    def __init__(self, values: dict[str, Any], *, seed: int = 0) -> None:
        """Weights are random, created in the first call and kept."""
        self._values, self._random = values, torch.manual_seed(seed)
        self.state: State = {}
        training = values["training"]
        self.sources = 1 if training["target_instrument"] else len(training["instruments"])
        self(torch.zeros(1, 2, values["audio"]["hop_length"] * (values["inference"]["dim_t"] - 1)))

    def __call__(self, mix: Tensor) -> Tensor:
        """Shape: (1, 2, chunk) -> (1, sources, 2, chunk)."""
        audio = self._values["audio"]
        return on_spectra(self.network, audio["n_fft"], audio["hop_length"], audio["dim_f"])(mix)

    def network(self, x: Tensor) -> Tensor:
        """Shape: (1, 4, F, T) -> (1, sources * 4, F, T)."""
        model = self._values["model"]
        bands, width, growth = model["num_subbands"], model["num_channels"], model["growth"]
        batch, channels, dim_f, frames = x.shape
        inputs = channels * bands
        mix = x.reshape(batch, inputs, dim_f // bands, frames)
        first = self._conv("first_conv", mix, width)
        y, skips = first.transpose(-1, -2), []
        for level in range(model["num_scales"]):
            y = self._blocks(f"encoder_blocks.{level}.tfc_tdf", y, width)
            skips.append(y)
            width += growth
            y = self._scaled(f"encoder_blocks.{level}.downscale", y, width)
        y = self._blocks("bottleneck_block", y, width)
        for level in range(model["num_scales"]):
            width -= growth
            y = self._scaled(f"decoder_blocks.{level}.upscale", y, width, up=True)
            y = torch.cat([y, skips.pop()], dim=1)
            y = self._blocks(f"decoder_blocks.{level}.tfc_tdf", y, width)
        y = torch.cat([mix, y.transpose(-1, -2) * first], dim=1)
        y = self._activate(self._conv("final_conv.0", y, width))
        y = self._conv("final_conv.2", y, self.sources * inputs)
        return y.reshape(batch, self.sources * channels, dim_f, frames)

    def _blocks(self, name: str, x: Tensor, width: int) -> Tensor:
        for index in range(self._values["model"]["num_blocks_per_scale"]):
            x = self._block(f"{name}.blocks.{index}", x, width)
        return x

    def _block(self, name: str, x: Tensor, width: int) -> Tensor:
        units = x.shape[-1] // self._values["model"]["bottleneck_factor"]
        y = self._conv(f"{name}.tfc1.2", self._normed(f"{name}.tfc1.0", x), width, 3)
        z = self._normed(f"{name}.tdf.0", y)
        z = z @ self._weight(f"{name}.tdf.2.weight", units, y.shape[-1]).T
        z = self._normed(f"{name}.tdf.3", z)
        y = y + z @ self._weight(f"{name}.tdf.5.weight", y.shape[-1], units).T
        y = self._conv(f"{name}.tfc2.2", self._normed(f"{name}.tfc2.0", y), width, 3)
        return y + self._conv(f"{name}.shortcut", x, width)

    def _scaled(self, name: str, x: Tensor, width: int, *, up: bool = False) -> Tensor:
        scale = self._values["model"]["scale"]
        x = self._normed(f"{name}.conv.0", x)
        if up:
            weight = self._weight(f"{name}.conv.2.weight", x.shape[1], width, *scale)
            return functional.conv_transpose2d(x, weight, stride=scale)
        weight = self._weight(f"{name}.conv.2.weight", width, x.shape[1], *scale)
        return functional.conv2d(x, weight, stride=scale)

    def _conv(self, name: str, x: Tensor, width: int, size: int = 1) -> Tensor:
        weight = self._weight(f"{name}.weight", width, x.shape[1], size, size)
        return functional.conv2d(x, weight, padding=size // 2)

    def _normed(self, name: str, x: Tensor) -> Tensor:
        kind, channels = self._values["model"]["norm"], x.shape[1]
        weight = self._weight(f"{name}.weight", channels)
        bias = self._weight(f"{name}.bias", channels)
        if kind == "BatchNorm":
            mean = self._weight(f"{name}.running_mean", channels)
            variance = self.state.setdefault(f"{name}.running_var", 1 + weight.abs())
            self.state[f"{name}.num_batches_tracked"] = torch.tensor(7)
            x = functional.batch_norm(x, mean, variance, weight, bias)
        elif kind == "InstanceNorm":
            x = functional.instance_norm(x, weight=weight, bias=bias)
        else:
            groups = int(kind.removeprefix("GroupNorm"))
            x = functional.group_norm(x, groups, weight, bias)
        return self._activate(x)

    def _activate(self, x: Tensor) -> Tensor:
        kind = self._values["model"]["act"]
        if kind.startswith("elu"):
            return functional.elu(x, float(kind.removeprefix("elu")))
        return functional.relu(x) if kind == "relu" else functional.gelu(x)

    def _weight(self, name: str, *shape: int) -> Tensor:
        if name not in self.state:
            # Scaled to preserve the signal's level; random norms make every weight matter.
            scale = 0.5 if len(shape) == 1 else torch.tensor(shape[1:]).prod() ** -0.5
            self.state[name] = scale * torch.randn(*shape, generator=self._random)
        return self.state[name]


def lay_out(folder: Path, values: dict[str, Any], *, seed: int = 0) -> tuple[Original, list[str]]:
    """Write a checkpoint and UVR's registry with its YAML; returns the options for them."""
    original = Original(values, seed=seed)
    torch.save(original.state, folder / "x.ckpt")
    (folder / "mdx_c_configs").mkdir()
    (folder / "mdx_c_configs" / YAML).write_text(yaml.safe_dump(values))
    records = {tail_hash(folder / "x.ckpt"): {"config_yaml": YAML}}
    (folder / "model_data.json").write_text(json.dumps(records))
    return original, ["--model-data", str(folder / "model_data.json")]
