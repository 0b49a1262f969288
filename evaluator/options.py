"""The command line of evaluator/run.py."""

import argparse
from pathlib import Path

from evaluator.sections import page_with
from evaluator.tables import README_SECTION
from evaluator.test_sets import DEMO_SONGS, SUBSETS
from mdx.cli.arguments import folder
from mdx.limit.challenge import ROUND_1
from mdx.systems.find import DEFAULT_SYSTEM
from mdx.systems.weights import PRECISIONS

SLOWDOWNS, CPUS = "2,4,8", "1,2,4"  # of the machines of an audit


def get_parser(prog: str) -> argparse.ArgumentParser:
    """The options of a run; `prog` is what the user typed."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Replay a test set through the submission and score the stems it writes.",
    )
    _add_songs(parser.add_argument_group("songs"))
    _add_separation(parser.add_argument_group("separation"))
    _add_results(parser.add_argument_group("results"))
    _add_audit(parser.add_argument_group("audit"))
    return parser


# fmt: off
def _add_songs(group: "argparse._ArgumentGroup") -> None:
    add = group.add_argument
    add("--songs", type=folder, metavar="DIR",
        help="MUSDB18-HQ, MUSDB18, or <song>/{mixture,bass,drums,other,vocals}.wav "
        f"(default: $MUSDB_PATH, or else {DEMO_SONGS})")
    add("--subset", choices=SUBSETS, default="test",
        help="which half of MUSDB18 (default: %(default)s)")
    add("--tracks", action="append", default=[], metavar="NAME",
        help="only this track, or those of a pattern such as 'BKS*'; may be given several times")
    add("--system", action="append", dest="systems", metavar="NAME",
        help="a system to run; may be given several times "
        f"(default: $MDX_SYSTEM, or {DEFAULT_SYSTEM}, but none with --stems)")
    add("--stems", action="append", default=[], type=folder, metavar="DIR",
        help="also score stems that another tool made: WAV or FLAC files below DIR, such as "
        "<song>/vocals.wav or '<song>_(Vocals).flac'; may be given several times")


def _add_separation(group: "argparse._ArgumentGroup") -> None:
    add = group.add_argument
    add("--precision", choices=PRECISIONS,
        help="precision of the networks (default: $MDX_PRECISION, or float32)")
    add("--limit", metavar="LIMIT",
        help="time limit per song: SECONDS, ratio:N for N times its duration, or "
        "none (default: $MDX_LIMIT, $INFERENCE_PER_MUSIC_TIMEOUT_SECONDS, the system's own, or "
        f"{ROUND_1})")
    add("--spend-budget", action="store_true",
        help="where the limit allows, take twice the time for somewhat better stems")
    add("--float", action="store_const", const="FLOAT", default="PCM_16", dest="subtype",
        help="write and score float stems instead of the challenge's PCM_16")
    add("--workers", type=_count, default=1, metavar="N",
        help="songs in parallel, which share the CPUs (default: 1)")
    add("--cluster", metavar="ADDRESS",
        help="separate on the workers of a Dask cluster: the address of its scheduler, the "
        "scheduler's file, or local:N for N workers on this machine; see docs/cluster.md")
    add("--repeat", type=_count, default=1, metavar="N",
        help="separate every song N times, to see how its time varies")
    add("--resume", action="store_true",
        help="keep the songs that an earlier run into --out finished, unless their results would "
        "change")


def _add_results(group: "argparse._ArgumentGroup") -> None:
    add = group.add_argument
    add("--out", type=folder, default=Path("out/evaluation"), metavar="DIR",
        help="where everything is kept (default: %(default)s)")
    add("--metrics", choices=("sdr", "full"), default="sdr",
        help="metrics in the score files: SDR only, or ISR, SIR and SAR as well")
    add("--check", choices=("paper",),
        help="compare the run with the paper's tables; exit code 1 if it contradicts them")
    add("--timing", action="store_true", help="print the seconds that each stage took")
    add("--excerpt", type=_seconds, default=8.0, metavar="SECONDS",
        help="audio of every song in report.html, 0 for none (default: 8)")
    add("--curves", type=folder, metavar="DIR",
        help="also plot the training curves of the separators, DIR/<source>/curve.csv")
    add("--readme", type=page_with(README_SECTION), metavar="FILE",
        help="also put the results into this README")
    add("--aggregate", type=folder, metavar="DIR",
        help="only read museval's score files, and print the median over frames, then over tracks")


def _add_audit(group: "argparse._ArgumentGroup") -> None:
    add = group.add_argument
    add("--audit", action="store_true",
        help="also run every song under both limits of the challenge (or that of --limit) on "
        "simulated machines: slower, smaller, frozen for a while, or busy; exit code 1 if a song "
        "is late")
    add("--slowdown", metavar="TIMES",
        help=f"how many times slower the machines of an audit are (default: {SLOWDOWNS})")
    add("--cpus", metavar="N",
        help=f"how many CPUs the machines of an audit have (default: {CPUS})")
# fmt: on


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got '{text}', expected a whole number >= 1")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"got '{text}', expected seconds >= 0")
    return seconds
