"""`python -m benchmarks.figures`: the paper's figures, drawn from this code and measured data.

flow.svg: leaderboard A's system. u_net.svg: TFC-TDF-U-Net v2. results.svg: published results by
source, together with those of --report. It prints the sizes of v1 and v2 as a table.
"""

import argparse
from pathlib import Path

from benchmarks.command import errors_in_one_line
from benchmarks.figures.bars import draw_bars, measured_bars, paper_table, published_bars
from benchmarks.figures.flow import draw_flow
from benchmarks.figures.sizes import sizes_table
from benchmarks.figures.u_net import draw_u_net
from evaluator.sections import page_with, replace_section
from mdx.systems.find import find_system
from models.tfc_tdf import TfcTdfSpec

TRAINED_FRAMES = 256  # of the paper's table
SECTION = "sizes"  # of the page


def main() -> None:
    """Draw all figures and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.figures", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/figures"), help="a folder")
    parser.add_argument("--report", type=Path, help="a report.json")
    parser.add_argument(
        "--page", type=page_with(SECTION), help="put the table between this page's marks"
    )
    args = parser.parse_args()
    table = paper_table()
    ours = measured_bars(args.report, table.metric) if args.report else []
    draw_bars([*published_bars(table), *ours], args.out / "results.svg")
    draw_flow(find_system("leaderboard_a")[0], args.out / "flow.svg")
    draw_u_net(TfcTdfSpec(), TRAINED_FRAMES, args.out / "u_net.svg")
    print(told := sizes_table())
    if args.page:
        replace_section(args.page, SECTION, told)


if __name__ == "__main__":
    with errors_in_one_line():
        main()
