"""The command line of evaluator/run.py."""

import argparse
import os
from pathlib import Path

from evaluator.test_sets import DEMO_SONGS, SUBSETS
from mdx.limit.challenge import ROUND_1
from mdx.systems.find import DEFAULT_SYSTEM
from mdx.systems.weights import PRECISIONS


def get_parser() -> argparse.ArgumentParser:
    """The options of a run."""
    parser = argparse.ArgumentParser(
        prog="evaluator/run.py",
        description="Replay a test set through the submission, score what it wrote.",
    )
    add = parser.add_argument
    # fmt: off
    add("--songs", type=Path, metavar="DIR",
        help="MUSDB18-HQ, MUSDB18, or <song>/{mixture,bass,drums,other,vocals}.wav "
        f"(default: $MUSDB_PATH, or else {DEMO_SONGS})")
    add("--subset", choices=SUBSETS, default="test",
        help="which half of MUSDB18 (default: %(default)s)")
    add("--tracks", action="append", default=[], metavar="NAME",
        help="only this track, or those of a pattern such as 'BKS*'; may be given several times")
    add("--system", action="append", dest="systems", metavar="NAME",
        help="a system to run; may be given several times "
        f"(default: {DEFAULT_SYSTEM}, but none with --stems)")
    add("--stems", action="append", default=[], type=Path, metavar="DIR",
        help="also score stems that another tool made: WAV or FLAC files below DIR, such as "
        "<song>/vocals.wav or '<song>_(Vocals).flac'; may be given several times")
    add("--precision", choices=PRECISIONS, default=os.environ.get("MDX_PRECISION", "float32"),
        help="of the networks (default: %(default)s)")
    add("--out", type=Path, default=Path("out/evaluation"), metavar="DIR",
        help="where everything is kept (default: %(default)s)")
    add("--resume", action="store_true",
        help="keep the songs that an earlier run into --out finished, where they would come out "
        "the same")
    add("--workers", type=_count, default=1, metavar="N",
        help="songs side by side, which share the CPUs (default: 1)")
    add("--cluster", metavar="ADDRESS",
        help="separate on the workers of a Dask cluster: its scheduler's address, the file in "
        "which it wrote that, or local:N for N workers here; see docs/cluster.md")
    add("--repeat", type=_count, default=1, metavar="N",
        help="separate every song N times, to see how its time varies")
    add("--limit", metavar="LIMIT",
        help="of each song: fixed:SECONDS, ratio:TIMES its duration, or none "
        "(default: $MDX_LIMIT, $INFERENCE_PER_MUSIC_TIMEOUT_SECONDS, the system's own, or "
        f"{ROUND_1})")
    add("--spend-budget", action="store_true",
        help="where the limit allows, take twice the time for somewhat better stems")
    add("--float", action="store_const", const="FLOAT", default="PCM_16", dest="subtype",
        help="have float stems written and scored, not the challenge's PCM_16")
    add("--metrics", choices=("sdr", "full"), default="sdr",
        help="what the score files hold: SDR only, or ISR, SIR and SAR as well")
    add("--check", choices=("paper",),
        help="hold the run against the paper's tables; exit code 1 where it contradicts them")
    add("--timing", action="store_true", help="print where the seconds went, stage by stage")
    add("--audit", action="store_true",
        help="also run every song under both limits of the challenge (or that of --limit) on "
        "machines that are slower, smaller, frozen for a while or busy; exit code 1 where one is "
        "late")
    add("--slowdown", default="2,4,8", metavar="TIMES", help="of an audit (default: %(default)s)")
    add("--cpus", default="1,2,4", metavar="N", help="of an audit (default: %(default)s)")
    add("--excerpt", type=_seconds, default=8.0, metavar="SECONDS",
        help="audio of every song in report.html, 0 for none (default: 8)")
    add("--curves", type=Path, metavar="DIR",
        help="also draw how the separators were trained: DIR/<source>/curve.csv")
    add("--readme", type=Path, metavar="FILE", help="also put the results into this README")
    add("--aggregate", type=Path, metavar="DIR",
        help="only read museval's score files, and print the median over frames, then over tracks")
    # fmt: on
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got '{text}', expected a whole number from 1")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"got '{text}', expected seconds from 0")
    return seconds
