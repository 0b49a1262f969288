"""Demucs-v2's released checkpoints: a network as wide as the first level of its weights."""

import torch

from models.checkpoints.formats import DEMUCS_V2
from models.checkpoints.load import check_names
from models.checkpoints.read import State
from models.demucs_v2.network import Demucs, DemucsSpec

WIDTH = "encoder.0.0.weight"  # its size is the channels of the first level


def demucs_of(state: State, where: object) -> Demucs:
    """The network of a state dict, as wide as its first level; the tensors become its weights.

    Raises WeightsError that lists missing and unexpected weights, and those of another shape.
    """
    spec = DemucsSpec()
    if WIDTH in state and state[WIDTH].ndim and len(state[WIDTH]):
        spec = DemucsSpec(channels=len(state[WIDTH]))
    with torch.device("meta"):
        net = Demucs(spec)
    check_names(state, net, where, f"{DEMUCS_V2} of {spec.channels} channels")
    net.load_state_dict(state, strict=True, assign=True)
    return net.eval()
