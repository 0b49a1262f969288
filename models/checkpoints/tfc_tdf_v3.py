"""TFC-TDF-U-Net v3's released checkpoints, and the UVR community's of that class (MDX23C)."""

import re

import torch

from models.checkpoints.names import count, renamed
from models.checkpoints.read import State, size
from models.tfc_tdf_v3 import TfcTdfV3Spec

MARKS = (
    "encoder_blocks.0.tfc_tdf.blocks.0.tfc1.2.weight",
    "bottleneck_block.blocks.0.shortcut.weight",
    "final_conv.2.weight",
)
# Instance and group norms have the same weights, activations none.
UNTOLD = ("norm", "activation")
PARTS = TfcTdfV3Spec.channels  # real and imaginary parts of left and right
LEVEL = "encoder_blocks.0."
BLOCK = f"{LEVEL}tfc_tdf.blocks.0."
NAMES = (
    (r"^first_conv\.", "first."),
    (r"^final_conv\.", "last."),
    (r"^bottleneck_block\.blocks\.", "middle."),
    (r"^encoder_blocks\.(\d+)\.tfc_tdf\.blocks\.", r"encoders.\1."),
    (r"^encoder_blocks\.(\d+)\.downscale\.conv\.", r"downs.\1."),
    # Two linear layers, each behind its norm and activation, are one sequence there.
    (r"\.tdf\.([02])\.", r".tdf.0.\1."),
    (r"\.tdf\.3\.", ".tdf.1.0."),
    (r"\.tdf\.5\.", ".tdf.1.2."),
)


def spec_of(state: State) -> TfcTdfV3Spec:
    """The size of a checkpoint; values that it does not determine are assumed as published.

    Raises ConfigError for a size that no network can have.
    """
    usual = TfcTdfV3Spec()
    width = size(state, "first_conv.weight", 0, usual.width)
    subbands = max(1, size(state, "first_conv.weight", 1, PARTS * usual.subbands) // PARTS)
    bins = size(state, f"{BLOCK}tdf.2.weight", 1, usual.dim_f // usual.subbands)
    units = size(state, f"{BLOCK}tdf.2.weight", 0, bins // usual.bottleneck)
    down = f"{LEVEL}downscale.conv.2.weight"
    outputs = size(state, "final_conv.2.weight", 0, usual.sources * PARTS * subbands)
    return TfcTdfV3Spec(
        dim_f=bins * subbands,
        n_blocks=2 * _levels(state) + 1,
        n_layers=count(state, rf"^{re.escape(LEVEL)}tfc_tdf\.blocks\.(\d+)\."),
        growth=size(state, down, 0, width + usual.growth) - width,
        bottleneck=bins // max(1, units),
        width=width,
        subbands=subbands,
        norm="batch" if f"{BLOCK}tfc1.0.running_mean" in state else usual.norm,
        strides=(max(1, size(state, down, 2, 2)), max(1, size(state, down, 3, 2))),
        sources=max(1, outputs // (PARTS * subbands)),
    )


def weights_of(state: State) -> State:
    """The network's weights, with levels in our order; released ones have no scale."""
    levels = _levels(state)
    return {"scale": torch.ones(())} | {_name(name, levels): value for name, value in state.items()}


def _levels(state: State) -> int:
    return count(state, r"^encoder_blocks\.(\d+)\.")


def _name(name: str, levels: int) -> str:
    def outwards(found: re.Match[str]) -> str:
        """The name of a decoder level, counted from the outermost one."""
        kind = "ups" if found[2] == "upscale.conv" else "decoders"
        return f"{kind}.{levels - 1 - int(found[1])}."

    decoder = r"^decoder_blocks\.(\d{1,9})\.(upscale\.conv|tfc_tdf\.blocks)\."
    name = re.sub(decoder, outwards, name)
    return renamed(name, NAMES)
