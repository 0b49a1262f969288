"""What a submission is made of, as frozen dataclasses read from YAML; sizes are derived once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import yaml

from mdx.errors import ConfigError

SOURCES = ("bass", "drums", "other", "vocals")  # KUIELab's order: rows of the Mixer
SAMPLE_RATE = 44100
CHANNELS = 2

Audio = npt.NDArray[np.float32]  # (channels, samples) or (sources, channels, samples)

MODELS = Path(__file__).resolve().parent.parent / "models"
PROFILES = ("kuielab",)
LEADERBOARDS = ("A", "B", "none")
# Training data that the challenge's rules speak of; any other is named in free words.
MUSDB18_TRAIN = "MUSDB18-HQ train"
MUSDB18_TEST = "MUSDB18-HQ test"


@dataclass(frozen=True)
class StftSpec:
    """Sizes of one separator: everything else about its chunks follows from these four."""

    n_fft: int  # samples
    hop: int  # samples
    dim_f: int  # frequency bins that the network sees, counted from 0 Hz
    dim_t: int  # frames of one chunk

    def __post_init__(self) -> None:
        if self.n_fft % 2 or self.hop < 1 or self.n_fft < 2 * self.hop:
            raise ConfigError(
                "STFT",
                got=f"n_fft {self.n_fft}, hop {self.hop}",
                expected="an even n_fft of at least twice the hop",
            )
        if not 1 <= self.dim_f <= self.n_bins:
            raise ConfigError(
                "STFT",
                got=f"dim_f {self.dim_f}",
                expected=f"1 to {self.n_bins}, the bins of n_fft {self.n_fft}",
            )
        if self.step < 1:
            raise ConfigError(
                "STFT",
                got=f"{self.dim_t} frames of hop {self.hop}: a chunk of {self.chunk} samples",
                expected=f"a chunk longer than n_fft {self.n_fft}, which is trimmed away",
            )

    @property
    def n_bins(self) -> int:
        """Bins of the whole spectrum, 0 Hz and Nyquist included."""
        return self.n_fft // 2 + 1

    @property
    def chunk(self) -> int:
        """Samples that one call of the network covers."""
        return self.hop * (self.dim_t - 1)

    @property
    def trim(self) -> int:
        """Samples dropped at either end of a chunk, where frames see padding."""
        return self.n_fft // 2

    @property
    def step(self) -> int:
        """Samples of output that one chunk yields."""
        return self.chunk - self.n_fft


@dataclass(frozen=True)
class SeparatorSpec:
    """One network of a system: its file and the STFT around it."""

    weights: str  # name in the manifest
    n_fft: int
    hop: int
    dim_f: int | None = None  # checked against the graph where given
    dim_t: int | None = None


@dataclass(frozen=True)
class Rung:
    """One way to run a system; a ladder of them, best first, is what a time limit walks down."""

    precision: str = "float32"
    mixer: bool = True  # where the system has one, and all sources a network
    sources: tuple[str, ...] = SOURCES  # with a network; the others, where made, share the rest
    both_polarities: bool = False  # twice the work: the mean of f(x) and -f(-x)

    def __str__(self) -> str:
        if not self.sources:
            return "scaled mixture"
        networks = "" if len(self.sources) == len(SOURCES) else f", {' and '.join(self.sources)}"
        mixer = "" if self.mixer or networks else ", no Mixer"
        return f"{self.precision}{networks}{mixer}{' twice' if self.both_polarities else ''}"


LAST_RESORT = Rung(mixer=False, sources=())  # a quarter of the mixture each: no network at all


@dataclass(frozen=True)
class SystemSpec:
    """A whole submission: four separators by source name, optionally a Mixer."""

    name: str
    description: str
    training_data: tuple[str, ...]  # names of data sets, as above or in words
    leaderboard: str
    profile: str
    separators: Mapping[str, SeparatorSpec]
    mixer: str | None = None  # name in the manifest
    limit: str | None = None  # of a song: fixed:SECONDS, ratio:TIMES or none
    ladder: tuple[Rung, ...] = (Rung("float32"), Rung("int8"))  # best first


def system_names() -> list[str]:
    """Names of the systems that come with the repository, sorted."""
    return sorted(path.stem for path in (MODELS / "systems").glob("*.yaml"))


def find_system(system: str | Path) -> tuple[SystemSpec, Path]:
    """Read a system by its name, or by the path of a YAML file of your own.

    Returns the system and the folder of its weights: `models/weights` for a name, the YAML's own
    folder for a path. Raises ConfigError where there is no such system or it is not valid.
    """
    if Path(system).suffix in (".yaml", ".yml"):
        return read_system(Path(system)), Path(system).resolve().parent
    if str(system) not in system_names():
        raise ConfigError(
            "system",
            got=f"'{system}'",
            expected=f"one of {', '.join(system_names())}",
            hint="or give the path of a system's .yaml file",
        )
    return read_system(MODELS / "systems" / f"{system}.yaml"), MODELS / "weights"


def read_system(path: Path) -> SystemSpec:
    """Read one system from a YAML file; unknown or missing keys raise ConfigError."""
    values = read_mapping(path)
    separators = values.get("separators")
    if not isinstance(separators, dict) or set(separators) != set(SOURCES):
        got = list(separators) if isinstance(separators, dict) else separators
        raise ConfigError(f"{path}: separators", got=got, expected=f"the keys {list(SOURCES)}")
    values["separators"] = {
        source: build(SeparatorSpec, separators[source], f"{path}: {source}") for source in SOURCES
    }
    data = values.get("training_data", [])
    if not isinstance(data, list) or not all(isinstance(name, str) for name in data):
        raise ConfigError(f"{path}: training_data", got=repr(data), expected="a list of names")
    if "training_data" in values:
        values["training_data"] = tuple(data)
    if "ladder" in values:
        values["ladder"] = _build_ladder(values["ladder"], f"{path}: ladder")
    spec = build(SystemSpec, values, str(path))
    track_name(spec.name)  # results are kept in a folder of this name
    for key, allowed in (("profile", PROFILES), ("leaderboard", LEADERBOARDS)):
        got = getattr(spec, key)
        if got not in allowed:
            raise ConfigError(f"{path}: {key}", got=got, expected=f"one of {', '.join(allowed)}")
    if spec.leaderboard == "A" and set(spec.training_data) != {MUSDB18_TRAIN}:
        raise ConfigError(
            f"{path}: training_data",
            got=list(spec.training_data),
            expected=f"['{MUSDB18_TRAIN}'], which is all that leaderboard A allows",
            hint="a system that saw more belongs to leaderboard B",
        )
    return spec


def _build_ladder(rungs: object, where: str) -> tuple[Rung, ...]:
    if not isinstance(rungs, list) or not rungs:
        raise ConfigError(where, got=repr(rungs), expected="a list of rungs, the best first")
    built = []
    for values in rungs:
        sources = values.get("sources", list(SOURCES)) if isinstance(values, dict) else []
        if not isinstance(sources, list) or not all(source in SOURCES for source in sources):
            raise ConfigError(where, got=repr(sources), expected=f"some of {list(SOURCES)}")
        ordered = tuple(source for source in SOURCES if source in sources)
        extra = {"sources": ordered} if isinstance(values, dict) else {}
        built.append(build(Rung, {**values, **extra} if extra else values, where))
    return tuple(built)


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds one mapping; raises ConfigError for anything else."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(path, got=error.strerror, expected="a readable YAML file") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: bytes or dates that cannot be
        raise ConfigError(path, got=error, expected="valid YAML") from error
    if not isinstance(values, dict):
        raise ConfigError(path, got=type(values).__name__, expected="a mapping of keys to values")
    return values


T = TypeVar("T")


def build(cls: type[T], values: object, where: str) -> T:
    """Make a dataclass from a YAML mapping, whose keys and plain types must be its fields'."""
    if not isinstance(values, dict):
        raise ConfigError(where, got=type(values).__name__, expected="a mapping of keys to values")
    known = {field.name: field for field in fields(cls)}  # type: ignore[arg-type]
    unknown = [key for key in values if key not in known]
    if unknown:
        raise ConfigError(where, got=f"unknown key '{unknown[0]}'", expected=f"{sorted(known)}")
    for key, value in values.items():
        kind: Any = known[key].type
        plain = isinstance(kind, type | UnionType)  # generics such as Mapping[...] are built above
        exact = isinstance(value, bool) == (kind is bool)  # to Python, True is an int as well
        if plain and not (exact and isinstance(value, kind)):
            expected = getattr(kind, "__name__", kind)
            raise ConfigError(f"{where}: {key}", got=repr(value), expected=f"of type {expected}")
    try:
        return cls(**values)
    except TypeError as error:
        raise ConfigError(where, got=error, expected=f"the keys {sorted(known)}") from error


def track_name(name: str) -> str:
    """Return the name of a track if it can safely name one folder; raises ConfigError if not."""
    if name in ("", ".", "..") or re.search(r"[/\\\x00]", name):
        raise ConfigError(
            "track name",
            got=repr(name),
            expected="the name of one folder, without '..' or a path separator",
        )
    return name
