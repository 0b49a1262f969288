"""What a system is made of, as frozen dataclasses."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mdx.errors import ConfigError

SOURCES = ("bass", "drums", "other", "vocals")  # KUIELab's order: rows of the Mixer
SAMPLE_RATE = 44100
CHANNELS = 2

Audio = npt.NDArray[np.float32]  # (channels, samples) or (stems, channels, samples)

_INSIDE = Path(__file__).resolve().parents[1] / "_repository"  # in a wheel, see setup.py
MODELS = (_INSIDE if _INSIDE.is_dir() else _INSIDE.parents[1]) / "models"
LEADERBOARDS = ("A", "B", "none")
# Training data that the challenge's rules mention; any other is named in free words.
MUSDB18_TRAIN = "MUSDB18-HQ train"
MUSDB18_TEST = "MUSDB18-HQ test"
FILTER = "wiener"  # the kind of the only step that works on segments: the last one, if any


@dataclass(frozen=True)
class EstimatorSpec:
    """One estimator of a system: its kind, its network, and the stems it makes."""

    kind: str  # a key of mdx.estimators.front_ends.FRONT_ENDS
    makes: tuple[str, ...]  # stems, in the order of the network's output
    weights: str | None = None  # name in the manifest; None for an estimator without a network
    stem_weights: Mapping[str, str] = field(default_factory=dict)  # instead of it: one per stem
    name: str = ""  # in ladders, blends, progress and reports; by default its stem or its kind
    options: Mapping[str, Any] = field(default_factory=dict)  # checked by the front end

    def __post_init__(self) -> None:
        require(bool(self.makes), "makes", list(self.makes), "at least one stem")
        fine = not self.stem_weights or (
            self.weights is None and set(self.stem_weights) == set(self.makes)
        )
        expected = f"one file for each of {', '.join(self.makes)}"
        require(fine, "weights", dict(self.stem_weights), expected)
        if not self.name:
            object.__setattr__(self, "name", self.makes[0] if len(self.makes) == 1 else self.kind)

    @property
    def networks(self) -> dict[str, str]:
        """Names of its float32 networks in the manifest, by its name, or by name and stem."""
        if self.stem_weights:
            return {f"{self.name}.{stem}": self.stem_weights[stem] for stem in self.makes}
        return {} if self.weights is None else {self.name: self.weights}


@dataclass(frozen=True)
class CombinerSpec:
    """One step in what is done with the estimators' stems."""

    kind: str  # a key of mdx.combine.combiners.COMBINERS
    weights: str | None = None  # name in the manifest
    estimator: str | None = None  # whose stems are set aside for this step
    options: Mapping[str, Any] = field(default_factory=dict)  # checked by the combiner


@dataclass(frozen=True)
class QualityLevel:
    """One way to run a system; under a time limit a song falls back along a ladder of them."""

    precision: str = "float32"
    mixer: bool = True  # if the system has one, and every estimator that it needs runs
    estimators: tuple[str, ...] | None = None  # names of those that run; None: all of the system
    both_polarities: bool = False  # twice the work: the mean of f(x) and -f(-x)

    def label(self, best: "QualityLevel") -> str:
        """How the level differs from the best one, in words; both name estimators."""
        if self.estimators == ():
            return "scaled mixture"
        part = "" if self.estimators in (None, best.estimators) else self._listed()
        mixer = ", no Mixer" if best.mixer and not self.mixer and not part else ""
        return f"{self.precision}{part}{mixer}{', both polarities' * self.both_polarities}"

    def _listed(self) -> str:
        return f", {' and '.join(self.estimators or ())}"


# An equal share of the mixture each: no network at all.
LAST_RESORT = QualityLevel(mixer=False, estimators=())


@dataclass(frozen=True)
class SystemSpec:
    """A whole system: estimators, what is done with their stems, and how it may be run."""

    name: str
    description: str
    training_data: tuple[str, ...]  # names of data sets, as above or in words
    leaderboard: str
    estimators: tuple[EstimatorSpec, ...]
    combine: tuple[CombinerSpec, ...] = ()  # in this order
    stems: tuple[str, ...] = SOURCES  # what it makes of a song
    both_polarities: bool = False  # of its best level
    licence: str = ""  # of the code and the weights, in words
    limit: str | int | float | None = None  # of a song: seconds, fixed:SECONDS, ratio:N or none
    ladder: tuple[QualityLevel, ...] = (  # best first
        QualityLevel("float32"), QualityLevel("bf16"), QualityLevel("int8"),
    )  # fmt: skip

    def __post_init__(self) -> None:
        folder_name("name", self.name)  # results are kept in a folder with this name
        for stem in self.stems:
            folder_name("stems", stem)  # its file is named after it
        distinct = len(set(self.stems)) == len(self.stems) > 0
        require(distinct, "stems", list(self.stems), "names that differ")
        allowed = f"one of {', '.join(LEADERBOARDS)}"
        require(self.leaderboard in LEADERBOARDS, "leaderboard", self.leaderboard, allowed)
        self._check_estimators()
        self._check_filter()
        self._check_ladder()
        if self.leaderboard == "A" and set(self.training_data) != {MUSDB18_TRAIN}:
            raise ConfigError(
                "training_data",
                got=list(self.training_data),
                expected=f"['{MUSDB18_TRAIN}'], which is all that leaderboard A allows",
                hint="a system that saw more belongs to leaderboard B",
            )

    def _check_estimators(self) -> None:
        names = self.names
        require(bool(names), "estimators", [], "at least one")
        expected = "names that differ, given by the key name"
        require(len(set(names)) == len(names), "estimators", list(names), expected)
        for step in self.combine:
            fine = step.estimator is None or step.estimator in names
            require(fine, step.kind, f"estimator '{step.estimator}'", f"one of {', '.join(names)}")
        made: dict[str, str] = {}
        for estimator in self.estimators:
            if estimator.name in self.set_aside:
                continue
            for stem in estimator.makes:
                expected = f"the system's: {', '.join(self.stems)}"
                require(stem in self.stems, estimator.name, f"the stem '{stem}'", expected)
                twice = f"'{stem}', which '{made.get(stem)}' makes too"
                expected = "one estimator a stem, or a blend or sum of both"
                require(stem not in made, estimator.name, twice, expected)
                made[stem] = estimator.name
        rest = any(step.kind == "rest" for step in self.combine)
        missing = [stem for stem in self.stems if stem not in made]
        expected = "an estimator for every stem, or the combiner rest"
        require(rest or not missing, "estimators", f"none for {missing}", expected)

    def _check_filter(self) -> None:
        kinds = [step.kind for step in self.combine]
        expected = f"{FILTER} as the last step alone"
        fine = FILTER not in kinds[:-1]
        require(fine, "combine", f"the steps {', '.join(kinds)}", expected)

    def _check_ladder(self) -> None:
        require(bool(self.ladder), "ladder", [], "quality levels, the best first")
        for level in self.ladder:
            unknown = set(level.estimators or ()) - set(self.names)
            got, expected = sorted(unknown), f"some of {', '.join(self.names)}"
            require(not unknown, "ladder: estimators", got, expected)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its estimators."""
        return tuple(estimator.name for estimator in self.estimators)

    @property
    def set_aside(self) -> frozenset[str]:
        """Names of the estimators whose stems are set aside for a combiner of their own."""
        return frozenset(step.estimator for step in self.combine if step.estimator is not None)

    @property
    def networks(self) -> dict[str, str]:
        """Names of the float32 networks in the manifest, by estimator, or estimator and stem."""
        return {role: name for part in self.estimators for role, name in part.networks.items()}

    @property
    def mixer(self) -> str | None:
        """Name of the Mixer in the manifest; None if the system has none."""
        return next((step.weights for step in self.combine if step.kind == "mixer"), None)

    @property
    def filter(self) -> CombinerSpec | None:
        """The filter that all stems go through in the end; None if the system has none."""
        return next((step for step in self.combine if step.kind == FILTER), None)

    @property
    def files(self) -> list[str]:
        """Names of all its files in the manifest, without int8 networks."""
        return [*self.networks.values(), *([] if self.mixer is None else [self.mixer])]


def require(true: bool, subject: object, got: object, expected: object) -> None:
    """Raise ConfigError unless it is true."""
    if not true:
        raise ConfigError(subject, got=got, expected=expected)


def folder_name(what: str, name: str) -> str:
    """A name if it can safely name one folder or file; raises ConfigError, about `what`, if not."""
    safe = name not in ("", ".", "..") and not re.search(r"[/\\\x00]", name)
    require(safe, what, repr(name), "the name of one folder, without '..' or a path separator")
    return name
