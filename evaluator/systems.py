"""The systems of a run: their files, their hashes, and the marks that their scores must carry."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from evaluator.fingerprints import ROOT, hash_facts, hash_file
from evaluator.scores import BASELINE
from evaluator.test_sets import MUSDB18_TESTS, TestSet
from mdx.errors import ConfigError
from mdx.systems.find import find_system
from mdx.systems.manifest import int8_name, read_manifest
from mdx.systems.spec import SOURCES, SystemSpec
from mdx.systems.weights import name_for, require_files

MIXER = "mixer"
DEMUCS = "demucs_v2"  # the name of the estimator that makes all stems of the waveform
TRAINED_ON_TEST = "trained on test"
# The fields of a spec that no stem depends on; all others, including future ones, count.
PROSE = ("name", "description", "training_data", "leaderboard", "licence")


@dataclass(frozen=True)
class DemucsRun:
    """How a system runs its Demucs-v2, whatever its weights."""

    segment: float = 40.0  # seconds; these are the runtime's defaults
    overlap: float = 0.5  # of adjacent segments, as a fraction of one
    normalise: str = "stereo"
    shifts: int = 0
    blend: Mapping[str, float] | None = None  # the other networks' share of each source
    more: Mapping[str, Any] = field(default_factory=dict)  # all other options of a system


@dataclass(frozen=True)
class System:
    """A system that takes part in a run."""

    given: str  # the name or path that was given
    spec: SystemSpec
    precision: str  # as requested: float32, bf16, int8 or auto
    # sha256 by the estimator's name, and of the Mixer; None: no file
    weights: dict[str, str | None]
    # likewise, of the int8 networks to which a limit may fall back
    below: dict[str, str | None]
    # sha256 of the checkpoints that its networks were converted from, by the estimator's name
    origins: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The system's name, which its folders have too."""
        return self.spec.name

    @property
    def key(self) -> str:
        """A hash of everything in the system that determines its stems."""
        spec = {name: value for name, value in asdict(self.spec).items() if name not in PROSE}
        return hash_facts(spec, self.precision, self.weights, self.below)

    @property
    def demucs(self) -> DemucsRun | None:
        """How it runs Demucs-v2; None where it has none."""
        parts = {part.name: part.options for part in self.spec.estimators}
        if DEMUCS not in parts:
            return None
        blends = (step.options for step in self.spec.combine if step.estimator == DEMUCS)
        shares = next(blends, {}).get("shares")
        known = {field.name for field in fields(DemucsRun)}
        told = {key: value for key, value in parts[DEMUCS].items() if key in known}
        more = {key: parts[DEMUCS][key] for key in parts[DEMUCS] if key not in {*known, "batch"}}
        return DemucsRun(**told, blend=shares, more=more)

    def marks(self, test_set: TestSet) -> list[str]:
        """The marks that must accompany its scores on a test set."""
        seen = any(name in MUSDB18_TESTS for name in self.spec.training_data)
        marks = [TRAINED_ON_TEST] if seen and test_set.is_musdb18_test else []
        return marks if self.precision == "float32" else [*marks, self.precision]

    def disagreement(self, submission: Path = ROOT / "aicrowd.json") -> str | None:
        """A warning if aicrowd.json and the system's leaderboard contradict each other.

        Raises ConfigError if the file cannot be read.
        """
        try:
            external = json.loads(submission.read_text(encoding="utf-8"))["external_dataset_used"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                submission, got=f"{type(error).__name__}: {error}",
                expected="JSON with the key external_dataset_used",
            ) from error  # fmt: skip
        if external is (self.spec.leaderboard != "A"):
            return None
        board = "another board than A" if external else "leaderboard A"
        return (
            f"aicrowd.json says external_dataset_used {json.dumps(external)} ({board}), but "
            f"'{self.name}' declares leaderboard {self.spec.leaderboard}: "
            "change one before submitting it"
        )


def read_systems(given: list[str], precision: str = "float32") -> list[System]:
    """Read the systems of a run.

    `precision` is one of mdx.systems.weights. Raises ConfigError for an invalid system, for two of
    one name, or for other stems than a test set's; WeightsError if one lacks the precision.
    """
    systems = [_read_system(name, precision) for name in given]
    refuse_duplicates([system.name for system in systems])
    return systems


def refuse_missing_weights(systems: Iterable[System]) -> None:
    """Raise WeightsError, which says how to get them, if a system's weights are not here."""
    for system in systems:
        spec, folder = find_system(system.given)
        if None in system.weights.values():
            require_files(spec.name, folder, spec.files)


def refuse_duplicates(names: Iterable[str]) -> None:
    """Raise ConfigError if two entries of a report share a name, or one has the baseline's."""
    every = [BASELINE, *names]
    twins = sorted({name for name in every if every.count(name) > 1})
    if twins:
        raise ConfigError(
            "systems", got=f"the name '{twins[0]}' twice", expected="different names",
            hint="their stems are kept in folders of these names",
        )  # fmt: skip


def _read_system(given: str, precision: str) -> System:
    spec, folder = find_system(given)
    if spec.stems != SOURCES:
        raise ConfigError(
            f"system '{given}'", got=f"the stems {', '.join(spec.stems)}",
            expected=f"the four of a test set, {', '.join(SOURCES)}",
        )  # fmt: skip
    networks = spec.networks
    files = {role: name_for(precision, folder, name) for role, name in networks.items()}
    if spec.mixer is not None:
        files[MIXER] = spec.mixer
    weights = _hash(folder, files)
    below = _hash(folder, {role: int8_name(name) for role, name in networks.items()})
    return System(given, spec, precision, weights, below, _origins(folder, files, weights))


def _origins(folder: Path, files: dict[str, str], weights: dict[str, str | None]) -> dict[str, str]:
    # The checkpoints of the networks, from the manifest's entries with the sha256 of these files.
    entries = read_manifest(folder)
    return {
        role: entry.parent
        for role, name in files.items()
        if (entry := entries.get(name)) and entry.parent and entry.sha256 == weights[role]
    }


def _hash(folder: Path, files: dict[str, str]) -> dict[str, str | None]:
    return {
        role: hash_file(folder / name) if (folder / name).is_file() else None
        for role, name in files.items()
    }
