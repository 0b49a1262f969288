"""LaSAFT's released checkpoints, of which we take the weights alone: names below ours' prefix.

They order complex channels L.re, R.re, L.im, R.im, ours L.re, L.im, R.re, R.im.
"""

import re

from torch import Tensor

from models.checkpoints.names import count
from models.checkpoints.read import State, size
from models.lasaft import LasaftSpec

MARKS = (
    "conditional_spec2spec.embedding.weight",
    "conditional_spec2spec.mid_block.keys",
    "conditional_spec2spec.last_conv.0.weight",
)
PREFIX = "conditional_spec2spec."
ORDER = [0, 2, 1, 3]  # of our channels in theirs, which is also the inverse


def spec_of(state: State) -> LasaftSpec:
    """The size of a checkpoint; values that it does not determine are assumed as published."""
    usual = LasaftSpec()
    bins = size(state, f"{PREFIX}encoders.0.tdfs.tdf.0.weight", 1, usual.dim_f - 1)
    return LasaftSpec(
        dim_f=bins + 1,
        n_blocks=2 * count(state, r"\.encoders\.(\d+)\.") + 1,
        embedding=size(state, f"{PREFIX}embedding.weight", 1, usual.embedding),
        n_layers=count(state, r"mid_block\.tfc\.H\.(\d+)"),
        growth=size(state, f"{PREFIX}first_conv.0.weight", 0, usual.growth),
        latents=size(state, f"{PREFIX}mid_block.keys", 1, usual.latents),
        keys=size(state, f"{PREFIX}mid_block.keys", 0, usual.keys),
    )


def weights_of(state: State) -> State:
    """The network's weights, with the complex channels in our order."""
    return {
        name.removeprefix(PREFIX): reordered(name, value)
        for name, value in state.items()
        if not name.startswith("stft.")
    }


def reordered(name: str, value: Tensor) -> Tensor:
    """A weight of the first or last layer with its channels in our order; other weights unchanged.

    Shape: (outputs, inputs, ...), or (outputs,) for a bias -> the same
    """
    if re.search(r"(^|\.)first_conv\.0\.weight$", name):
        return value[:, ORDER]
    return value[ORDER] if re.search(r"(^|\.)last_conv\.0\.\w+$", name) else value
