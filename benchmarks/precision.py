"""`python -m benchmarks.precision`: the SDR lost by int8 and bf16 in a whole system."""

import argparse
from pathlib import Path

from benchmarks.command import errors_in_one_line
from evaluator.tables import markdown_table
from evaluator.test_sets import DEMO_SONGS
from mdx.separator import Separator
from mdx.systems.find import find_system
from mdx.systems.spec import SAMPLE_RATE, Audio
from models.quantize.int8_loss import measure_loss
from models.quantize.songs import Excerpt, read_excerpts

HEADER = ["source", "precision", "SDR", "lost, dB", "median SDR", "lost, dB", "noise, dBFS"]
Stems = list[dict[str, Audio]]  # of every song, by source


def rows(songs: list[Excerpt], found: dict[str, Stems]) -> list[list[str]]:
    """A line for every source and precision; the first precision is the reference."""
    base, *others = found
    lines = []
    for source in found[base][0]:
        references = [song.stems[source] for song in songs]
        before = [stems[source] for stems in found[base]]
        for precision in others:
            after = [stems[source] for stems in found[precision]]
            loss = measure_loss(source, references, before, after)
            lost = [f"{first - second:.4f}" for first, second in (loss.sdr, loss.median)]
            lines.append([
                source, precision, f"{loss.sdr[1]:.3f}", lost[0], f"{loss.median[1]:.3f}", lost[1],
                f"{loss.noise:.1f}",
            ])  # fmt: skip
    return lines


def main() -> None:
    """Print what each source loses against float32, and the noise where it is quiet."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.precision", description=__doc__)
    parser.add_argument("--system", default="demo")
    parser.add_argument("--songs", type=Path, default=DEMO_SONGS, help="(default: %(default)s)")
    parser.add_argument("--precisions", nargs="+", default=["bf16", "int8"], help="(default: both)")
    parser.add_argument("--count", type=int, default=50, help="songs at most")
    parser.add_argument("--seconds", type=float, default=600.0, help="of each song at most")
    parser.add_argument("--runtime", default="auto")
    args = parser.parse_args()
    find_system(args.system)  # an error before anything is measured
    songs = read_excerpts(args.songs, count=args.count, seconds=args.seconds, subset="test")
    found: dict[str, Stems] = {}
    for precision in ("float32", *args.precisions):
        separator = Separator.load(args.system, precision=precision, runtime=args.runtime)
        found[precision] = [separator.separate(song.mix, SAMPLE_RATE) for song in songs]
        print(f"{precision}: {separator.precision} on {separator.runtime}", flush=True)
    print(markdown_table(HEADER, rows(songs, found)))


if __name__ == "__main__":
    with errors_in_one_line():
        main()
