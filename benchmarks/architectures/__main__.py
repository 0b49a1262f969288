"""`python -m benchmarks.architectures`: the paper's comparison in miniature, at equal time.

Every architecture, at a size that takes about the same CPU time (see --sizes), is trained for
vocals and drums on the same songs for the same time, with three seeds; a network for all four stems
gets the time of both. SDR is measured on held-out songs. Results are kept in --out, interrupted
trainings continue, and the table shows the results so far.
"""

import argparse
import json
import sys
import time
from functools import partial
from pathlib import Path
from statistics import mean

import torch

from benchmarks.architectures.contestants import CHUNK, CONTESTANTS
from benchmarks.architectures.race import Race, run_race
from benchmarks.command import errors_in_one_line, keep_settings
from benchmarks.trainings import train_all
from evaluator.json_files import write_json
from evaluator.sections import page_with, replace_section
from evaluator.tables import markdown_table
from mdx.machine import available_cpus, cpu_model
from mdx.systems.spec import SAMPLE_RATE, SOURCES
from training.config import ALL
from training.songs import find_songs

ASKED = ("vocals", "drums")
SEEDS = (1, 2, 3)
CPUS = 2  # over which the minutes of a training are counted
SECTION = "architectures"  # of the page
TIMED = 3  # passes by which a network's pace is measured


def races(names: list[str], minutes: float) -> list[Race]:
    """All trainings, seed by seed: even an early table has all architectures."""
    seconds = 60 * CPUS * minutes
    found = []
    for seed in SEEDS:
        for name in names:
            if CONTESTANTS[name].makes:
                found.append(Race(name, ALL, seed, len(ASKED) * seconds))
            else:
                found += [Race(name, source, seed, seconds) for source in ASKED]
    return found


def run_all(todo: list[Race], data: Path, out: Path, workers: int) -> None:
    """Train and score all races that are not finished."""
    songs, tests = list(find_songs(data / "train")), list(find_songs(data / "test"))
    waiting = [race for race in todo if not (out / f"{race.name}.json").exists()]
    out.mkdir(parents=True, exist_ok=True)
    jobs = {race.name: partial(run_race, race, songs, tests, out) for race in waiting}
    for name, scores in train_all(jobs, workers):
        write_json(out / f"{name}.json", scores)
        print(f"{name}: {scores}", flush=True)


def results_table(todo: list[Race], out: Path) -> str:
    """The means over seeds of finished races, with the lowest and the highest."""
    lines = []
    for name, contestant in CONTESTANTS.items():
        cells = []
        for source in ASKED:
            values = [
                json.loads(path.read_text(encoding="utf-8"))[source]
                for race in todo
                if race.contestant == name and race.source in (source, ALL)
                and (path := out / f"{race.name}.json").exists()
            ]  # fmt: skip
            cells += [spread(values) if values else "-", f"{len(values)}"]
        lines.append([contestant.title, *cells])
    header = [word for source in ASKED for word in (f"{source}, dB", "seeds")]
    return markdown_table(["architecture", *header], lines)


def spread(values: list[float]) -> str:
    """The mean, with the lowest and the highest in brackets."""
    return f"{mean(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def sizes_table() -> str:
    """The parameters of a network, and its CPU time for four stems of one second of audio."""
    torch.set_num_threads(1)
    lines = []
    for contestant in CONTESTANTS.values():
        net = contestant.network().eval()
        count = sum(value.numel() for value in net.parameters())
        mix = torch.randn(1, 2, CHUNK)
        with torch.inference_mode():
            net(mix)
            started = time.process_time()
            for _ in range(TIMED):
                net(mix)
        networks = 1 if contestant.makes else len(SOURCES)
        taken = (time.process_time() - started) / TIMED * networks * SAMPLE_RATE / CHUNK
        lines.append([contestant.title, f"{count / 1e6:.2f}", f"{networks}", f"{1e3 * taken:.0f}"])
    header = ["architecture", "parameters, M", "networks", "CPU ms a second of audio"]
    return markdown_table(header, lines)


def main() -> int:
    """Train, score, print the table; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.architectures", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"some of {', '.join(CONTESTANTS)}"
    )
    parser.add_argument("--data", type=Path, default=Path("out/songs"), help="train/ and test/")
    parser.add_argument("--out", type=Path, default=Path("out/architectures"))
    parser.add_argument("--minutes", type=float, default=20.0, help=f"of {CPUS} CPUs, each")
    parser.add_argument("--jobs", type=int, default=available_cpus(), help="trainings at a time")
    parser.add_argument("--sizes", action="store_true", help="print the sizes, and train nothing")
    parser.add_argument(
        "--page", type=page_with(SECTION), help="put the table between this page's marks"
    )
    args = parser.parse_args()
    names = args.names or list(CONTESTANTS)
    if unknown := set(names) - set(CONTESTANTS):
        parser.error(f"got {sorted(unknown)}, expected some of {', '.join(CONTESTANTS)}")
    if args.sizes:
        print(sizes_table())
        return 0
    with errors_in_one_line():
        keep_settings(
            args.out, data=str(args.data.resolve()), cpu=cpu_model(), cpus=available_cpus()
        )
        todo = races(names, args.minutes)
        run_all(todo, args.data, args.out, args.jobs)
        words = f"Minutes of {CPUS} CPUs for each source: {args.minutes:g}; mean SDR of the test "
        told = (
            f"{words}songs, mean over seeds (lowest to highest):\n\n{results_table(todo, args.out)}"
        )
        if args.page:
            replace_section(args.page, SECTION, told)
    print(told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
