"""Loads a network from a released checkpoint, strictly: exactly its own weights."""

from dataclasses import asdict, replace
from typing import Any

import torch
from torch import nn

from mdx.errors import ConfigError, WeightsError
from models.architectures import ARCHITECTURES
from models.checkpoints.formats import FORMATS, architecture_of, other_system
from models.checkpoints.read import State, listed


def network_of(state: State, where: object, architecture: str, spec: Any = None) -> nn.Module:
    """The network of a checkpoint, in evaluation mode; `spec` is its size, as published where None.

    Raises WeightsError for a checkpoint of another architecture or size, which it names, and where
    weights are missing, unexpected or of another shape, which it lists.
    """
    known = ARCHITECTURES[architecture]
    found = architecture_of(state)
    title = ARCHITECTURES[found].title if found else other_system(state)
    if title is not None and found != architecture:
        raise WeightsError(where, got=title, expected=known.title)
    if found == architecture:
        spec = _checked_size(state, where, architecture, spec)
    spec = spec or known.spec
    weights = FORMATS[architecture].weights_of(state)
    with torch.device("meta"):
        net = known.network(spec)
    check_names(weights, net, where, f"{known.title} of {_words(spec)}")
    net.load_state_dict(weights, strict=True, assign=True)
    return net.requires_grad_(False).eval()


def _checked_size(state: State, where: object, architecture: str, wanted: Any) -> Any:
    known = ARCHITECTURES[architecture]
    allowed = list(known.sizes.values()) if wanted is None else [wanted]
    try:
        spec = FORMATS[architecture].spec_of(state)
        if wanted is not None:
            untold = {key: getattr(wanted, key) for key in FORMATS[architecture].untold}
            spec = replace(spec, **untold)
    except ConfigError as error:
        raise WeightsError.like(error).within(where) from error
    if spec not in allowed:
        names = " or ".join(_words(size) for size in dict.fromkeys(allowed))
        got = f"{known.title} of {_words(spec)}"
        raise WeightsError(where, got=got, expected=names, hint=known.others)
    return spec


def _words(spec: Any) -> str:
    return ", ".join(f"{name} {value}" for name, value in asdict(spec).items())


def check_names(weights: State, net: nn.Module, where: object, expected: str) -> None:
    """Raise WeightsError that lists missing and unexpected weights, and those of another shape.

    Shape: those of the network's weights
    """
    wanted = net.state_dict()
    # Counts of training batches, which not every checkpoint has and nothing needs.
    for name, value in wanted.items():
        if name.endswith("num_batches_tracked"):
            weights.setdefault(name, torch.zeros(value.shape, dtype=value.dtype))
    wrong = [
        f"{name} {list(weights[name].shape)} instead of {list(value.shape)}"
        for name, value in wanted.items()
        if name in weights and weights[name].shape != value.shape
    ]
    problems = {
        "missing": [name for name in wanted if name not in weights],
        "unexpected": [name for name in weights if name not in wanted],
        "of another shape": wrong,
    }
    if any(problems.values()):
        got = "; ".join(f"{word}: {listed(names)}" for word, names in problems.items() if names)
        raise WeightsError(where, got=got, expected=expected)
