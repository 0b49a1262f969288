"""The YAML of an MDX23C network, as the UVR community and its trainers write it."""

import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mdx.errors import ConfigError, NetworkError
from mdx.systems.spec import CHANNELS, SAMPLE_RATE, require

MOST_BYTES = 100_000  # most bytes of a YAML; published ones have less than one thousand
MOST_CHUNKS = 64  # most chunks that are averaged; published ones have 8 or fewer
USUAL_CHUNKS = 8
# Whole numbers by section and key, with bounds beyond which no machine could run the network.
NUMBERS: Mapping[tuple[str, str], tuple[int, int]] = {
    ("audio", "n_fft"): (2, 65536),
    ("audio", "hop_length"): (1, 32768),
    ("audio", "dim_f"): (1, 32769),
    ("audio", "num_channels"): (CHANNELS, CHANNELS),
    ("model", "num_channels"): (1, 4096),
    ("model", "growth"): (1, 4096),
    ("model", "bottleneck_factor"): (1, 1024),
    ("model", "num_blocks_per_scale"): (1, 16),
    ("model", "num_scales"): (1, 10),
    ("model", "num_subbands"): (1, 64),
}
FRAMES = (2, 8192)
# Keys of `model` that only another architecture has; the first that is found names it.
OTHERS: Mapping[str, str] = {
    "freqs_per_bands": "BS-Roformer",
    "num_bands": "Mel-Band Roformer",
    "band_SR": "SCNet",
    "band_specs": "Bandit",
    "feature_dim": "Apollo",
    "decoder_type": "segmentation",
}


@dataclass(frozen=True)
class Mdx23cConfig:
    """The settings in such a YAML: the network's size, and how it is run."""

    n_fft: int  # samples
    hop: int  # samples
    dim_f: int  # frequency bins
    dim_t: int  # frames of a chunk
    width: int  # channels of the first level
    growth: int
    bottleneck: int
    n_layers: int
    n_levels: int
    subbands: int
    strides: tuple[int, int]  # factor by which a level divides frames and bins
    norm: str  # as named in models.tfc_tdf_v3
    activation: str
    chunks: int  # chunks of which every sample is the mean
    instruments: tuple[str, ...]  # in the order of the network's output
    target: str | None  # its only stem

    @property
    def made(self) -> tuple[str, ...]:
        """The stems that the network itself makes."""
        return self.instruments if self.target is None else (self.target,)


class _Loader(yaml.SafeLoader):
    """Plain YAML, and the tag for tuples, which identifies configurations of Roformers."""


def _tuple(loader: _Loader, node: yaml.Node) -> list[Any]:
    return loader.construct_sequence(node) if isinstance(node, yaml.SequenceNode) else []


_Loader.add_constructor("tag:yaml.org,2002:python/tuple", _tuple)


def read_config(path: Path) -> Mdx23cConfig:
    """Read the YAML of an MDX23C network; nothing in it is executed.

    Raises NetworkError for that of another architecture, which it names; ConfigError for a file
    that is no such YAML, or values that no network can have.
    """
    values = {name: _section(part) for name, part in _read(path).items()}
    for key, title in OTHERS.items():
        if key in values.get("model", {}):
            raise NetworkError(
                path, got=f"the configuration of {title}", expected="that of an MDX23C",
                hint=f"{title} is not supported",
            )  # fmt: skip
    try:
        return _checked(values)
    except ConfigError as error:
        raise error.within(path) from error


def _read(path: Path) -> dict[Any, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        require(len(content) <= MOST_BYTES, path, f"more than {MOST_BYTES} bytes", "a short YAML")
        values = yaml.load(content, Loader=_Loader)  # noqa: S506 - it is a SafeLoader
    except OSError as error:
        raise ConfigError(path, got=error.strerror, expected="a readable YAML file") from error
    except yaml.constructor.ConstructorError as error:
        raise ConfigError(
            path, got=error.problem, expected="plain values", hint="nothing of it was run"
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(path, got=error, expected="valid YAML") from error
    require(isinstance(values, dict), path, type(values).__name__, "sections of settings")
    assert isinstance(values, dict)
    return values


def _section(part: object) -> dict[Any, Any]:
    return part if isinstance(part, dict) else {}


def _checked(values: Mapping[str, dict[Any, Any]]) -> Mdx23cConfig:
    number = {keys: _number(values, *keys, *bounds) for keys, bounds in NUMBERS.items()}
    audio, inference = values.get("audio", {}), values.get("inference", {})
    rate = audio.get("sample_rate", SAMPLE_RATE)
    require(rate == SAMPLE_RATE, "audio: sample_rate", _short(rate), SAMPLE_RATE)
    frames = _number(values, "inference" if "dim_t" in inference else "audio", "dim_t", *FRAMES)
    levels, strides = number["model", "num_scales"], _strides(values)
    expected = f"a multiple of {strides[0] ** levels}, by which {levels} levels divide it"
    require(frames % strides[0] ** levels == 0, "dim_t", frames, expected)
    chunks = USUAL_CHUNKS
    if "num_overlap" in inference:
        chunks = _number(values, "inference", "num_overlap", 1, MOST_CHUNKS)
    instruments, target = _instruments(values)
    return Mdx23cConfig(
        n_fft=number["audio", "n_fft"], hop=number["audio", "hop_length"],
        dim_f=number["audio", "dim_f"], dim_t=frames,
        width=number["model", "num_channels"], growth=number["model", "growth"],
        bottleneck=number["model", "bottleneck_factor"],
        n_layers=number["model", "num_blocks_per_scale"], n_levels=levels,
        subbands=number["model", "num_subbands"], strides=strides,
        norm=_norm(values), activation=_text(values, "model", "act"),
        chunks=chunks, instruments=instruments, target=target,
    )  # fmt: skip


def _value(values: Mapping[str, dict[Any, Any]], section: str, key: str) -> Any:
    found = values.get(section, {})
    require(key in found, section, f"no '{key}'", "the settings of an MDX23C network")
    return found[key]


def _number(
    values: Mapping[str, dict[Any, Any]], section: str, key: str, least: int, most: int
) -> int:
    found = _value(values, section, key)
    fine = isinstance(found, int) and not isinstance(found, bool) and least <= found <= most
    expected = str(least) if least == most else f"a whole number from {least} to {most}"
    require(fine, f"{section}: {key}", _short(found), expected)
    assert isinstance(found, int)
    return found


def _text(values: Mapping[str, dict[Any, Any]], section: str, key: str) -> str:
    found = _value(values, section, key)
    fine = isinstance(found, str) and len(found) <= 64
    require(fine, f"{section}: {key}", _short(found), "a short name")
    assert isinstance(found, str)
    return found


def _norm(values: Mapping[str, dict[Any, Any]]) -> str:
    found = _text(values, "model", "norm")
    known = {"BatchNorm": "batch", "InstanceNorm": "instance"}
    if found.startswith("GroupNorm"):
        return found.replace("GroupNorm", "group")
    expected = "BatchNorm, InstanceNorm, or GroupNorm with the number of groups"
    require(found in known, "model: norm", _short(found), expected)
    return known[found]


def _strides(values: Mapping[str, dict[Any, Any]]) -> tuple[int, int]:
    found = _value(values, "model", "scale")
    fine = (
        isinstance(found, list) and len(found) == 2 and all(part in (1, 2, 3, 4) for part in found)
    )
    require(fine, "model: scale", _short(found), "two whole numbers from 1 to 4")
    return int(found[0]), int(found[1])


def _instruments(values: Mapping[str, dict[Any, Any]]) -> tuple[tuple[str, ...], str | None]:
    found = _value(values, "training", "instruments")
    fine = isinstance(found, list) and 0 < len(found) <= 16 and all(
        isinstance(name, str) and 0 < len(name) <= 64 for name in found
    )  # fmt: skip
    require(fine, "training: instruments", _short(found), "a list of 1 to 16 names")
    target = values["training"].get("target_instrument")
    fine = target is None or target in found
    expected = f"one of the instruments {', '.join(found)}, or none"
    require(fine, "training: target_instrument", _short(target), expected)
    return tuple(found), target


def _short(value: object) -> str:
    # Aliases in a YAML can make values that are short in the file and endless in print.
    short = reprlib.Repr()
    short.maxlevel = 2
    return short.repr(value)
