"""What a submission is made of, as frozen dataclasses; sizes are derived once."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mdx.errors import ConfigError

SOURCES = ("bass", "drums", "other", "vocals")  # KUIELab's order: rows of the Mixer
SAMPLE_RATE = 44100
CHANNELS = 2

Audio = npt.NDArray[np.float32]  # (channels, samples) or (sources, channels, samples)

_INSIDE = Path(__file__).resolve().parents[1] / "_repository"  # of a wheel, see setup.py
MODELS = (_INSIDE if _INSIDE.is_dir() else _INSIDE.parents[1]) / "models"
PROFILES = ("kuielab", "uvr")
LEADERBOARDS = ("A", "B", "none")
COMPANION = "companion"  # beside the sources, where costs and chunks are counted
NORMALISATIONS = ("stereo", "mono")
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
class CompanionSpec:
    """Demucs-v2, which makes all stems at once from the waveform, for a blend or by itself."""

    weights: str  # name in the manifest
    segment: float = 40.0  # seconds that one call of the network covers
    overlap: float = 0.5  # of two segments, as a share of one
    normalise: str = "stereo"  # by mean and deviation of both channels, or of their mean: mono
    shifts: int = 0  # random shifts, seeded, whose outputs are averaged
    batch: int = 2  # segments in one call: they share the way of the LSTM's weights from memory

    def __post_init__(self) -> None:
        require(0 < self.segment < math.inf, "segment", self.segment, "seconds above 0")
        require(0 <= self.overlap < 1, "overlap", self.overlap, "a share from 0 to below 1")
        expected = f"one of {', '.join(NORMALISATIONS)}"
        require(self.normalise in NORMALISATIONS, "normalise", self.normalise, expected)
        require(self.shifts >= 0, "shifts", self.shifts, "0 or more")
        require(self.batch >= 1, "batch", self.batch, "1 or more")
        require(self.stride >= 1, "overlap", self.overlap, "segments that start samples apart")

    @property
    def samples(self) -> int:
        """Samples of a segment."""
        return int(self.segment * SAMPLE_RATE)

    @property
    def stride(self) -> int:
        """Samples from the start of one segment to that of the next."""
        return int((1 - self.overlap) * self.samples)


@dataclass(frozen=True)
class TwoStemsSpec:
    """One network of the UVR community: its stem, and the rest of the mixture."""

    weights: str  # name in the manifest
    n_fft: int
    primary: str  # what the network finds, such as Vocals
    secondary: str  # what is left of the mixture, such as Instrumental
    hop: int = 1024
    dim_f: int | None = None  # checked against the graph where given
    dim_t: int | None = None  # frames
    compensate: float = 1.0  # gain of the estimate
    overlap: float | None = None  # of two chunks, as a share of one; None: n_fft samples
    denoise: bool = False  # twice the work: the mean of f(x) and -f(-x)
    match_cutoff: bool = True  # the rest is that of the mixture below the network's last bin

    def __post_init__(self) -> None:
        require(0 < self.compensate < math.inf, "compensate", self.compensate, "a gain above 0")
        overlap = 0.0 if self.overlap is None else self.overlap
        require(0 <= overlap < 1, "overlap", overlap, "a share from 0 to below 1")
        require(len(set(self.stems)) == 2, "stems", list(self.stems), "two names that differ")
        for stem in self.stems:
            track_name(stem)  # its file is called so

    @property
    def stems(self) -> tuple[str, str]:
        """Names of both stems as their files have them."""
        first, second = (name.lower().replace(" ", "_") for name in (self.primary, self.secondary))
        return first, second


@dataclass(frozen=True)
class Rung:
    """One way to run a system; a ladder of them, best first, is what a time limit walks down."""

    precision: str = "float32"
    mixer: bool = True  # where the system has one, and all sources a network
    sources: tuple[str, ...] = SOURCES  # with a network; the others, where made, share the rest
    both_polarities: bool = False  # twice the work: the mean of f(x) and -f(-x)
    companion: bool = True  # where the system has one

    @property
    def parts(self) -> tuple[str, ...]:
        """What has a network, by source or as the companion; none: the mixture turned down."""
        return (*self.sources, COMPANION) if self.companion else self.sources

    def __str__(self) -> str:
        if not self.parts:
            return "scaled mixture"
        twice = " twice" if self.both_polarities else ""
        if not self.sources:
            return f"{self.precision} companion{twice}"
        networks = "" if len(self.sources) == len(SOURCES) else f", {' and '.join(self.sources)}"
        mixer = "" if self.mixer or networks else ", no Mixer"
        companion = ", with companion" if self.companion else ""
        return f"{self.precision}{networks}{mixer}{companion}{twice}"


# A quarter of the mixture each: no network at all.
LAST_RESORT = Rung(mixer=False, sources=(), companion=False)


@dataclass(frozen=True)
class SystemSpec:
    """A whole submission: separators by source name, their Mixer, a companion; or two stems."""

    name: str
    description: str
    training_data: tuple[str, ...]  # names of data sets, as above or in words
    leaderboard: str
    profile: str
    separators: Mapping[str, SeparatorSpec] = field(default_factory=dict)  # all sources', or none
    mixer: str | None = None  # name in the manifest
    companion: CompanionSpec | None = None
    blend: Mapping[str, float] | None = None  # the separators' share of each source, 0 to 1
    two_stems: TwoStemsSpec | None = None  # profile uvr: in place of all of the above
    licence: str = ""  # of the code and the weights, in words
    limit: str | None = None  # of a song: fixed:SECONDS, ratio:TIMES or none
    ladder: tuple[Rung, ...] = (Rung("float32"), Rung("int8"))  # best first

    def __post_init__(self) -> None:
        track_name(self.name)  # results are kept in a folder of this name
        for key, allowed in (("profile", PROFILES), ("leaderboard", LEADERBOARDS)):
            got = getattr(self, key)
            require(got in allowed, key, got, f"one of {', '.join(allowed)}")
        self._check_parts()
        if self.leaderboard == "A" and set(self.training_data) != {MUSDB18_TRAIN}:
            raise ConfigError(
                "training_data",
                got=list(self.training_data),
                expected=f"['{MUSDB18_TRAIN}'], which is all that leaderboard A allows",
                hint="a system that saw more belongs to leaderboard B",
            )

    def _check_parts(self) -> None:
        four = {key for key in ("separators", "mixer", "companion", "blend") if getattr(self, key)}
        if self.profile == "uvr" or self.two_stems:
            both = self.profile == "uvr" and self.two_stems is not None
            require(both, "two_stems", self.profile, "two_stems and the profile uvr together")
            require(not four, "two_stems", sorted(four), "none of these beside it")
            return
        has_all = set(self.separators) == set(SOURCES)
        alone = not self.separators and self.companion is not None
        got = list(self.separators)
        require(has_all or alone, "separators", got, f"the keys {list(SOURCES)}, or a companion")
        require(has_all or not self.mixer, "mixer", self.mixer, "none without separators")
        blended = has_all and self.companion is not None
        expected = "shares where there are separators and a companion, and only there"
        require(blended == (self.blend is not None), "blend", self.blend, expected)
        if self.blend is not None:
            require(set(self.blend) == set(SOURCES), "blend", self.blend, f"{list(SOURCES)}")
            fine = all(0 <= share <= 1 for share in self.blend.values())
            require(fine, "blend", dict(self.blend), "shares from 0 to 1")

    @property
    def stems(self) -> tuple[str, ...]:
        """Names of what it makes of a song."""
        return SOURCES if self.two_stems is None else self.two_stems.stems


def require(true: bool, subject: object, got: object, expected: object) -> None:
    """Raise ConfigError unless it is true."""
    if not true:
        raise ConfigError(subject, got=got, expected=expected)


def track_name(name: str) -> str:
    """Return the name of a track if it can safely name one folder; raises ConfigError if not."""
    if name in ("", ".", "..") or re.search(r"[/\\\x00]", name):
        raise ConfigError(
            "track name",
            got=repr(name),
            expected="the name of one folder, without '..' or a path separator",
        )
    return name
