"""Runs the contenders, each in its own process, and keeps the measurements in a JSON file."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.balance.contenders import CONTENDERS, Run, runs_of
from benchmarks.balance.networks import parameters, settings_of, write_system
from benchmarks.balance.work import song_macs
from benchmarks.memory import write_song
from evaluator.children import Children
from evaluator.fingerprints import hash_facts
from evaluator.json_files import write_json
from evaluator.replay import Submission, separate_song
from mdx.errors import ConfigError
from mdx.limit.policy import Limit
from mdx.machine import available_cpus, cpu_model, has_bf16
from mdx.systems.find import find_system

SONGS = {"a song of 4 minutes": 240, "MUSDB's longest song (7:10)": 430}  # seconds


class Figures:
    """All measurements on one machine, in a JSON file that grows with every run."""

    def __init__(self, path: Path, seconds: float) -> None:
        """Raises ConfigError if the file has figures of another machine or another song."""
        self._path = path
        machine = {"cpu": cpu_model(), "cpus": available_cpus(), "seconds": seconds}
        self.values: dict[str, Any] = {"machine": machine, "systems": {}}
        if path.exists():
            self.values = json.loads(path.read_text(encoding="utf-8"))
        if (found := self.values.get("machine")) != machine:
            raise ConfigError(path, got=f"figures of {found}", expected=f"{machine}, or a new file")

    def of(self, run: Run) -> dict[str, Any]:
        """The figures of a run so far; of other settings than its own, none are kept."""
        settings = settings_of(run)
        parts = [{**part, "weights": None} for part in settings["estimators"]]
        key = hash_facts(parts, settings.get("combine"))
        found: dict[str, Any] = self.values["systems"].get(str(run), {})
        if found.get("settings") != key:
            found = {"settings": key, "runs": [], "macs": {}, "parameters": 0}
            self.values["systems"][str(run)] = found
        return found

    def save(self) -> None:
        """Write the file."""
        write_json(self._path, self.values)


def all_runs(systems: list[str]) -> list[Run]:
    """Every way of running these systems that this machine supports."""
    found = []
    for name in systems:
        options: dict[str, Any] = {}
        for part in find_system(name)[0].estimators:
            options |= part.options
        found += runs_of(name, options)
    return [run for run in found if run.precision != "bf16" or has_bf16()]


def measure(runs: list[Run], folder: Path, figures: Figures, seconds: int, times: int) -> None:
    """Measure until every run has `times` measurements, interleaved and saved after each."""
    with tempfile.TemporaryDirectory() as name:
        song = Path(name) / "song" / "mixture.wav"
        song.parent.mkdir()
        write_song(song, seconds)
        for done in range(times):
            for run in runs:
                known = figures.of(run)
                if len(known["runs"]) > done:
                    continue
                system = write_system(run, folder)
                known["parameters"] = parameters(run, folder)
                for length in (seconds, *SONGS.values()):
                    if str(length) not in known["macs"]:
                        known["macs"][str(length)] = song_macs(system, length)
                submission = Submission(str(system), precision=run.precision, limit=Limit("none"))
                found = separate_song(submission, song.parent, Path(name) / "out", Children())
                known["runs"].append({
                    "setup_seconds": found.setup_seconds, "seconds": found.seconds,
                    "peak_memory": found.peak_memory,
                })  # fmt: skip
                figures.save()
                print(f"{run}: {found.seconds:.1f} s", flush=True)


def projected_seconds(known: Mapping[str, Any], measured: float, wanted: float) -> float:
    """Seconds for another song: the measured ones, scaled by the networks' operations; no loading.

    Both lengths are in seconds. Other work (STFT, files) grows slightly less.
    """
    taken = median(run["seconds"] for run in known["runs"])
    macs = known["macs"]
    return float(taken * macs[f"{wanted:g}"] / macs[f"{measured:g}"])


def title_of(run: Run) -> str:
    """The name of a run in tables and figures."""
    title = CONTENDERS[run.system].title
    return title if run.precision == "float32" else f"{title}, {run.precision}"
