"""The networks of the comparison at their published sizes, with random weights."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from benchmarks.balance.contenders import CONTENDERS, ONE_PASS, Run
from evaluator.json_files import write_json
from mdx.errors import ConfigError
from mdx.systems.find import find_system
from mdx.systems.manifest import register_weights
from mdx.systems.mappings import read_mapping
from mdx.systems.spec import MODELS, SOURCES

if TYPE_CHECKING:
    from torch import nn

COMMAND = "python -m benchmarks.balance"
MIXER = "mixer.npz"
V2, DEMUCS = "tfc_tdf_v2.onnx", "demucs_v2.onnx"
WITH_V2 = ("mdx_net", "mdx_net_no_mixer", "leaderboard_a")  # systems of the paper's own network
WITH_DEMUCS = ("demucs_v2", "leaderboard_a")
# The network in models.architectures, and its size, that replaces an estimator's; if each stem has
# its own size, the sizes are named after the stems.
SIZES: Mapping[str, tuple[str, str | None]] = {
    "tfc_tdf_v1": ("tfc_tdf_v1", "large"),
    "x_umx": ("x_umx", "x_umx"),
    "d3net": ("d3net", None),
    "resunet_decouple": ("resunet_decouple", "resunet_decouple"),
    "lasaft_large": ("lasaft", "large"),
    "lasaft_light": ("lasaft", "light"),
    "open_unmix": ("open_unmix", "umx"),
    "mmdenselstm": ("mm_dense_lstm", "mm_dense_lstm"),
    "mmdensenet": ("mm_dense_net", "mm_dense_net"),
    "tfc_tdf_v3": ("tfc_tdf_v3", "model1"),
}


def write_system(run: Run, folder: Path) -> Path:
    """Write a system with random weights for a run; returns the path of its YAML.

    It makes all four stems, with one network per stem if only some are public. A shared network is
    written once.
    """
    values = settings_of(run)
    for part in values["estimators"]:
        part["weights"] = _weights_of(run.system, part, folder)
    for step in values.get("combine", []):
        if step["kind"] == "mixer":
            step["weights"] = _write_mixer(folder)
    name = f"{run.system}-{run.way.replace(' ', '-')}"
    path = folder / f"{name}.yaml"
    system = {
        "name": name, "description": f"{run.system} at its published size, random weights",
        "training_data": [], "leaderboard": "none", "estimators": values["estimators"],
        "combine": [step for step in values.get("combine", []) if step["kind"] != "rest"],
    }  # fmt: skip
    path.write_text(yaml.safe_dump(system, sort_keys=False), encoding="utf-8")
    return path


def settings_of(run: Run) -> dict[str, Any]:
    """What a system's YAML says, with the options of a run."""
    values = read_mapping(MODELS / "systems" / f"{run.system}.yaml")
    values["estimators"] = in_four_stems(values["estimators"])
    for part in values["estimators"]:
        part |= CONTENDERS[run.system].options
        if run.way == "one pass":
            part |= {key: least for key, least in ONE_PASS.items() if key in part}
            part |= CONTENDERS[run.system].one_pass
    return values


def in_four_stems(estimators: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The estimators of a YAML, or copies of the first for each source if some are missing."""
    made = {stem for part in estimators for stem in part["makes"]}
    if made >= set(SOURCES):
        return [dict(part) for part in estimators]
    return [{**estimators[0], "makes": [source]} for source in SOURCES]


def parameters(run: Run, folder: Path) -> int:
    """The parameters of all networks of a system that `write_system` wrote, and of its Mixer."""
    spec, _ = find_system(folder / f"{run.system}-{run.way.replace(' ', '-')}.yaml")
    files = [file for part in spec.estimators for file in part.networks.values()]
    counts = [int((folder / f"{file}.parameters").read_text()) for file in files]
    return sum(counts) + (0 if spec.mixer is None else np.load(folder / MIXER)["weight"].size)


def _weights_of(system: str, part: dict[str, Any], folder: Path) -> object:
    if system in WITH_DEMUCS and part["kind"] == "waveform":
        return _once(folder, DEMUCS, _write_demucs)
    if system in WITH_V2:
        return _once(folder, V2, _write_v2)
    if system not in SIZES:
        raise ConfigError(
            system, got="no size", expected=f"one of {', '.join(SIZES)}",
            hint="enter it in benchmarks/balance/networks.py",
        )  # fmt: skip
    architecture, size = SIZES[system]

    def written(size: str) -> str:
        name = f"{architecture}-{size}.onnx"
        return _once(folder, name, lambda path: _write_known(architecture, size, path))

    if size is not None and not isinstance(part["weights"], dict):
        return written(size)
    return {stem: written(size or stem) for stem in part["makes"]}


def _once(folder: Path, name: str, write: Callable[[Path], int]) -> str:
    # The parameters are written last, when the network is complete.
    if not (folder / f"{name}.parameters").exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / f"{name}.parameters", write(folder / name))
    return name


def _count(net: "nn.Module") -> int:
    return sum(value.numel() for value in net.parameters())


def _write_known(architecture: str, size: str, path: Path) -> int:
    from models.architectures import ARCHITECTURES
    from models.export import export_network
    from models.random_weights import randomise

    known = ARCHITECTURES[architecture]
    spec = known.sizes[size]
    net = randomise(known.network(spec), seed=0)
    export_network(net, path, shape=known.input_shape(spec), dynamic=known.dynamic)
    register_weights(path.parent, path.name, made_by=COMMAND)
    return _count(net)


def _write_v2(path: Path) -> int:
    from benchmarks.full_size import write_network

    return _count(write_network(path.parent, path.name, dim_t=512))


def _write_demucs(path: Path) -> int:
    from benchmarks.demucs_v2 import make_weights
    from models.demucs_v2.network import DemucsSpec, random_demucs

    make_weights(path.parent, path.name, channels=64)
    return _count(random_demucs(DemucsSpec(), seed=0))


def _write_mixer(folder: Path) -> str:
    np.savez(folder / MIXER, weight=np.eye(8, 10, dtype=np.float32))
    register_weights(folder, MIXER, made_by=COMMAND)
    return MIXER
