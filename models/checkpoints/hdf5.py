"""Reads nnabla's HDF5 files as tensors by name."""

from pathlib import Path

import numpy as np
import torch

from mdx.errors import WeightsError
from models.checkpoints.read import State

EXPECTED = "an HDF5 file of nnabla: arrays of numbers by name"
SIGNATURE = b"\x89HDF\r\n\x1a\n"


def read_hdf5(path: Path) -> State:
    """Read the arrays of a file by their whole names, with "/" between scopes, in float32.

    Raises WeightsError for anything else, and where h5py is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise WeightsError(
            path, got="no h5py", expected="it for an HDF5 file", hint="pip install -e '.[convert]'"
        ) from error
    state: State = {}

    def keep(name: str, found: object) -> None:
        """Store an array as a tensor; raises WeightsError if it does not contain numbers."""
        if isinstance(found, h5py.Dataset):
            if found.dtype.kind not in "fiu":
                raise WeightsError(path, got=f"'{name}' of {found.dtype}", expected=EXPECTED)
            state[name] = torch.from_numpy(np.asarray(found[()], dtype=np.float32))

    try:
        with h5py.File(path, "r") as file:
            file.visititems(keep)
    except (OSError, RuntimeError, KeyError, ValueError) as error:  # depending on the damage
        raise WeightsError(path, got=" ".join(str(error).split()), expected=EXPECTED) from error
    if not state:
        raise WeightsError(path, got="an empty file", expected=EXPECTED)
    return state


def is_hdf5(path: Path) -> bool:
    """Whether a file begins like an HDF5 file."""
    with path.open("rb") as file:
        return file.read(len(SIGNATURE)) == SIGNATURE
