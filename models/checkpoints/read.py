"""Reads a released checkpoint as plain tensors, without running code of a pickle."""

import re
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mdx.errors import WeightsError

State = dict[str, Tensor]

PLAIN = "a checkpoint with a state dict: tensors of numbers by name"
WRAPPERS = ("state_dict", "model")  # keys that hold the weights of a checkpoint with other things


# Objects that training scripts stored in checkpoints besides the weights. NumPy's numbers are data;
# classes of other packages are replaced by a plain dict.
NAMES_ALLOWED: tuple[Any, ...] = (
    np.dtype,
    type(np.dtype(np.int64)),
    type(np.dtype(np.float64)),
    (np.int64(0).__reduce__()[0], "numpy.core.multiarray.scalar"),
    (np.int64(0).__reduce__()[0], "numpy._core.multiarray.scalar"),
    (OrderedDict, "pytorch_lightning.utilities.parsing.AttributeDict"),
    (OrderedDict, "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint"),
    (OrderedDict, "pytorch_lightning.callbacks.early_stopping.EarlyStopping"),
)


def read_checkpoint(path: Path) -> State:
    """Read the tensors of a torch checkpoint by name, in float32 where they are not counts.

    A state dict may be under one of WRAPPERS, and its names may begin with "module." as
    DataParallel writes them. Raises WeightsError for anything else.
    """
    content = _load(path)
    for wrapper in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
            break
    if not isinstance(content, dict | OrderedDict) or not content:
        raise WeightsError(path, got=_kind_of(content), expected=PLAIN)
    if isinstance(content.get("compressed"), bytes):
        raise WeightsError(
            path, got="weights quantised by DiffQ and compressed", expected=PLAIN,
            hint="fetch the weights that are not quantised",
        )  # fmt: skip
    others = [str(key) for key, value in content.items() if not _is_plain(key, value)]
    if others:
        raise WeightsError(path, got=listed(others), expected=PLAIN)
    return {
        key.removeprefix("module."): value.float() if value.is_floating_point() else value
        for key, value in content.items()
    }


LISTED = 20  # most names in one error


def listed(names: list[str]) -> str:
    """The first LISTED names, and how many more there are."""
    rest = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {rest} more" if rest > 0 else "")


def size(state: State, name: str, axis: int, usual: int) -> int:
    """An axis of a weight; `usual` where the checkpoint has no such weight or axis."""
    shape = state[name].shape if name in state else ()
    return shape[axis] if axis < len(shape) else usual


def _load(path: Path) -> object:
    try:
        with torch.serialization.safe_globals(list(NAMES_ALLOWED)):
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as no:
        raise WeightsError(path, got=no.strerror or str(no), expected="a readable file") from no
    except Exception as error:  # of a dozen classes, depending on the damage
        if isinstance(error, UnpicklingError) or "weights_only" in str(error):
            # Torch's message also advises running the pickle anyway.
            got = "a pickle of other things than tensors, which could run code"
            raise WeightsError(path, got=got, expected=PLAIN, hint="it was not run") from error
        # Torch's message also guesses why a file may be damaged.
        reason = re.split(r"\n|\. ", str(error).strip())[0] or repr(error)
        raise WeightsError(path, got=f"{type(error).__name__}: {reason}", expected=PLAIN) from error


def _kind_of(content: object) -> str:
    return "an empty dict" if content == {} else f"a {type(content).__name__}"


def _is_plain(key: object, value: object) -> bool:
    return (
        isinstance(key, str)
        and isinstance(value, Tensor)
        and value.layout == torch.strided
        and not value.is_complex()
        and not value.is_quantized
        and value.device.type == "cpu"
    )
