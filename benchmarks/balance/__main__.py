"""`python -m benchmarks.balance`: the cost of the paper's systems, as a table and a plot.

Every system runs at its published size, with random weights, on one song of noise: as published
(with overlaps, flips or shifts) and, if that differs, in a single pass. Measurements are
interleaved and kept in --json, from which the same command continues. The first call writes the
networks, about 6 GB, which takes some minutes.
"""

import argparse
from pathlib import Path

from benchmarks.balance.contenders import CONTENDERS
from benchmarks.balance.figure import draw_balance
from benchmarks.balance.measure import Figures, all_runs, measure
from benchmarks.balance.tables import balance_section
from benchmarks.command import errors_in_one_line
from evaluator.sections import page_with, replace_section

SECTION = "balance"  # of the page


def get_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.balance", description=__doc__)
    parser.add_argument("--systems", nargs="+", choices=CONTENDERS, default=list(CONTENDERS),
                        metavar="NAME", help=f"some of {', '.join(CONTENDERS)}")  # fmt: skip
    parser.add_argument("--seconds", type=int, default=60, help="of the song (default: 60)")
    parser.add_argument("--runs", type=int, default=3, help="of each (default: 3); 0: none more")
    parser.add_argument("--networks", type=Path, default=Path("out/balance"), metavar="FOLDER")
    parser.add_argument("--json", type=Path, default=Path("out/balance.json"))
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw SDR against the limit")
    parser.add_argument(
        "--page", type=page_with(SECTION), help="put the table between this page's marks"
    )
    return parser


def main() -> None:
    """Measure, print the table and draw the plot."""
    args = get_parser().parse_args()
    figures = Figures(args.json, args.seconds)
    runs = all_runs(args.systems)
    measure(runs, args.networks, figures, args.seconds, args.runs)
    told = balance_section(figures, runs)
    print(told)
    if args.page:
        replace_section(args.page, SECTION, told)
    if args.svg:
        draw_balance(figures, runs, args.svg)


if __name__ == "__main__":
    with errors_in_one_line():
        main()
