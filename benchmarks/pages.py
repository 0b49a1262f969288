"""`python -m benchmarks.pages`: makes the tables and figures of README.md and docs/ anew.

It runs the commands that the pages name, one part after the other, on a machine without other work.
Where a page has marks for its table, the command fills it. What the others print is in --out, for
a person who compares it with the page. A part that fails does not stop the rest. The parts
comparison and balance continue from figures in out/: remove those to measure them anew.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.command import errors_in_one_line
from evaluator.children import ROOT
from evaluator.tables import markdown_table

SONGS = "out/demo/songs/test"
LONG = "out/demucs/long"


@dataclass(frozen=True)
class Part:
    """Commands that make something anew together."""

    makes: str
    minutes: int  # on two CPUs of an AMD EPYC (Zen 5), about
    commands: tuple[str, ...]  # arguments for Python, without spaces inside


PARTS = {
    "results": Part("README.md", 1, (
        "-m demo --out out/demo/songs --test 4 --seconds 20",
        f"evaluator/run.py --songs {SONGS} --out out/demo --system demo_no_mixer --system demo "
        "--system synthetic --readme README.md",
    )),
    "figures": Part("docs/figures, docs/balance.md", 1, (
        "-m benchmarks.figures --page docs/balance.md",
    )),
    "precision": Part("docs/precision.md, by hand", 1, (
        "-m benchmarks.precision --system synthetic --songs out/demo/songs",
    )),
    "start": Part("docs/performance.md, by hand", 1, (
        "-m benchmarks.startup --system synthetic", "-m benchmarks.startup --system demo",
    )),
    "cluster": Part("docs/cluster.md, by hand", 3, ("-m benchmarks.cluster",)),
    "demo_songs": Part("docs/demo-songs-and-packs.md, by hand", 4, (
        "-m demo --out out/inspect --train 36 --test 12 --seconds 30 --seed 1",
        "-m demo.inspect out/inspect",
    )),
    "demucs_v2": Part("docs/performance.md", 16, (
        "-m demo --out out/demucs/songs --train 60 --test 1 --seconds 30 --seed 3",
        f"-m demo --out {LONG} --train 0 --test 1 --seconds 180 --seed 4",
        "-m benchmarks.small_demucs --songs out/demucs/songs/train",
        f"-m benchmarks.demucs_v2 --judge out/demucs/small.onnx {LONG}/test/test-4-000/mixture.wav "
        "--seconds 120 --segments 20,40 --overlaps 0.5,0.25 --batches 1,2 --runs 1 "
        "--page docs/performance.md",
    )),
    "limit": Part("docs/time-limit.md, by hand", 17, ("-m benchmarks.limit",)),
    "audit": Part("docs/time-limit.md, by hand", 17, (
        f"evaluator/run.py --songs {SONGS} --system demo --out out/audit --audit",
    )),
    "comparison": Part("docs/train.md", 20, (
        "-m demo --out out/train-demo/songs --train 100 --test 12 --seconds 24",
        "-m benchmarks.comparison --data out/train-demo/songs --minutes 1 --page docs/train.md",
    )),
    "balance": Part("docs/balance.md and its figure", 28, (
        "-m benchmarks.balance --seconds 30 --runs 1 --page docs/balance.md "
        "--svg docs/figures/balance.svg",
    )),
}  # fmt: skip


def run(name: str, folder: Path) -> bool:
    """Run a part, with what it prints in `<folder>/<name>.txt`; returns whether all went well."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.txt").open("w", encoding="utf-8") as file:
        return all(
            subprocess.run(
                [sys.executable, *command.split()], cwd=ROOT, stdout=file,
                stderr=subprocess.STDOUT, check=False,
            ).returncode == 0
            for command in PARTS[name].commands
        )  # fmt: skip


def get_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART",
                        help=f"some of {', '.join(PARTS)} (default: all)")  # fmt: skip
    parser.add_argument(
        "--list", action="store_true", help="only say what there is, and how long it takes"
    )
    parser.add_argument("--out", type=Path, default=Path("out/pages"),
                        help="folder for what they print (default: %(default)s)")  # fmt: skip
    return parser


def main() -> int:
    """Run the parts; returns the exit code, 1 if a part failed."""
    parser = get_parser()
    args = parser.parse_args()
    names: Sequence[str] = args.parts or list(PARTS)
    if unknown := [name for name in names if name not in PARTS]:
        parser.error(f"got the part '{unknown[0]}', expected some of {', '.join(PARTS)}")
    rows = [[name, PARTS[name].makes, str(PARTS[name].minutes)] for name in names]
    print(markdown_table(["part", "makes", "minutes, about"], rows))
    print(f"about {sum(PARTS[name].minutes for name in names)} minutes in all", flush=True)
    if args.list:
        return 0
    failed = 0
    with errors_in_one_line():
        for name in names:
            started = time.monotonic()
            well = run(name, args.out)
            failed += not well
            told = f"{name}: {(time.monotonic() - started) / 60:.1f} minutes"
            print(told if well else f"{told}, failed: see {args.out / name}.txt", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
