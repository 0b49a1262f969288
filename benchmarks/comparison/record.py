"""Seeds that machines have finished: a line each in record.jsonl, so that several can share them.

The steps of the first seed, which were those of its minutes on its machine, are those of the others
as well, however long they take elsewhere.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.comparison.variants import Steps, hash_configurations
from evaluator.fingerprints import hash_facts, hash_file
from mdx.files import write_atomically
from mdx.machine import available_cpus, cpu_model
from training.origin import git_commit

PATH = Path(__file__).with_name("record.jsonl")
FACTS = "song.json"  # of a composed song

Scores = dict[str, dict[str, float]]  # mean SDR of the test songs in dB, by variant and source


@dataclass(frozen=True)
class Compared:
    """What results of different seeds must have in common."""

    minutes: float
    songs: str
    configurations: str = field(default_factory=hash_configurations)


@dataclass(frozen=True)
class Seed:
    """The results of one seed."""

    seed: int
    steps: Steps
    scores: Scores
    commit: str | None = field(default_factory=git_commit)
    cpu: str = field(default_factory=cpu_model)
    cpus: int = field(default_factory=available_cpus)


def hash_songs(data: Path) -> str:
    """One sha256 of the songs' names and of how they were composed.

    Not of their samples, whose last bits depend on the CPU.
    """
    folders = sorted(path for path in data.glob("*/*") if path.is_dir())
    facts = [folder / FACTS for folder in folders]
    return hash_facts([
        [folder.relative_to(data).as_posix(), hash_file(path) if path.is_file() else None]
        for folder, path in zip(folders, facts, strict=True)
    ])  # fmt: skip


def recorded(path: Path, compared: Compared) -> list[Seed]:
    """The seeds in the record that can be compared."""
    if not path.exists():
        return []
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    wanted = asdict(compared)
    return [
        Seed(**{key: value for key, value in line.items() if key not in wanted})
        for line in lines
        if {key: line[key] for key in wanted} == wanted
    ]


def add(path: Path, compared: Compared, seed: Seed) -> None:
    """Add a seed to the record."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    write_atomically(path, before + json.dumps({**asdict(compared), **asdict(seed)}) + "\n")
