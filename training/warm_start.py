"""Weights for a warm start: those of the best network, as trained."""

import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from mdx.errors import ConfigError, WeightsError
from mdx.files import write_atomically

SCALE = "training.scale"  # the standard deviation of spectra, by which the module divides
Arrays = Mapping[str, npt.NDArray[Any]]
# What a damaged or a foreign file raises; RuntimeError: an encrypted or unknown kind of zip.
DAMAGE = (
    OSError, ValueError, TypeError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error
)  # fmt: skip


def state_name(name: str) -> str:
    """The file of weights for a warm start, next to a network `<source>.onnx`."""
    return str(Path(name).with_suffix(".state.npz"))


def write_state(path: Path, network: nn.Module, scale: float) -> None:
    """Write the float32 weights of a network in training, and its scale; raises OutputError."""
    arrays = {name: value.cpu().numpy() for name, value in network.state_dict().items()}
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays, **{SCALE: np.float32(scale)})
    write_atomically(path, content.getvalue(), durable=True)


def read_state(path: Path, network: nn.Module) -> tuple[Mapping[str, Tensor], float]:
    """Read weights for a network, and the scale with which they were trained.

    Raises WeightsError for a file that cannot be read, ConfigError for a network of another size.
    Shape: those of the network's weights
    """
    try:
        with path.open("rb") as content, np.load(content, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
            scale = float(arrays.pop(SCALE))
            weights = {name: torch.from_numpy(value) for name, value in arrays.items()}
    except DAMAGE as error:
        raise WeightsError(
            path, got=f"{type(error).__name__}: {error}",
            expected="the .state.npz that a training left beside its network",
        ) from error  # fmt: skip
    _check_sizes(path, arrays, network)
    return weights, scale


def _check_sizes(path: Path, arrays: Arrays, network: nn.Module) -> None:
    wanted = network.state_dict()
    for name in sorted({*wanted, *arrays}):
        got = list(arrays[name].shape) if name in arrays else "no such weights"
        expected = list(wanted[name].shape) if name in wanted else "no such weights"
        if got != expected:
            raise ConfigError(
                path, got=f"{name}: {got}", expected=expected,
                hint="start from weights of the size that the configuration has",
            )  # fmt: skip
