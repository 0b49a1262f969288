"""The released formats by architecture: how to tell them apart, and how to read them."""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from models.checkpoints import d3net, lasaft, open_unmix, resunet, tfc_tdf_v1, x_umx
from models.checkpoints.read import State


@dataclass(frozen=True)
class Format:
    """What a published file of one architecture looks like."""

    marks: tuple[str, ...]  # ends of names that only its files have, all of them
    spec_of: Callable[[State], Any]  # the size of a checkpoint
    weights_of: Callable[[State], State]  # its weights by the names and in the layouts of ours


def _format(module: ModuleType) -> Format:
    return Format(module.MARKS, module.spec_of, module.weights_of)


FORMATS = {
    "open_unmix": _format(open_unmix),
    "x_umx": _format(x_umx),
    "d3net": _format(d3net),
    "resunet_decouple": _format(resunet),
    "lasaft": _format(lasaft),
    "tfc_tdf_v1": _format(tfc_tdf_v1),
}


def architecture_of(state: State) -> str | None:
    """The key of ARCHITECTURES that a checkpoint's names belong to, or None."""
    for architecture, known in FORMATS.items():
        if all(any(name.endswith(mark) for name in state) for mark in known.marks):
            return architecture
    return None
