"""Converts a released checkpoint to the ONNX graph of its system."""

from pathlib import Path

from mdx.errors import WeightsError
from models.architectures import ARCHITECTURES
from models.checkpoints.demucs import demucs_of
from models.checkpoints.formats import (
    DEMUCS_V2,
    FORMATS,
    architecture_of,
    is_demucs_v2,
    other_system,
)
from models.checkpoints.hdf5 import is_hdf5, read_hdf5
from models.checkpoints.load import network_of
from models.checkpoints.read import State, read_checkpoint
from models.demucs_v2.export import export_demucs
from models.export import export_network


def convert_checkpoint(checkpoint: Path, target: Path, *, source: str | None = None) -> float:
    """Write the graph of a checkpoint of Demucs-v2 or in one of FORMATS, known by its names.

    `source` is which of a file's networks is meant, where it holds several under their sources.
    Returns the relative error of onnxruntime against torch.
    Raises WeightsError for anything but a whole checkpoint of the architecture in a published size;
    NetworkError where the two differ too much; OSError where the file cannot be written.
    """
    state = _of_source(read_state(checkpoint), checkpoint, source)
    if is_demucs_v2(state):
        return export_demucs(demucs_of(state, checkpoint), target)
    architecture = architecture_of(state)
    if architecture is None:
        known = ", ".join([DEMUCS_V2, *(ARCHITECTURES[name].title for name in FORMATS)])
        got = other_system(state) or "a checkpoint of another system"
        raise WeightsError(checkpoint, got=got, expected=known)
    net = network_of(state, checkpoint, architecture)
    contract = ARCHITECTURES[architecture]
    shape = contract.input_shape(net.spec)
    return export_network(net, target, shape=shape, dynamic=contract.dynamic)


def read_state(checkpoint: Path) -> State:
    """Read a file of torch or nnabla as tensors by name.

    Raises WeightsError where it is neither.
    """
    try:
        nnabla = is_hdf5(checkpoint)
    except OSError as no:
        raise WeightsError(checkpoint, got=no.strerror, expected="a readable file") from no
    return read_hdf5(checkpoint) if nnabla else read_checkpoint(checkpoint)


def _of_source(state: State, checkpoint: Path, source: str | None) -> State:
    # nnabla's names begin with the scope of the network, which is its source.
    scopes = sorted({name.split("/")[0] for name in state if "/" in name})
    if source is None and len(scopes) <= 1:
        return state
    if source not in scopes:
        found = f"networks of {', '.join(scopes)}" if scopes else "one network without a name"
        raise WeightsError(checkpoint, got=found, expected=source or "to be told which of them")
    return {name: value for name, value in state.items() if name.startswith(f"{source}/")}
