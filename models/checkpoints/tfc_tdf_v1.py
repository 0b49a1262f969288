"""TFC-TDF-U-Net v1's released checkpoint of the vocals, in the names of its later code.

They order complex channels L.re, R.re, L.im, R.im, and decoders from the innermost outwards.
"""

import re

from models.checkpoints.lasaft import reordered
from models.checkpoints.names import count, renamed
from models.checkpoints.read import State, size
from models.tfc_tdf_v1 import TfcTdfV1Spec

MARKS = (
    "spec2spec.first_conv.0.weight",
    "spec2spec.mid_block.tif.tif.0.weight",
    "spec2spec.last_conv.0.weight",
)
PREFIX = "spec2spec."
NAMES = (
    (r"^first_conv\.", "first."),
    (r"^last_conv\.0\.", "last."),
    (r"^mid_block\.", "middle."),
    (r"^downsamplings\.", "downs."),
    (r"\.tfc\.H\.", ".tfc."),
    (r"\.tif\.tif\.", ".tdf."),
)


def spec_of(state: State) -> TfcTdfV1Spec:
    """The size of a checkpoint; values that it does not determine are assumed as published."""
    usual = TfcTdfV1Spec()
    bins = size(state, f"{PREFIX}encoders.0.tif.tif.0.weight", 1, usual.dim_f - 1)
    return TfcTdfV1Spec(
        dim_f=bins + 1,
        n_blocks=2 * _levels(state) + 1,
        n_layers=count(state, r"mid_block\.tfc\.H\.(\d+)"),
        growth=size(state, f"{PREFIX}first_conv.0.weight", 0, usual.growth),
    )


def weights_of(state: State) -> State:
    """The network's weights, with complex channels and levels in our order."""
    levels = _levels(state)
    return {
        _name(name.removeprefix(PREFIX), levels): reordered(name, value)
        for name, value in state.items()
        if not name.startswith("stft.")
    }


def _levels(state: State) -> int:
    return count(state, r"^spec2spec\.encoders\.(\d+)\.")


def _name(name: str, levels: int) -> str:
    def outwards(found: re.Match[str]) -> str:
        """The name of a decoder level, counted from the outermost one."""
        kind = {"upsamplings": "ups", "decoders": "decoders"}[found[1]]
        return f"{kind}.{levels - 1 - int(found[2])}."

    name = re.sub(r"^(upsamplings|decoders)\.(\d+)\.", outwards, name)
    return renamed(name, NAMES)
