"""`python -m benchmarks.int8`: what int8 costs a whole system, Mixer included, song by song."""

import argparse
from pathlib import Path

from evaluator.test_sets import DEMO_SONGS
from mdx.separator import Separator
from mdx.systems.spec import SAMPLE_RATE, SOURCES
from models.quantize.int8_loss import measure_loss
from models.quantize.songs import read_excerpts


def main() -> None:
    """Print, for every source, both SDRs with float32 and int8, and the noise where it is quiet."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.int8", description=__doc__)
    parser.add_argument("--system", default="demo")
    parser.add_argument("--songs", type=Path, default=DEMO_SONGS, help="(default: %(default)s)")
    parser.add_argument("--count", type=int, default=50, help="songs at most")
    parser.add_argument("--seconds", type=float, default=600.0, help="of each song at most")
    parser.add_argument("--runtime", default="auto")
    args = parser.parse_args()
    songs = read_excerpts(args.songs, count=args.count, seconds=args.seconds, subset="test")
    estimates = []
    for precision in ("float32", "int8"):
        separator = Separator.load(args.system, precision=precision, runtime=args.runtime)
        estimates.append([separator.separate(song.mix, SAMPLE_RATE) for song in songs])
        print(f"{precision}: {separator.precision} on {separator.runtime}")
    print("| source | SDR float32 | SDR int8 | median float32 | median int8 | noise, dBFS |")
    print("| ------ | ----------: | -------: | -------------: | ----------: | ----------: |")
    for source in SOURCES:
        references = [song.stems[source] for song in songs]
        before, after = ([stems[source] for stems in found] for found in estimates)
        loss = measure_loss(source, references, before, after)
        values = " | ".join(f"{value:.3f}" for value in (*loss.sdr, *loss.median))
        print(f"| {source} | {values} | {loss.noise:.1f} |")


if __name__ == "__main__":
    main()
