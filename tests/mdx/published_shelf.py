"""Tiny versions of the compared systems: their own YAML with smaller sizes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
import yaml
from onnx import helper, numpy_helper
from torch import Tensor, nn

from mdx.systems.manifest import int8_name, register_weights
from mdx.systems.spec import MODELS
from models.d3net import D3Net, D3NetSpec
from models.d3net_blocks import BandSpec
from models.export import export_network
from models.lasaft import Lasaft, LasaftSpec
from models.mm_dense import MMDense, MMDenseSpec
from models.mm_dense_bands import DenseBandSpec
from models.open_unmix import OpenUnmix, OpenUnmixSpec
from models.random_weights import randomise
from models.resunet import ResUNetDecouple, ResUNetSpec
from models.tfc_tdf_v1 import TfcTdfV1Spec, TfcTdfV1UNet
from models.tfc_tdf_v3 import TfcTdfV3Spec, TfcTdfV3UNet
from models.x_umx import XUmx, XUmxSpec

N_FFT, HOP, BINS = 64, 16, 33
FRAMES, BASS_FRAMES = 16, 24  # per patch or chunk
Call = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Tiny:
    """A system's network, and the smaller sizes in its YAML."""

    make: Callable[[], nn.Module]
    shape: tuple[int, ...]  # of the network's input
    dynamic: bool = False
    sizes: dict[str, Any] = field(default_factory=dict)


STFT = {"n_fft": N_FFT, "hop": HOP}
CHUNKS = {**STFT, "dim_f": BINS, "dim_t": FRAMES}
LONG = {**STFT, "segment": 24, "context": 8}
SYSTEMS = {
    "tfc_tdf_v1": Tiny(
        lambda: TfcTdfV1UNet(TfcTdfV1Spec(BINS, 3, n_layers=2, growth=3, min_units=4)),
        (4, BINS, FRAMES), sizes={**CHUNKS, "trim": 40},
    ),
    "lasaft_large": Tiny(
        lambda: Lasaft(LasaftSpec(
            BINS, 3, embedding=4, n_layers=1, growth=3, latents=2, keys=5,
        )),
        (4, BINS, FRAMES), sizes={**CHUNKS, "trim": 40},
    ),
    "tfc_tdf_v3": Tiny(
        lambda: TfcTdfV3UNet(TfcTdfV3Spec(
            BINS - 1, 3, n_layers=1, growth=2, bottleneck=2, width=4, subbands=2,
        )),
        (4, BINS - 1, FRAMES), sizes={**CHUNKS, "dim_f": BINS - 1},
    ),
    "x_umx": Tiny(
        lambda: XUmx(XUmxSpec(BINS, 20, hidden=8, lstm_layers=1)), (2, BINS, 40), True, LONG,
    ),
    "open_unmix": Tiny(
        lambda: OpenUnmix(OpenUnmixSpec(BINS, 20, hidden=8, lstm_layers=1)), (2, BINS, 40), True,
        {**LONG, "window": 12},
    ),
    "d3net": Tiny(
        lambda: D3Net(D3NetSpec(
            BINS, 24, 8, BandSpec(2, (2, 2, 2), (1, 1, 1), 1), BandSpec(2, (2,), (1,), 1),
            BandSpec(2, (2,), (1,), 1), final_growth=2, final_layers=1,
        )),
        (2, BINS, FRAMES), sizes={**STFT, "segment": 48, "context": 28},
    ),
    "mmdenselstm": Tiny(
        lambda: MMDense(MMDenseSpec(
            BINS,
            (
                DenseBandSpec(15, 3, (2, 2, 2), (1, 1, 1), (0, 2, 0)),
                DenseBandSpec(18, 3, (2, 2, 2), (1, 1, 1), (0, 0, 0)),
            ),
            DenseBandSpec(BINS, 2, (2, 2, 2), (1, 1, 1), (0, 0, 0)), 3, 2, (3, 3), True,
        )),
        (2, BINS, FRAMES), sizes={**STFT, "segment": 32, "context": 20},
    ),
    "resunet_decouple": Tiny(
        lambda: ResUNetDecouple(ResUNetSpec(N_FFT, 20, (2, 2), 1)), (2, 882),
        sizes={"segment": 0.02},
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Shelved:
    """A tiny system on disk, and its torch networks by estimator, or by estimator and stem."""

    path: Path
    values: dict[str, Any]
    networks: dict[str, Call]


def shelve(name: str, folder: Path) -> Shelved:
    """Write a tiny system with random networks; float32 files also stand in for int8 ones."""
    tiny = SYSTEMS[name]
    net = randomise(tiny.make(), seed=1)
    with torch.no_grad():
        for key, parameter in net.named_parameters():
            if key in ("decode_bias", "bias_out"):
                parameter.fill_(0.3)  # behind a ReLU, a random network is silent in places
    values: dict[str, Any] = yaml.safe_load((MODELS / "systems" / f"{name}.yaml").read_text())
    networks: dict[str, Call] = {}
    for part in values["estimators"]:
        assert set(tiny.sizes) <= set(part)
        part |= tiny.sizes
        role = part.get("name", part["makes"][0])
        files = part["weights"]
        for stem, file in (files if isinstance(files, dict) else {"": files}).items():
            shape = tiny.shape
            if name == "d3net" and stem == "bass":
                shape = (*shape[:-1], BASS_FRAMES)
            key = f"{role}.{stem}" if stem else role
            networks[key] = write(net, folder, file, shape, tiny.dynamic, seed=len(networks))
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(values))
    return Shelved(path, values, networks)


def write(
    net: nn.Module, folder: Path, file: str, shape: tuple[int, ...], dynamic: bool, *, seed: int
) -> Call:
    """Export a network with separate gains for each channel and bin of its output.

    One export per architecture is then enough: the networks of a system differ in their gains.
    """
    cached = folder / f"{'x'.join(map(str, shape))}.onnx"
    if not cached.exists():
        export_network(net, cached, shape=shape, dynamic=dynamic)
    model = onnx.load(cached)
    sizes = (1,) if len(shape) == 2 else (shape[-2], 1)
    gains = np.random.default_rng(seed).uniform(0.4, 1.4, (shape[0], *sizes)).astype(np.float32)
    last = model.graph.output[0].name
    for node in model.graph.node:
        for index, output in enumerate(node.output):
            if output == last:
                node.output[index] = "raw"
    model.graph.initializer.append(numpy_helper.from_array(gains, "gains"))
    model.graph.node.append(helper.make_node("Mul", ["raw", "gains"], [last]))
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    for name in (file, int8_name(file)):
        onnx.save(model, folder / name)
    entry = register_weights(folder, file, made_by="a test")
    register_weights(folder, int8_name(file), made_by="a test", parent=entry.sha256)
    factor = torch.from_numpy(gains)
    return lambda mix: net(mix) * factor
