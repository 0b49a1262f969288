"""The parts of the tiny system: sizes, networks in torch, a Mixer, and noise to separate."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import nn

from mdx.audio.formats import Encoding
from mdx.estimators.stft import StftSpec
from mdx.systems.spec import SOURCES, Audio
from models.random_weights import enliven
from models.tfc_tdf import TfcTdfSpec, TfcTdfUNet

FLOAT = Encoding(subtype="FLOAT")
# All sizes differ, so chunks of two sources never line up by chance.
TINY = {
    "bass": StftSpec(n_fft=512, hop=64, dim_f=64, dim_t=32),  # step 1472
    "drums": StftSpec(n_fft=128, hop=64, dim_f=64, dim_t=32),  # step 1856
    "other": StftSpec(n_fft=256, hop=64, dim_f=96, dim_t=24),  # step 1216
    "vocals": StftSpec(n_fft=384, hop=64, dim_f=128, dim_t=40),  # step 2112
}


@functools.cache
def tiny_network(source: str) -> TfcTdfUNet:
    """The random network of a source, the same at every call."""
    size = TfcTdfSpec(dim_f=TINY[source].dim_f, n_blocks=5, n_layers=1, growth=4, bottleneck=8)
    with torch.random.fork_rng():
        torch.manual_seed(SOURCES.index(source))
        net = TfcTdfUNet(size)
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                enliven(module)
    return net.eval()


def tiny_mixer() -> Audio:
    """A random Mixer. Shape: (8, 10)."""
    return np.random.default_rng(0).standard_normal((8, 10)).astype(np.float32)


def noise(samples: int, *, seed: int = 0) -> Audio:
    """A loud random song. Shape: (2, samples)."""
    rng = np.random.default_rng([seed, samples])
    return rng.uniform(-0.5, 0.5, (2, samples)).astype(np.float32)


def edit_system(path: Path, changes: dict[str, Any] | None = None, **estimators: Any) -> None:
    """Change a system's YAML: top-level keys, and keys of its estimators by name or stem."""
    system = yaml.safe_load(path.read_text()) | (changes or {})
    for part in system["estimators"]:
        part |= estimators.get(part.get("name", part["makes"][0]), {})
    path.write_text(yaml.safe_dump(system, sort_keys=False))
