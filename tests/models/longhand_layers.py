"""Layers from a state dict, implemented with functions and loops instead of torch's modules."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional


class Layers:
    """The layers of a network by their names in its state dict."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        self.state = dict(state)

    def norm(self, x: Tensor, name: str, *, axis: int = 1, eps: float = 1e-5) -> Tensor:
        """BatchNorm in evaluation mode, for any number of axes."""
        shape = [-1 if index == axis % x.ndim else 1 for index in range(x.ndim)]
        mean, variance = (
            self.state[f"{name}.running_{part}"].reshape(shape) for part in ("mean", "var")
        )
        x = (x - mean) / torch.sqrt(variance + eps)
        if f"{name}.weight" not in self.state:
            return x
        weight, bias = (self.state[f"{name}.{part}"].reshape(shape) for part in ("weight", "bias"))
        return x * weight + bias

    def linear(self, x: Tensor, name: str) -> Tensor:
        """A linear layer, with its bias if it has one."""
        bias = self.state.get(f"{name}.bias")
        x = x @ self.state[f"{name}.weight"].T
        return x if bias is None else x + bias

    def conv(self, x: Tensor, name: str, *, dilation: int = 1, pad: bool = True) -> Tensor:
        """A convolution, padded to keep the size unless `pad` is false."""
        weight = self.state[f"{name}.weight"]
        if pad:
            sizes = [(size - 1) * dilation for size in weight.shape[2:]]
            sides = [(size // 2, size - size // 2) for size in sizes]
            x = functional.pad(x, (*sides[1], *sides[0]))
        return functional.conv2d(x, weight, self.state.get(f"{name}.bias"), dilation=dilation)

    def lstm(self, x: Tensor, name: str, *, layers: int) -> Tensor:
        """A bidirectional LSTM, step by step. Shape: (steps, batch, width) -> (.., 2 * hidden)."""
        for layer in range(layers):
            ways = []
            for way in ("", "_reverse"):
                steps = x.flip(0) if way else x
                out = torch.stack(self._one_way(steps, f"{name}.{{}}_l{layer}{way}"))
                ways.append(out.flip(0) if way else out)
            x = torch.cat(ways, dim=-1)
        return x

    def _one_way(self, steps: Tensor, name: str) -> list[Tensor]:
        inputs, states, *biases = (
            self.state[name.format(part)]
            for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        hidden = steps.new_zeros(steps.shape[1], states.shape[1])
        cell = torch.zeros_like(hidden)
        out = []
        for step in steps:
            gates = step @ inputs.T + hidden @ states.T + biases[0] + biases[1]
            enter, forget, new, leave = gates.chunk(4, dim=-1)
            cell = forget.sigmoid() * cell + enter.sigmoid() * new.tanh()
            hidden = leave.sigmoid() * cell.tanh()
            out.append(hidden)
        return out
