"""LSTMs for export: the exporter fixes the number of steps of torch's own layer."""

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

GATES = (0, 3, 1, 2)  # of an LSTM in ONNX (input, output, forget, cell) by their place in torch
DIRECTIONS = ("", "_reverse")  # ends of torch's names of weights
OPERATOR_VERSION = 14

Net = TypeVar("Net", bound=nn.Module)


def with_onnx_lstms(net: Net) -> Net:
    """A copy of a network whose LSTMs become ONNX's operator, for any number of steps.

    The copy is for torch.onnx.export only: run in torch, its LSTMs have no values.
    """
    net = copy.deepcopy(net)
    for name, module in list(net.named_modules()):
        if isinstance(module, nn.LSTM):
            net.set_submodule(name, OnnxLstm(module))
    return net


class OnnxLstm(nn.Module):
    """The layers of a bidirectional LSTM, each as one operator of ONNX.

    Shape: as for the LSTM, (steps, batch, width) or (batch, steps, width) -> the same with both
    directions' hidden units as width; the final states are not made.
    """

    def __init__(self, lstm: nn.LSTM) -> None:
        super().__init__()
        assert lstm.bidirectional and lstm.bias and not lstm.proj_size
        self.batch_first = lstm.batch_first
        self.hidden = lstm.hidden_size
        self.layers = nn.ModuleList(_Weights(lstm, layer) for layer in range(lstm.num_layers))

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """Shape: as for the LSTM."""
        if self.batch_first:
            x = x.transpose(0, 1)
        steps, batch, _ = x.shape
        for layer in self.layers:
            assert isinstance(layer, _Weights)
            (x,) = torch.onnx.ops.symbolic_multi_out(
                "LSTM",
                (x, layer.inputs, layer.states, layer.biases),
                {"hidden_size": self.hidden, "direction": "bidirectional"},
                dtypes=(x.dtype,),
                shapes=((steps, len(DIRECTIONS), batch, self.hidden),),
                version=OPERATOR_VERSION,
            )
            x = x.transpose(1, 2).flatten(2)
        return (x.transpose(0, 1) if self.batch_first else x), None


class _Weights(nn.Module):
    """Weights of one layer, as lstm_weights makes them."""

    inputs: Tensor
    states: Tensor
    biases: Tensor

    def __init__(self, lstm: nn.LSTM, layer: int) -> None:
        super().__init__()
        names = ("inputs", "states", "biases")
        for name, weight in zip(names, lstm_weights(lstm, layer), strict=True):
            self.register_buffer(name, weight)


def lstm_weights(lstm: nn.LSTM, layer: int) -> tuple[Tensor, Tensor, Tensor]:
    """The weights of one layer in the layout of ONNX: of the input, of the state, both biases.

    Gates are in ONNX's order, and both directions are in one tensor.

    Shape: (2, 4 * hidden, width), (2, 4 * hidden, hidden), (2, 8 * hidden)
    """

    def both(name: str) -> Tensor:
        """A weight with both directions and the gates in ONNX's order.

        Shape: (2, 4 * hidden, ...)
        """
        found = [getattr(lstm, f"{name}_l{layer}{way}").detach() for way in DIRECTIONS]
        gates = [weight.chunk(4)[gate] for weight in found for gate in GATES]
        return torch.stack(gates).reshape(2, -1, *found[0].shape[1:])

    biases = torch.cat([both("bias_ih"), both("bias_hh")], dim=1)
    return both("weight_ih"), both("weight_hh"), biases
