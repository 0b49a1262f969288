"""SIGKILL at random moments: finished results stay, and half-written ones do not count."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import mdx.files
from benchmarks.memory import ROOT
from benchmarks.soak.journal import Row
from evaluator.children import kill_group, processes_of
from evaluator.fingerprints import hash_file
from evaluator.test_sets import Song
from mdx.audio import drafts
from mdx.systems.spec import SOURCES

FRESH = 4  # one trial in this many begins without results and compiled networks
GRACE = 2.0  # seconds in which the children of a killed process must end
# An environment variable of all processes of a trial. The evaluator's own mark would not do: it
# gives each of its children another one.
TRIAL = "SOAK_TRIAL"
STEMS = [f"{source}.wav" for source in SOURCES]


@dataclass(frozen=True)
class Whole:
    """The results of an undisturbed run of a command, whose bytes are always the same."""

    command: list[str]
    folder: Path  # that it writes to
    seconds: float
    fresh_seconds: float  # without compiled networks
    stems: dict[Path, str]  # hashes by their place in the folder
    scores: dict[Path, Any]

    @property
    def cache(self) -> Path:
        """The folder of its compiled networks."""
        return self.folder.with_name(f"{self.folder.name}-cache")

    def environment(self) -> dict[str, str]:
        """The environment of the command: networks are compiled, into a cache of its own."""
        return {**os.environ, "XDG_CACHE_HOME": str(self.cache), "MDX_RUNTIME": "openvino"}


def undisturbed(kind: str, system: str, songs: list[Song], out: Path) -> Whole:
    """Run a separation ("separate") or a replay of a test set ("evaluate") to its end."""
    folder = out / kind
    how = ["--system", system, "--precision", "int8"]
    if kind == "evaluate":
        command = ["evaluator/run.py", "--songs", str(songs[0].folder.parent), "--out", str(folder)]
        how += ["--resume", "--excerpt", "0"]
    else:
        mixtures = [str(song.folder / "mixture.wav") for song in songs]
        command = ["predict.py", *mixtures, "-o", str(folder), "--name", "{song}-{folder}/{stem}"]
    whole = Whole([sys.executable, *command, *how], folder, 0, 0, {}, {})
    shutil.rmtree(whole.cache, ignore_errors=True)
    fresh_seconds, seconds = (run_whole(whole) for _ in range(2))
    whole = replace(whole, seconds=seconds, fresh_seconds=fresh_seconds,
                    stems=stems_in(folder), scores=scores_in(folder))  # fmt: skip
    assert len(whole.stems) == len(STEMS) * len(songs) and (kind == "separate" or whole.scores)
    return whole


def run_whole(whole: Whole) -> float:
    """Run the command from nothing to its end; returns its seconds."""
    shutil.rmtree(whole.folder, ignore_errors=True)
    started = time.monotonic()
    subprocess.run(
        whole.command, cwd=ROOT, env=whole.environment(), capture_output=True, check=True
    )
    return time.monotonic() - started


def try_kill(number: int, whole: Whole) -> Row:
    """Kill the command at a random moment, check its results, and run it again to its end."""
    rng = np.random.default_rng(number)
    seconds = prepare(whole, rng, fresh=number % FRESH == 0)
    before = set(stems_in(whole.folder)), set(scores_in(whole.folder))
    mark = f"{os.getpid()}-{number}"
    after = float(rng.uniform(0, seconds))
    killed = run_and_kill(whole.command, after, mark, whole.environment())
    problems = [f"process {pid} is left" for pid in left_running(mark)]
    problems += compare(whole, before)
    again = subprocess.run(whole.command, cwd=ROOT, env=whole.environment(), capture_output=True,
                           text=True, check=False)  # fmt: skip
    if again.returncode:
        problems.append(f"then it ended with {again.returncode}: {again.stderr[-200:]}")
    if stems_in(whole.folder) != whole.stems or scores_in(whole.folder) != whole.scores:
        problems.append("then it came to other stems or scores")
    problems += [f"{name} is left" for name in left_behind(whole.folder)]
    return {"number": number, "after": after, "killed": killed, "bad": bool(problems),
            "problems": problems}  # fmt: skip


def prepare(whole: Whole, rng: np.random.Generator, *, fresh: bool) -> float:
    """Remove all results, or those of some replayed songs, so that there is something to do.

    Returns about how many seconds the command will take.
    """
    if fresh:
        for folder in (whole.folder, whole.cache):
            shutil.rmtree(folder, ignore_errors=True)
        return whole.fresh_seconds
    done = sorted(scores_in(whole.folder))
    if not done:  # a separation, which does all songs each time
        return whole.seconds
    chosen = rng.choice(len(done), size=rng.integers(1, len(done) + 1), replace=False)
    for record in (done[index] for index in chosen):
        (whole.folder / record).unlink()
        song = record.relative_to("records").with_suffix("")
        shutil.rmtree(whole.folder / "stems" / song, ignore_errors=True)  # the mixture has none
    return whole.seconds * (len(chosen) + 1) / (len(done) + 1)  # one for the start


def run_and_kill(command: list[str], seconds: float, mark: str, env: dict[str, str]) -> bool:
    """Start a command and kill it after `seconds`; returns whether it was still running."""
    child = subprocess.Popen(
        command, cwd=ROOT, env={**env, TRIAL: mark}, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.kill()  # only this process: its children must end by themselves
        child.wait()
        return True
    finally:
        if child.poll() is None:
            kill_group(child)
    return False


def left_running(mark: str) -> list[int]:
    """Processes that are still running although their parent is gone."""
    until = time.monotonic() + GRACE
    while (found := processes_of(mark, TRIAL)) and time.monotonic() < until:
        time.sleep(0.05)
    return found


def left_behind(folder: Path) -> list[str]:
    """Names of files and folders that are neither results nor removed."""
    temporary = (drafts.LEFTOVER, mdx.files.LEFTOVER)
    names = [path.name for path in folder.rglob(".*")]
    return [name for name in names if any(pattern.fullmatch(name) for pattern in temporary)]


def compare(whole: Whole, before: tuple[set[Path], set[Path]]) -> list[str]:
    """Describe what is wrong with the current results."""
    stems, scores = stems_in(whole.folder), scores_in(whole.folder)
    problems = [f"{path} is lost" for path in before[0] - set(stems) | before[1] - set(scores)]
    problems += [f"{path} is another one" for path, found in stems.items()
                 if found != whole.stems.get(path)]  # fmt: skip
    problems += [f"{path} has other scores" for path, found in scores.items()
                 if found != whole.scores.get(path)]  # fmt: skip
    for folder in {path.parent for path in stems}:
        if missing := {name for name in STEMS if folder / name not in stems}:
            problems.append(f"{folder} lacks {sorted(missing)}")
    return problems


def stems_in(folder: Path) -> dict[Path, str]:
    """Hashes of all stems with their final names."""
    paths = [path for name in STEMS for path in folder.rglob(name)]
    return {path.relative_to(folder): hash_file(path) for path in paths}


def scores_in(folder: Path) -> dict[Path, Any]:
    """The scores of all records that have some; raises ValueError for one that is not JSON.

    A record of new stems has none until they are scored.
    """
    found = {}
    for path in (folder / "records").rglob("*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["scores"] is not None:
            found[path.relative_to(folder)] = record["scores"]
    return found
