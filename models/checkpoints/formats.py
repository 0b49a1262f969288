"""The released formats by architecture: how to recognise and how to read them."""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from models.checkpoints import d3net, lasaft, open_unmix, resunet, tfc_tdf_v1, tfc_tdf_v3, x_umx
from models.checkpoints.read import State


@dataclass(frozen=True)
class Format:
    """The published format of one architecture."""

    marks: tuple[str, ...]  # ends of names that identify its files, all of them required
    spec_of: Callable[[State], Any]  # the size of a checkpoint
    weights_of: Callable[[State], State]  # its weights with our names and layouts
    untold: tuple[str, ...] = ()  # parts of a size that no weight determines: assumed as published


def _format(module: ModuleType) -> Format:
    return Format(module.MARKS, module.spec_of, module.weights_of, getattr(module, "UNTOLD", ()))


FORMATS = {
    "open_unmix": _format(open_unmix),
    "x_umx": _format(x_umx),
    "d3net": _format(d3net),
    "resunet_decouple": _format(resunet),
    "lasaft": _format(lasaft),
    "tfc_tdf_v1": _format(tfc_tdf_v1),
    "tfc_tdf_v3": _format(tfc_tdf_v3),
}
DEMUCS_V2 = "Demucs-v2"
# Other systems' files, by ends of names, for errors that name the system.
OTHERS = {
    DEMUCS_V2: ("encoder.0.0.weight", "lstm.linear.weight"),
    "D3Net in tky823's implementation": (".d3block.net.0.net.0.conv2d.weight",),
    "BS-Roformer or Mel-Band Roformer": ("band_split.to_features.0.0.gamma",),
    "Hybrid Demucs or HTDemucs": ("tencoder.0.conv.weight",),
    "MMDenseNet or MMDenseLSTM": ("net.full.encoder.net.0.dense_block.net.0.conv2d.weight",),
}


def architecture_of(state: State) -> str | None:
    """The key of ARCHITECTURES that a checkpoint's names belong to, or None."""
    return next((name for name, known in FORMATS.items() if _has(state, known.marks)), None)


def is_demucs_v2(state: State) -> bool:
    """Whether a checkpoint is Demucs-v2's, whose network has its own exporter."""
    return _has(state, OTHERS[DEMUCS_V2])


def other_system(state: State) -> str | None:
    """The title of a system of OTHERS that a checkpoint's names belong to, or None."""
    return next((title for title, marks in OTHERS.items() if _has(state, marks)), None)


def _has(state: State, marks: tuple[str, ...]) -> bool:
    return all(any(name.endswith(mark) for name in state) for mark in marks)
