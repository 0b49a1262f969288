"""`python evaluator/run.py`: replay a test set through the submission, score what it wrote."""

import argparse
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # run as a file, Python would look for imports in this folder only

from evaluator.replay import replay
from evaluator.report import (
    make_report,
    median_table,
    song_table,
    summary_table,
    update_readme,
    write_report,
)
from evaluator.score_files import aggregate
from evaluator.scores import ROUND_2_RATIO, song_names
from mdx.errors import ConfigError, MdxError
from mdx.spec import find_system

DEMO_SONGS = Path("out/demo/songs/test")


def get_parser() -> argparse.ArgumentParser:
    """The options of a run."""
    parser = argparse.ArgumentParser(prog="evaluator/run.py", description=__doc__)
    parser.add_argument(
        "--songs", type=Path, default=DEMO_SONGS,
        help="test set, <song>/{mixture,bass,drums,other,vocals}.wav (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--system", action="append", dest="systems", metavar="NAME",
        help="a system to run; may be given several times (default: demo)",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, default=Path("out/demo"),
        help="folder of stems/<system>/<song> and report.json (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--limit", type=int, help="seconds a song may take, instead of 240")
    parser.add_argument(
        "--metrics", choices=("sdr", "full"), default="sdr",
        help="what the score files hold: SDR only, or ISR, SIR and SAR as well",
    )  # fmt: skip
    parser.add_argument(
        "--aggregate", type=Path, metavar="DIR",
        help="only read museval's score files, and print the median over frames, then over tracks",
    )  # fmt: skip
    parser.add_argument("--readme", type=Path, help="also put the results into this README")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Replay, score, print and write report.json, or aggregate; returns the exit code."""
    args = get_parser().parse_args(arguments)
    systems = args.systems or ["demo"]
    try:
        if args.aggregate:
            tracks, medians = aggregate(args.aggregate)
            print(f"tracks of {args.aggregate}: {tracks}; dB, median over frames, then over tracks")
            print(median_table(medians))
            return 0
        _refuse_twins(systems)
        names = song_names(args.songs)
        replays = []
        for system in systems:
            print(f"{system}: separating {len(names)} songs ...", flush=True)
            replays.append(replay(system, args.songs, args.out / "stems", limit=args.limit))
        test_set = describe_test_set(args.songs, names)
        scores, full = args.out / "scores", args.metrics == "full"
        report = make_report(args.songs, replays, scores, test_set=test_set, full=full)
        write_report(report, args.out / "report.json")
        if args.readme:
            update_readme(report, args.readme)
    except (MdxError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for entry in report["systems"][1:]:
        print(f"\n{entry['system']} (SDR in dB; limit: {ROUND_2_RATIO} x the song's duration)")
        print(song_table(entry))
    print(f"\nSDR in dB, mean over the songs. {report['test_set']}.")
    print(summary_table(report))
    print(f"\nStems: {args.out / 'stems'}   Report: {args.out / 'report.json'}")
    print(f"Framewise scores, as museval reads them: {args.out / 'scores'}/<system>")
    return 0


def _refuse_twins(systems: list[str]) -> None:
    names = [find_system(system)[0].name for system in systems]
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise ConfigError(
            "systems", got=f"the name '{twins[0]}' twice", expected="names of their own",
            hint="their stems are kept in folders of these names",
        )  # fmt: skip


def describe_test_set(songs: Path, names: list[str]) -> str:
    """Say in words what was scored; demo songs are told by the song.json beside them."""
    if all((songs / name / "song.json").is_file() for name in names):
        return f"{len(names)} songs composed by this repository, not comparable with MUSDB18"
    return f"{len(names)} songs of {songs.name}"


if __name__ == "__main__":
    # On SIGTERM, end the child as on Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
