"""`python -m tests.fuzz TARGET`: mutated files, by atheris (libFuzzer); any finding ends it.

A finding is an exception that is none of ours, a crash, 10 s for one file, or 1 GB of memory. The
file is kept in --findings; `python -m tests.fuzz TARGET FILE` tries it again.
"""

import argparse
import logging
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["mdx"]):
    from tests.fuzz.seeds import SEEDS
    from tests.fuzz.targets import TARGETS

SECONDS_A_FILE, MEGABYTES, LONGEST = 10, 1024, 60_000


def main() -> None:
    """Fuzz one target; the process ends with exit code 0 where nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("file", nargs="?", type=Path, help="try this one alone")
    parser.add_argument("--seconds", type=int, default=60, help="(default: %(default)s)")
    parser.add_argument("--runs", type=int, default=-1, help="files at most (default: any number)")
    parser.add_argument("--seed", type=int, default=0, help="0: another one each time")
    parser.add_argument("--findings", type=Path, default=Path("out/fuzz"))
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    folder = Path(tempfile.mkdtemp(prefix="mdx-fuzz-"))  # libFuzzer ends without cleaning up
    target = TARGETS[args.target]
    if args.file:
        target(args.file.read_bytes(), folder)
        return
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(SEEDS[args.target](folder)):
        (corpus / str(number)).write_bytes(seed[:LONGEST])
    args.findings.mkdir(parents=True, exist_ok=True)
    flags = {
        "max_total_time": args.seconds, "runs": args.runs, "seed": args.seed,
        "timeout": SECONDS_A_FILE, "rss_limit_mb": MEGABYTES, "max_len": LONGEST,
        "artifact_prefix": f"{args.findings}/{args.target}-", "print_final_stats": 1,
        "verbosity": 0,
    }  # fmt: skip
    options = [f"-{name}={value}" for name, value in flags.items()]
    atheris.Setup([sys.argv[0], *options, str(corpus)], lambda data: target(data, folder))
    atheris.Fuzz()


main()
