"""The configuration of a training run, read from `training/configs/<name>.yaml`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from mdx.errors import ConfigError
from mdx.estimators.stft import StftSpec
from mdx.systems.mappings import build, read_mapping
from mdx.systems.spec import SOURCES, require
from training.architectures import ARCHITECTURES, Size
from training.data_config import DataConfig
from training.losses import LOSSES
from training.optimizers import OPTIMIZERS, SCHEDULES

CONFIGS = Path(__file__).resolve().parent / "configs"
ALL = "all"  # in place of a source: one network for all four
SEPARATOR_CHOICES = {
    "architecture": tuple(ARCHITECTURES),
    "loss": tuple(LOSSES),
    "optimizer": tuple(OPTIMIZERS),
    "schedule": tuple(SCHEDULES),
    "precision": ("32-true", "bf16-mixed"),
}
# Keys of a size that not every architecture has.
OPTIONAL_SIZES = ("width", "subbands", "norm", "activation")
SEPARATOR_COUNTS = (
    "train_frames", "frames", "n_blocks", "n_layers", "growth", "bottleneck", "steps", "batch",
    "accumulate", "validate_every", "held_out", "sources",
)  # fmt: skip
MIXER_METHODS = ("least_squares", "rmsprop")


@dataclass(frozen=True)
class SeparatorConfig:
    """One separator: its size, its training and its data."""

    architecture: str  # one of SEPARATOR_CHOICES, as for all text values below
    n_fft: int
    hop: int
    dim_f: int
    train_frames: int  # frames of a training example
    frames: int  # frames of a chunk in the exported network, which is convolutional in time
    n_blocks: int
    n_layers: int
    growth: int
    bottleneck: int
    steps: int  # of the optimizer
    batch: int  # examples, over all devices
    learning_rate: float
    loss: str = "l1"  # of waveforms
    optimizer: str = "rmsprop"
    schedule: str = "constant"
    weight_decay: float = 0.0
    precision: str = "32-true"
    accumulate: int = 1  # batches whose gradients are accumulated for one step
    clip: float = 0.0  # largest norm of a gradient; 0: unlimited
    ema: float = 0.0  # decay of the averaged weights that are validated and exported; 0: none
    validate_every: int = 500  # steps
    patience: int = 0  # validations without improvement that end the training; 0: never
    held_out: int = 7  # one song in this many is for validation, unless a list names them
    sources: int = 1  # stems of one network: one, or all four
    first_bin: int = 0  # bins below are neither estimated nor scored: another network makes them
    width: int | None = None  # channels of the first level, if the growth does not determine it
    subbands: int | None = None  # frequency bands that become channels
    norm: str | None = None
    activation: str | None = None
    data: DataConfig = field(default_factory=DataConfig)

    def __post_init__(self) -> None:
        for key, choices in SEPARATOR_CHOICES.items():
            value = getattr(self, key)
            expected = f"one of {', '.join(choices)}"
            require(value in choices, key, f"'{value}'", expected)
        for key in SEPARATOR_COUNTS:
            require(getattr(self, key) >= 1, key, getattr(self, key), "at least 1")
        rate = self.learning_rate
        require(0 < rate < math.inf, "learning_rate", rate, "a number above 0")
        require(0 <= self.clip < math.inf, "clip", self.clip, "0 or more")
        require(0 <= self.ema < 1, "ema", self.ema, "0 or more, below 1")
        expected = f"0 or more, less than dim_f, which is {self.dim_f}"
        require(0 <= self.first_bin < self.dim_f, "first_bin", self.first_bin, expected)
        require(self.patience >= 0, "patience", self.patience, "0 or more")
        decay = self.weight_decay
        require(0 <= decay < math.inf, "weight_decay", decay, "0 or more")
        self._check_architecture()
        multiple = 2 ** self.size().n_levels
        for key in ("train_frames", "frames"):
            frames = getattr(self, key)
            expected = f"a multiple of {multiple}, since the network halves both axes"
            require(frames % multiple == 0, key, frames, expected)
            self.stft(frames)  # which checks its own sizes

    def stft(self, frames: int) -> StftSpec:
        """The STFT around the network, for this many frames."""
        return StftSpec(self.n_fft, self.hop, self.dim_f, frames)

    def size(self) -> Size:
        """The network's size, checked; keys missing from the configuration have their defaults."""
        kind = ARCHITECTURES[self.architecture]
        keys = ("dim_f", "n_blocks", "n_layers", "growth", "bottleneck", "sources", *OPTIONAL_SIZES)
        values = {key: getattr(self, key) for key in keys if kind.takes(key)}
        return kind.size(**{key: value for key, value in values.items() if value is not None})

    def build(self) -> nn.Module:
        """The network, with fresh weights from torch's generator.

        Shape: (batch, 4, dim_f, T) -> the same, or (batch, sources, 4, dim_f, T) for several
        sources; T a multiple of 2**size().n_levels.
        """
        return ARCHITECTURES[self.architecture].network(self.size())

    def _check_architecture(self) -> None:
        kind = ARCHITECTURES[self.architecture]
        stems = (1, len(SOURCES)) if kind.many else (1,)
        expected = f"{' or '.join(map(str, stems))} with {self.architecture}"
        require(self.sources in stems, "sources", self.sources, expected)
        for key in OPTIONAL_SIZES:
            unused = getattr(self, key) is None or kind.takes(key)
            expected = f"no such key with {self.architecture}"
            require(unused, key, getattr(self, key), expected)


@dataclass(frozen=True)
class MixerConfig:
    """How the Mixer is fitted; rate and epochs are rmsprop's and default to the paper's."""

    method: str = "least_squares"  # in closed form, or rmsprop: the paper's gradient descent
    learning_rate: float = 0.003
    epochs: int = 10
    swap: bool = False  # use every song a second time with its channels swapped
    # least_squares: cost of the squared distance to a Mixer that passes stems through, as a share
    # of the energy of the source.
    ridge: float = 0.0

    def __post_init__(self) -> None:
        expected = f"one of {', '.join(MIXER_METHODS)}"
        require(self.method in MIXER_METHODS, "method", f"'{self.method}'", expected)
        rate = self.learning_rate
        require(0 < rate < math.inf, "learning_rate", rate, "a number above 0")
        require(self.epochs >= 1, "epochs", self.epochs, "at least 1")
        require(0 <= self.ridge < math.inf, "ridge", self.ridge, "0 or a number above")


def read_config(name: str) -> Mapping[str, SeparatorConfig]:
    """Read one SeparatorConfig per source, from a name in `training/configs` or the path of a YAML.

    The YAML has `shared`, which applies to all, the four sources, which extend or override it
    (`data` key by key), and optionally `mixer`. `all` in place of the four sources means one
    network for all of them. Raises ConfigError for an unknown name, source or key, and for an
    invalid value.
    """
    path, values = _read(name)
    sources = (ALL,) if ALL in values else SOURCES
    return {source: _separator(values, source, path) for source in sources}


def config_of(
    configs: Mapping[str, SeparatorConfig], source: str, name: str
) -> SeparatorConfig:  # fmt: skip
    """The configuration of a source, from those called `name`; raises ConfigError without one."""
    if source not in configs:
        raise ConfigError("--source", got=source, expected=f"of {name}: {', '.join(configs)}")
    return configs[source]


def targets(source: str) -> tuple[str, ...]:
    """The sources that a network makes: all four for `all`, otherwise its own."""
    return SOURCES if source == ALL else (source,)


def read_mixer_config(name: str) -> MixerConfig:
    """Read the optional key `mixer` of the same file."""
    path, values = _read(name)
    try:
        return build(MixerConfig, values.get("mixer", {}), "mixer")
    except ConfigError as error:
        raise error.within(path) from error


def _read(name: str) -> tuple[Path, dict[str, Any]]:
    if Path(name).suffix in (".yaml", ".yml"):
        path = Path(name)
    else:
        known = sorted(path.stem for path in CONFIGS.glob("*.yaml"))
        expected = f"one of {', '.join(known)}, or the path of a .yaml file"
        require(name in known, "config", f"'{name}'", expected)
        path = CONFIGS / f"{name}.yaml"
    values = read_mapping(path)
    expected = (
        f"the keys shared, {', '.join(SOURCES)} (or {ALL}), and mixer if it is not the default"
    )
    networks = set(values) - {"mixer", "shared"}
    complete = networks in ({*SOURCES}, {ALL}) and "shared" in values
    require(complete, str(path), list(values), expected)
    return path, values


def _separator(values: Mapping[str, Any], source: str, path: Path) -> SeparatorConfig:
    shared, own = values["shared"], values[source]
    try:
        merged = _merge(shared, own, where="separator")
        data = _merge(shared.get("data", {}), own.get("data", {}), where="data")
        merged["data"] = build(DataConfig, data, "data")
        merged["sources"] = len(targets(source))
        return build(SeparatorConfig, merged, "separator")
    except ConfigError as error:
        raise error.within(f"{path}: {source}") from error


def _merge(*parts: object, where: str) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for part in parts:
        if not isinstance(part, dict):
            raise ConfigError(where, got=repr(part), expected="a mapping of keys to values")
        merged |= part
    return merged
