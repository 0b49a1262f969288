"""Losses by name, of the estimated and the true waveform."""

from collections.abc import Callable, Mapping

from torch import Tensor
from torch.nn import functional

LOSSES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": functional.l1_loss,  # the paper's
    "mse": functional.mse_loss,  # the released code's
}
