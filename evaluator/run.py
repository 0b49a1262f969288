"""`python evaluator/run.py`: replay a test set through the submission and score its stems."""

import argparse
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # otherwise Python, running a file, searches only its folder

from tqdm import tqdm

from evaluator.audit import LIMITS, Audit, Case, make_cases, parse_numbers, run_audit
from evaluator.children import Children
from evaluator.cluster import ClusterExecutor, longest_first, open_cluster
from evaluator.curves import Curves, read_curves
from evaluator.evaluation import Outcome, make_jobs, remove_outdated_scores, run_jobs
from evaluator.given_stems import GivenStems, find_given_stems
from evaluator.jobs import Options
from evaluator.json_files import write_json
from evaluator.options import CPUS, SLOWDOWNS, get_parser
from evaluator.page import write_page
from evaluator.paper import outside
from evaluator.progress import Progress
from evaluator.published import read_published
from evaluator.report import failures, make_report
from evaluator.score_files import aggregate
from evaluator.stem_mp4 import decode_tracks
from evaluator.stop import Stop
from evaluator.systems import System, read_systems, refuse_duplicates, refuse_missing_weights
from evaluator.tables import median_table, update_readme
from evaluator.terminal import print_report
from evaluator.test_sets import TestSet, find_test_set, recognise_excerpts
from mdx.cli.environment import choice_of_environment, system_of_environment
from mdx.cluster.connect import Cluster
from mdx.cluster.drafts import remove_drafts
from mdx.errors import ConfigError, MdxError, OutputError
from mdx.files import remove_replacements
from mdx.limit.policy import parse_limit
from mdx.locks import Lock, lock

LOCK = ".lock"  # in the folder of results
# Variables that a run reads where an option is not given; all others are decided by options.
DEFAULTS = ("MDX_SYSTEM", "MDX_PRECISION", "MDX_RUNTIME", "MDX_PROVIDER", "MDX_LIMIT")


def main(arguments: list[str] | None = None, *, prog: str = "evaluator/run.py") -> int:
    """Replay, score, print and write report.json, or aggregate; returns the exit code.

    0; 1 if a song failed, the run had to stop, or a check failed; 130 after Ctrl-C.
    """
    args = get_parser(prog).parse_args(arguments)
    try:
        return _aggregate(args.aggregate) if args.aggregate else _run(args)
    except (MdxError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # outside the songs, whose interruption is reported with the rest
        print("interrupted: what is finished is kept; --resume continues", file=sys.stderr)
        return 130


def _run(args: argparse.Namespace) -> int:
    test_set = find_test_set(args.songs, args.out / "songs", subset=args.subset, tracks=args.tracks)
    given_systems = args.systems or ([] if args.stems else [system_of_environment()])
    precision = args.precision or choice_of_environment("precision")
    systems = read_systems(given_systems, precision)
    refuse_missing_weights(systems)
    songs = [song.name for song in test_set.songs]
    given = [find_given_stems(folder, songs) for folder in args.stems]
    refuse_duplicates([*_names(systems), *_names(given)])
    published = read_published()
    cases = _cases(args)
    if args.limit is not None:
        parse_limit(args.limit, "--limit")  # an error before anything runs
    curves = read_curves(args.curves) if args.curves else None
    with _own_folder(args.out):
        with open_cluster(args.cluster, args.workers) as cluster:
            _decode(test_set)
            test_set = recognise_excerpts(test_set)
            _warn_of_missing_stems(test_set)
            outcome, options = _evaluate(test_set, systems, given, args, cluster)
        audit = Audit()
        if not outcome.interrupted:
            audit = _audit(test_set, systems, cases, args, options)
        rows = list(audit.rows)
        report = make_report(test_set, systems, given, outcome, options, published, rows)
        write_json(args.out / "report.json", report)
        if args.readme and report["complete"]:
            update_readme(report, args.readme)
        print_report(report, args)
        _write_page(report, test_set, given, args, curves)
    return _exit_code(report, args, interrupted=outcome.interrupted or audit.interrupted)


def _aggregate(folder: Path) -> int:
    tracks, medians = aggregate(folder)
    print(f"tracks of {folder}: {tracks}; dB, median over frames, then over tracks")
    print(median_table(medians))
    return 0


def _decode(test_set: TestSet) -> None:
    folders = {song.archive: song.folder for song in test_set.songs if song.archive}
    bar = tqdm(total=len(folders), desc="decoding", unit="track", disable=None if folders else True)
    with bar:
        for error in decode_tracks(folders):
            if error:  # run the others; this one is reported as lacking a mixture
                print(f"error: {error}", file=sys.stderr)
            bar.update()


@contextmanager
def _own_folder(folder: Path) -> Iterator[None]:
    # What a killed run was writing is removed, if no other run can be writing.
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("ab")
    except OSError as error:
        raise OutputError("--out", got=f"'{folder}', {error.strerror}",
                          expected="a folder to write to") from error  # fmt: skip
    with file:
        found = lock(file)
        if found is Lock.BUSY:
            raise OutputError(
                "--out", got=f"'{folder}', to which another run is writing",
                expected="a folder of its own",
            )  # fmt: skip
        if found is Lock.HELD:
            remove_replacements(folder)
        yield


def _warn_of_missing_stems(test_set: TestSet) -> None:
    for song in test_set.songs:
        if missing := song.missing_references:
            print(
                f"warning: {song.folder}: no {', '.join(f'{name}.wav' for name in missing)}: "
                "the song cannot be scored, and will be an error at the end", file=sys.stderr,
            )  # fmt: skip


def _evaluate(
    test_set: TestSet, systems: list[System], given: list[GivenStems], args: argparse.Namespace,
    cluster: Cluster | None,
) -> tuple[Outcome, Options]:  # fmt: skip
    options = Options(
        subtype=args.subtype, limit=args.limit, spend_budget=args.spend_budget,
        full=args.metrics == "full", repeat=args.repeat, workers=args.workers, resume=args.resume,
    )  # fmt: skip
    names = [*_names(systems), *_names(given)]
    print(f"{test_set.description}; {', '.join(names)}", flush=True)
    if told := [f"{name}={os.environ[name]}" for name in DEFAULTS if os.environ.get(name)]:
        print(f"unless an option says otherwise: {', '.join(told)}", flush=True)
    stop = Stop.inside(args.out)
    jobs = make_jobs(test_set, systems, given, args.out, options, stop)
    executor: Callable[[int], Executor] = ThreadPoolExecutor
    if cluster is not None:
        remove_drafts(args.out)
        jobs, executor = longest_first(jobs), lambda _: ClusterExecutor(cluster)
    remove_outdated_scores(jobs)
    with Progress(jobs) as progress:
        outcome = run_jobs(jobs, stop, progress.advance, workers=options.workers, executor=executor)
    return outcome, options


def _names(entries: Sequence[System | GivenStems]) -> list[str]:
    return [entry.name for entry in entries]


def _cases(args: argparse.Namespace) -> list[Case]:
    if not args.audit:
        for option in ("slowdown", "cpus"):
            if getattr(args, option):
                raise ConfigError(f"--{option}", got="no --audit", expected="both, or none of them")
        return []
    limits = [parse_limit(args.limit, "--limit")] if args.limit else LIMITS
    cpus = [int(count) for count in parse_numbers(args.cpus or CPUS, "--cpus")]
    return make_cases(limits, parse_numbers(args.slowdown or SLOWDOWNS, "--slowdown"), cpus)


def _audit(
    test_set: TestSet, systems: list[System], cases: list[Case], args: argparse.Namespace,
    options: Options,
) -> Audit:  # fmt: skip
    total = len(cases) * len(test_set.songs) * len(systems)
    with tqdm(total=total, unit="run", desc="audit", disable=None if total else True) as bar:
        return run_audit(
            systems, test_set.songs, cases, args.out / "audit", options, Children(),
            lambda: bar.update(),
        )  # fmt: skip


def _write_page(
    report: dict[str, Any], test_set: TestSet, given: list[GivenStems],
    args: argparse.Namespace, curves: Curves | None,
) -> None:  # fmt: skip
    folders = {song.name: song.folder for song in test_set.songs}
    page = args.out / "report.html"
    try:
        stems = args.out / "stems"
        write_page(report, folders, stems, page, given=given, excerpt=args.excerpt, curves=curves)
    except MdxError as error:  # the numbers are safe in report.json
        print(f"warning: {error}", file=sys.stderr)
    else:
        print(f"To look at and listen to: {page}")


def _exit_code(report: dict[str, Any], args: argparse.Namespace, *, interrupted: bool) -> int:
    for error in failures(report):
        print(f"error: {error}", file=sys.stderr)
    if interrupted:
        print(
            "interrupted: the report contains what is finished; --resume continues",
            file=sys.stderr,
        )
        return 130
    if args.check == "paper" and outside(report["paper"]):
        print(
            f"error: {outside(report['paper'])} of the paper's rows: got other figures, expected "
            f"each source within {report['paper']['tolerance']} dB",
            file=sys.stderr,
        )
        return 1
    late = [row for row in report["timing"]["audit"] if row["error"]]
    return 1 if failures(report) or late else 0


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # some names of songs cannot be encoded
            stream.reconfigure(errors="backslashreplace")
    # On SIGTERM, end the children as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
