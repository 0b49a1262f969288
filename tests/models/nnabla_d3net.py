"""D3Net with the names and steps of the released files, in functions instead of modules.

Parameters are created where they are first used, as in nnabla, and are the content of a file.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import functional

from models.d3net import D3NetSpec
from models.d3net_blocks import BandSpec


class Nnabla:
    """Parameters by the scopes in which they are used: stored in float32, used in float64."""

    def __init__(self, source: str) -> None:
        self.parameters: dict[str, Tensor] = {}
        self._scopes = [source]
        self._generator = torch.Generator().manual_seed(sum(source.encode()))

    @contextmanager
    def scope(self, *names: str) -> Iterator[None]:
        self._scopes += names
        yield
        del self._scopes[-len(names) :]

    def get(self, name: str, *shape: int, low: float = -0.5, high: float = 0.5) -> Tensor:
        whole = "/".join([*self._scopes, name])
        if whole not in self.parameters:
            values = torch.rand(shape, generator=self._generator)
            self.parameters[whole] = low + (high - low) * values
        return self.parameters[whole].double()

    def conv(self, x: Tensor, outputs: int, kernel: int, dilation: int = 1) -> Tensor:
        with self.scope("conv"):
            weight = self.get("W", outputs, x.shape[1], kernel, kernel)
            bias = self.get("b", outputs)
        pad = kernel // 2 * dilation
        return functional.conv2d(x, weight, bias, padding=pad, dilation=dilation)

    def norm(self, x: Tensor) -> Tensor:
        with self.scope("bn"):
            beta, mean = (self.get(name, 1, x.shape[1], 1, 1) for name in ("beta", "mean"))
            gamma, var = (
                self.get(name, 1, x.shape[1], 1, 1, low=0.5, high=1.5) for name in ("gamma", "var")
            )
        return (x - mean) / torch.sqrt(var + 1e-5) * gamma + beta

    def unit(self, x: Tensor, outputs: int, dilation: int = 1) -> Tensor:
        with self.scope("bottleneck"):
            with self.scope("norm1"):
                x = self.norm(x).relu()
            with self.scope("conv1"):
                return self.conv(x, outputs, 3, dilation)

    def dense(self, x: Tensor, growth: int, layers: int) -> Tensor:
        with self.scope("initial_layer"):
            groups = list(torch.split(self.unit(x, growth * layers), growth, dim=1))
        for index in range(1, layers):
            with self.scope("layers", f"layer{index}"):
                made = self.unit(groups[index - 1], growth * (layers - index), 2**index)
            for later, part in enumerate(torch.split(made, growth, dim=1), start=index):
                groups[later] = groups[later] + part
        return groups[-1]

    def nested(self, x: Tensor, growth: int, layers: int, parts: int) -> Tensor:
        with self.scope("initial_block"):
            groups = list(torch.split(self.dense(x, growth * parts, layers), growth, dim=1))
        for index in range(1, parts):
            with self.scope("layers", f"layer{index}"):
                made = self.dense(groups[index - 1], growth * (parts - index), layers)
            for later, part in enumerate(torch.split(made, growth, dim=1), start=index):
                groups[later] = groups[later] + part
        return groups[-1]

    def band(self, x: Tensor, spec: BandSpec, first: Sequence[str], name: Sequence[str]) -> Tensor:
        with self.scope(*first):
            x = self.conv(x, spec.features, 3)
        blocks = [*zip(spec.growth, spec.layers, strict=True)]
        inside = len(blocks) // 2
        skips = []
        for index in range(inside):
            with self.scope(*name, "ds_layers", f"dense_block{index}"):
                x = self.nested(x, *blocks[index], spec.parts)
            skips.append(x)
            x = functional.avg_pool2d(x, 2)
        with self.scope(*name, "bottleneck_block"):
            x = self.nested(x, *blocks[inside], spec.parts)
        for index in range(inside):
            with self.scope(*name, "us_layers", f"upsample{index}", "upsample"):
                with self.scope("norm"):
                    x = self.norm(x)
                with self.scope("transconv", "deconv"):
                    weight = self.get("W", x.shape[1], x.shape[1], 2, 2)
                    x = functional.conv_transpose2d(x, weight, self.get("b", x.shape[1]), stride=2)
            x = torch.cat([x, skips.pop()], dim=1)
            with self.scope(*name, "us_layers", f"dense_block{inside + 1 + index}"):
                x = self.nested(x, *blocks[inside + 1 + index], spec.parts)
        return x

    def network(self, mix: Tensor, spec: D3NetSpec) -> Tensor:
        """Shape: (batch, T, 2, dim_f) -> the same, as in the original."""
        offset = self.get("in_offset", 1, 1, 1, spec.dim_f)
        scale = self.get("in_scale", 1, 1, 1, spec.dim_f, low=0.5, high=1.5)
        whole = mix.transpose(1, 2)
        x = (whole - offset) / scale
        low = self.band(x[..., : spec.split], spec.low, ("features_init", "0"), ("dense_band", "0"))
        middle = self.band(
            x[..., spec.split : spec.bins], spec.middle, ("features_init", "1"), ("dense_band", "1")
        )
        with self.scope("match_fm_conv", "1"):
            with self.scope("norm"):
                middle = self.norm(middle)
            with self.scope("conv"):
                middle = self.conv(middle, low.shape[1], 1)
        full = self.band(x[..., : spec.bins], spec.full, ("features_init_full",), ("dense_full",))
        x = torch.cat([torch.cat([low, middle], dim=3), full], dim=1)
        with self.scope("final_dense"):
            x = self.dense(x, spec.final_growth, spec.final_layers)
        with self.scope("out_gate"):
            with self.scope("bn"):
                x = self.norm(x)
            with self.scope("conv_gate", "conv"):
                gate = self.conv(x, spec.channels, 1).sigmoid()
            with self.scope("conv_filt", "conv"):
                x = gate * self.conv(x, spec.channels, 1)
        x = x * self.get("decode_scale", 1, 1, 1, spec.bins, low=0.5, high=1.5)
        x = (x + self.get("decode_bias", 1, 1, 1, spec.bins)).relu()
        return torch.cat([x, whole[..., spec.bins :]], dim=3).transpose(1, 2)
