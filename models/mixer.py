"""The Mixer in torch: the counterpart of the runtime's matrix product, which training fits."""

import torch
from torch import Tensor, nn

INPUTS, OUTPUTS = 10, 8  # [bass, drums, other, vocals, mixture] x (L, R) -> the four stems


class Mixer(nn.Module):
    """A linear layer without bias on every sample; initially it passes the stems through.

    Source: paper, section 2.3; the released checkpoint has the same key, `linear.weight`.

    Shape: (batch, 10, samples) -> (batch, 8, samples).
    """

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(INPUTS, OUTPUTS, bias=False)
        with torch.no_grad():
            self.linear.weight.copy_(torch.eye(OUTPUTS, INPUTS))

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (batch, 10, samples) -> (batch, 8, samples)."""
        out: Tensor = self.linear(x.transpose(1, 2)).transpose(1, 2)
        return out
