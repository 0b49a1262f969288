"""`python -m benchmarks.soak`: a thousand trials that nothing is late and nothing is lost.

late: songs under random limits on disturbed machines. separate, evaluate: SIGKILL at a random
moment of a separation or of an evaluation. starts: four processes at once with an empty cache of
compiled networks. Each trial is a line in --out, from which the same command continues; `--record`
moves them to benchmarks/soak/record.jsonl, so that several machines or days can share the work. The
table covers all trials in both, without those that ended before their SIGKILL. For mutated inputs
see `python -m tests.fuzz`.
"""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.command import keep_settings
from benchmarks.soak.journal import Journal, Row
from benchmarks.soak.kills import try_kill, undisturbed
from benchmarks.soak.late import try_limit
from benchmarks.soak.record import PATH, Count, count, record, recorded
from benchmarks.soak.starts import try_start
from evaluator.sections import page_with, replace_section
from evaluator.tables import markdown_table
from evaluator.test_sets import DEMO_SONGS, Song, find_test_set
from mdx.errors import MdxError
from training.origin import git_commit

KINDS = {
    "late": "late or invalid songs",
    "separate": "separations killed: results lost, wrong, half-written, processes left",
    "evaluate": "replays killed: the same",
    "starts": "starts of four on a cold cache: failures, differences",
}
SECTION = "soak"  # of the page
Trial = Callable[[int], Row]


def trial_of(kind: str, system: str, songs: list[Song], out: Path) -> Trial:
    """The trial of a kind, called with its number."""
    if kind == "late":
        return partial(try_limit, system=system, songs=songs, out=out / "stems")
    if kind == "starts":
        song = songs[0].folder / "mixture.wav"
        return partial(try_start, system=system, song=song, out=out / "starts")
    return partial(try_kill, whole=undisturbed(kind, system, songs, out))


def soak_table(counts: dict[str, Count]) -> str:
    """A table of all trials by kind, and how many of them failed."""
    lines = [[KINDS[kind], f"{found.trials}", f"{found.bad}"] for kind, found in counts.items()]
    return markdown_table(["", "trials", "went wrong"], lines)


def run_trials(kind: str, journal: Journal, before: Count, args: argparse.Namespace) -> None:
    """Try until --trials trials of a kind count, with those of the record, and tell what failed."""
    if (before + count(journal.rows())).trials >= args.trials:
        return
    songs = list(find_test_set(args.songs, args.out / "songs").songs)
    trial = trial_of(kind, args.system, songs, args.out)
    commit = git_commit()
    while (so_far := before + count(journal.rows())).trials < args.trials:
        row = {**trial(so_far.numbers), "commit": commit}
        journal.add(row)
        if row["bad"]:
            print(f"{kind} {so_far.numbers}: {row}", file=sys.stderr, flush=True)


def main() -> int:
    """Run the trials and print the table; returns 1 if any trial has failed, now or before."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument(
        "kinds", nargs="*", choices=[*KINDS, []], metavar=f"{{{','.join(KINDS)}}}",
        help="(default: only the table)",
    )  # fmt: skip
    parser.add_argument("--trials", type=int, default=1000, help="of each kind, in all")
    parser.add_argument("--system", default="demo")
    parser.add_argument("--songs", type=Path, default=DEMO_SONGS, help="(default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("out/soak"))
    parser.add_argument(
        "--page", type=page_with(SECTION), help="put the table between this page's marks"
    )
    parser.add_argument(
        "--record", action="store_true",
        help="move the trials of --out to the record, while no other soak is running there",
    )  # fmt: skip
    parser.add_argument("--history", type=Path, default=PATH, help="the record (%(default)s)")
    args = parser.parse_args()
    journals = {kind: Journal(args.out, kind) for kind in KINDS}
    before = {kind: recorded(args.history, kind, args.system) for kind in KINDS}
    try:
        if args.kinds or args.record:
            keep_settings(args.out, system=args.system, songs=str(args.songs.resolve()))
        for kind in args.kinds:
            run_trials(kind, journals[kind], before[kind], args)
    except MdxError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass  # the table covers the trials so far
    counts = {kind: before[kind] + count(journal.rows()) for kind, journal in journals.items()}
    if args.record:
        record(args.history, journals, args.system)
    table = soak_table(counts)
    if args.page:
        replace_section(args.page, SECTION, table)
    print(table)
    return int(any(found.bad for found in counts.values()))


if __name__ == "__main__":
    sys.exit(main())
