"""The systems of a run, as a report needs them: what they are made of, and what they may claim."""

import json
from dataclasses import dataclass
from pathlib import Path

from evaluator.fingerprints import ROOT, hash_facts, hash_file
from evaluator.scores import BASELINE
from evaluator.test_sets import MUSDB18_TESTS, TestSet
from mdx.errors import ConfigError
from mdx.systems.find import find_system
from mdx.systems.spec import SOURCES, EstimatorSpec, SystemSpec
from mdx.systems.weights import int8_name, name_for, read_manifest

MIXER = "mixer"
TRAINED_ON_TEST = "trained on test"


@dataclass(frozen=True)
class System:
    """A system that takes part in a run."""

    given: str  # the name or path by which it was asked for
    spec: SystemSpec
    precision: str  # asked for: float32, int8 or auto
    # sha256 by estimator, and of the Mixer; None for a missing file
    weights: dict[str, str | None]
    # likewise, of int8 networks that a limit may lead to
    below: dict[str, str | None]
    origin: str | None = None  # sha256 of the checkpoint that Demucs-v2 was converted from

    @property
    def name(self) -> str:
        """Its name, which is also that of its folders."""
        return self.spec.name

    @property
    def key(self) -> str:
        """A hash of all that decides about its stems."""
        spec = self.spec
        made_of = (spec.estimators, spec.combine, spec.stems, spec.both_polarities, spec.ladder)
        return hash_facts(made_of, self.weights, self.below)

    def marks(self, test_set: TestSet) -> list[str]:
        """What must be said wherever its scores on a test set stand."""
        seen = any(name in MUSDB18_TESTS for name in self.spec.training_data)
        marks = [TRAINED_ON_TEST] if seen and test_set.is_musdb18_test else []
        return marks if self.precision == "float32" else [*marks, self.precision]

    def disagreement(self, submission: Path = ROOT / "aicrowd.json") -> str | None:
        """Where aicrowd.json and the system's leaderboard contradict each other, in words.

        Raises ConfigError where the file cannot be read.
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
    """Read the systems of a run; raises ConfigError, also for two of one name or other stems.

    `precision` is that of mdx.systems.weights; raises WeightsError where a system does not have it.
    """
    systems = [_read_system(name, precision) for name in given]
    names = [BASELINE, *(system.name for system in systems)]
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise ConfigError(
            "systems", got=f"the name '{twins[0]}' twice", expected="names of their own",
            hint="their stems are kept in folders of these names",
        )  # fmt: skip
    return systems


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
    demucs = demucs_of(spec)
    origin = _origin(folder, files[demucs.name], weights[demucs.name]) if demucs else None
    return System(given, spec, precision, weights, below, origin)


def demucs_of(spec: SystemSpec) -> EstimatorSpec | None:
    """The system's Demucs-v2, by itself or in a blend; None where it has none."""
    return next((part for part in spec.estimators if part.kind == "waveform"), None)


def _origin(folder: Path, name: str, sha256: str | None) -> str | None:
    # What a network was made from, by a manifest that means this very file.
    entry = read_manifest(folder).get(name)
    return entry.parent if entry and entry.sha256 == sha256 else None


def _hash(folder: Path, files: dict[str, str]) -> dict[str, str | None]:
    return {
        role: hash_file(folder / name) if (folder / name).is_file() else None
        for role, name in files.items()
    }
