"""`python -m benchmarks.cluster`: songs on one and on two local workers, and a model for more.

It measures the same songs without a cluster, on one worker and on two, whether their scores agree,
and the overhead per song. The model is fitted to that; it is not a measurement of a cluster.
"""

import argparse
import heapq
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

from benchmarks.command import errors_in_one_line
from evaluator.cluster import ClusterExecutor, longest_first
from evaluator.evaluation import make_jobs, run_jobs
from evaluator.jobs import Options, SystemJob
from evaluator.stop import Stop
from evaluator.systems import read_systems
from evaluator.test_sets import TestSet, find_test_set
from mdx.cluster.connect import Cluster
from mdx.machine import available_cpus, cpu_model
from mdx.systems.spec import SAMPLE_RATE, SOURCES

BYTES = 4 * SAMPLE_RATE  # of a second of a 16 bit stereo file
FILES = 1 + len(SOURCES)  # sent for each song: the mixture there, its stems back


@dataclass(frozen=True)
class Model:
    """Seconds of a run: a song takes `fixed` and `per_second` for each second of it."""

    fixed: float
    per_second: float
    link: float = 125e6  # bytes a second that the client's network carries: 1 Gbit/s

    def seconds(self, songs: Sequence[float], workers: int, *, shared: bool) -> float:
        """Seconds for songs of these durations, the longest first, each on the first free worker.

        Without a shared folder, all files pass through the client.
        """
        free = [0.0] * workers
        for duration in sorted(songs, reverse=True):
            heapq.heapreplace(free, free[0] + self.fixed + self.per_second * duration)
        travel = 0.0 if shared else FILES * BYTES * sum(songs) / self.link
        return max(*free, travel) if workers > 1 else max(free[0], travel)


def fit(durations: Sequence[float], seconds: Sequence[float]) -> Model:
    """Fit the model to the measured seconds of songs of these durations, by least squares."""
    per_second, fixed = np.polyfit(durations, seconds, 1)
    return Model(max(0.0, float(fixed)), max(0.0, float(per_second)))


@dataclass(frozen=True)
class Run:
    """One way to process the songs."""

    name: str
    seconds: float  # from the first song's start to the last one's end
    work: dict[str, float]  # seconds of each song's own work
    scores: dict[str, Any]


def run(name: str, test_set: TestSet, system: str, out: Path, address: str | None) -> Run:
    """Process the songs here, or on the cluster at an address."""
    stop = Stop.inside(out)
    out.mkdir(parents=True)
    everything = make_jobs(test_set, read_systems([system]), [], out, Options(), stop)
    jobs = longest_first([job for job in everything if isinstance(job, SystemJob)])

    def timed(executor: Callable[[int], Executor]) -> Run:
        started = time.perf_counter()
        outcome = run_jobs(jobs, stop, lambda *_: None, executor=executor)
        seconds = time.perf_counter() - started
        records = {song: record for (_, song), record in outcome.records.items()}
        work = {
            song: machine["seconds"]
            for song, record in records.items()
            if (machine := record["separation"].get("machine"))
        }
        return Run(name, seconds, work, {song: r["scores"] for song, r in records.items()})

    if address is None:
        return timed(ThreadPoolExecutor)
    with Cluster(address) as cluster:
        return timed(lambda _: ClusterExecutor(cluster))


def write_songs(root: Path, durations: Sequence[float]) -> None:
    """Write songs of noise with their stems."""
    rng = np.random.default_rng(0)
    for number, duration in enumerate(durations):
        folder = root / f"song {number:03d}"
        folder.mkdir(parents=True)
        shape = round(duration * SAMPLE_RATE), 2
        stems = {source: rng.uniform(-0.2, 0.2, shape).astype(np.float32) for source in SOURCES}
        for stem, audio in {**stems, "mixture": np.sum(list(stems.values()), axis=0)}.items():
            sf.write(folder / f"{stem}.wav", audio, SAMPLE_RATE)


def main() -> None:
    """Print the measurements and the model's predictions."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__)
    parser.add_argument("--system", default="demo")
    parser.add_argument("--songs", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60.0, help="of the longest song")
    parser.add_argument("--model-songs", type=int, default=50)
    parser.add_argument("--model-seconds", type=float, default=240.0)
    args = parser.parse_args()
    # From half of the longest duration to all of it, to identify the fixed cost of a song.
    durations = [args.seconds * share for share in np.linspace(0.5, 1.0, args.songs)]
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        write_songs(Path(folder) / "songs", durations)
        test_set = find_test_set(Path(folder) / "songs", Path(folder) / "decoded")
        for name, address in (("one machine", None), ("one worker", "local:1"),
                              ("two workers", "local:2")):  # fmt: skip
            runs.append(run(name, test_set, args.system, Path(folder) / name, address))
    print(f"{args.songs} songs of {durations[0]:g} to {durations[-1]:g} s, system {args.system}; "
          f"{cpu_model()}, {available_cpus()} CPUs\n")  # fmt: skip
    print("| run | seconds | of them work | beyond the work, s a song | scores |")
    print("| --- | ------: | -----------: | -----------------------: | ------ |")
    for found in runs:
        print(_row(found, runs[0]))
    work = runs[1].work
    by_song = dict(zip((song.name for song in test_set.songs), durations, strict=True))
    model = fit([by_song[song] for song in work], list(work.values()))
    fixed = model.fixed + _beyond(runs[1])
    _print_model(Model(fixed, model.per_second), args.model_songs, args.model_seconds)


def _beyond(found: Run) -> float:
    # Seconds a song that are neither its own work nor the wait of one worker for the other's last.
    workers = 2 if found.name.startswith("two") else 1
    busy = Model(0.0, 1.0).seconds(list(found.work.values()), workers, shared=True)
    return workers * (found.seconds - busy) / len(found.work)


def _row(found: Run, first: Run) -> str:
    same = "the same" if found.scores == first.scores else "OTHERS"
    if not found.work:
        return f"| {found.name} | {found.seconds:.1f} | - | - | - |"
    work = sum(found.work.values())
    return f"| {found.name} | {found.seconds:.1f} | {work:.1f} | {_beyond(found):.2f} | {same} |"


def _print_model(model: Model, songs: int, seconds: float) -> None:
    print(
        f"\nA model, not a measurement: a song takes {model.fixed:.2f} s and "
        f"{model.per_second:.3f} s for each second of it; {songs} songs of {seconds:g} s, workers "
        "like this machine\n"
    )
    print("| workers | shared folder, s | files travel through 1 Gbit/s, s |")
    print("| ------: | ---------------: | -------------------------------: |")
    for workers in (1, 4, 16):
        shared, travels = (
            model.seconds([seconds] * songs, workers, shared=shared) for shared in (True, False)
        )
        print(f"| {workers} | {shared:.0f} | {travels:.0f} |")


if __name__ == "__main__":
    with errors_in_one_line():
        main()
