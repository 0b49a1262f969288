"""The submission: without arguments it runs the challenge, with files it separates them."""

import argparse
import json
import logging
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Self

from evaluator.music_demixing import MusicDemixingPredictor
from mdx.errors import ConfigError, MdxError
from mdx.limit.policy import ROUND_1, find_limit, parse_limit
from mdx.machine import peak_memory
from mdx.runtimes.onnx import PROVIDERS
from mdx.runtimes.runtime import RUNTIMES
from mdx.separator import Separator, stem_paths
from mdx.stages import Stages
from mdx.systems.find import find_system, system_names
from mdx.systems.spec import SOURCES, track_name
from mdx.systems.weights import PRECISIONS

DEFAULT_SYSTEM = "demo"  # what is submitted where the environment names no other


class Submission(MusicDemixingPredictor):
    """KUIELab-MDX-Net as the challenge's predictor; networks are loaded once, in setup.

    Environment, beside the challenge's own: MDX_SYSTEM, MDX_PRECISION (default: float32),
    MDX_RUNTIME, MDX_PROVIDER, MDX_THREADS (default: every CPU), MDX_LIMIT (a policy, within
    INFERENCE_PER_MUSIC_TIMEOUT_SECONDS), MDX_SPEND_BUDGET (set: be slower and better), MDX_SUBTYPE
    (default: PCM_16, as the challenge has it), and MDX_AUDIT_PATH, a file that is told where the
    seconds and the memory of the last song went.
    """

    def prediction_setup(self) -> None:
        """Load the separators and the Mixer, and measure them where there is a limit."""
        system = os.environ.get("MDX_SYSTEM", DEFAULT_SYSTEM)
        spec = find_system(system)[0]
        if spec.stems != SOURCES:
            raise ConfigError(
                f"system {system}",
                got=f"the stems {', '.join(spec.stems)}",
                expected=f"the challenge's four stems, {', '.join(SOURCES)}",
                hint="name a FILE to separate with it",
            )
        limit = find_limit(None, spec.limit) or ROUND_1
        # Whatever the policy, the kit ends a song after its own number of seconds.
        kit = os.environ.get("INFERENCE_PER_MUSIC_TIMEOUT_SECONDS", str(ROUND_1))
        most = parse_limit(kit, "INFERENCE_PER_MUSIC_TIMEOUT_SECONDS").value
        self.limit = replace(limit, most=most)
        self.separator = Separator.load(
            system,
            runtime=os.environ.get("MDX_RUNTIME", "auto"),
            provider=os.environ.get("MDX_PROVIDER", "cpu"),
            precision=os.environ.get("MDX_PRECISION", "float32"),
            threads=threads_of_environment(),
            limited=self.limit.kind != "none",
            spend_budget=bool(os.environ.get("MDX_SPEND_BUDGET")),
        )

    def prediction(
        self,
        mixture_file_path: str,
        bass_file_path: str,
        drums_file_path: str,
        other_file_path: str,
        vocals_file_path: str,
    ) -> None:
        """Separate one mixture into four files."""
        stems = {
            "bass": Path(bass_file_path),
            "drums": Path(drums_file_path),
            "other": Path(other_file_path),
            "vocals": Path(vocals_file_path),
        }
        stages = Stages()
        subtype = os.environ.get("MDX_SUBTYPE", "PCM_16")
        self.separator.separate_file(
            mixture_file_path, stems, subtype=subtype, stages=stages, limit=self.limit
        )
        if audit := os.environ.get("MDX_AUDIT_PATH"):
            facts = {
                "threads": self.separator.threads,
                "runtime": self.separator.runtime,
                "precision": self.separator.precision,
                "stages": stages.seconds,
                "peak_memory": peak_memory(),
            }
            Path(audit).write_text(json.dumps(facts) + "\n", encoding="utf-8")


def threads_of_environment() -> int | None:
    """The number of threads that MDX_THREADS asks for; None where it does not."""
    threads = os.environ.get("MDX_THREADS")
    if threads is None:
        return None
    if not threads.isdecimal():
        raise ConfigError("MDX_THREADS", got=repr(threads), expected="a whole number of threads")
    return int(threads)


def get_parser() -> argparse.ArgumentParser:
    """The options for separating songs of one's own."""
    parser = argparse.ArgumentParser(
        prog="predict.py",
        description="Separate songs into bass, drums, other and vocals. Without FILE: run the "
        "challenge over $TEST_DATASET_PATH into $RESULTS_DATASET_PATH.",
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="songs to separate")
    parser.add_argument(
        "-o", "--out", type=Path, default=Path("separated"),
        help="folder of the results: OUT/<song>/<source>.wav (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--system", default=os.environ.get("MDX_SYSTEM", DEFAULT_SYSTEM),
        help=f"{', '.join(system_names())}, or the path of a .yaml (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--source", action="append", metavar="SOURCE",
        help=f"{', '.join(SOURCES)}, or a stem that the system has: make it alone, without the "
        "Mixer; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--precision", choices=PRECISIONS, default=os.environ.get("MDX_PRECISION", "float32"),
        help="int8 is faster; auto takes it where the system has it (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--runtime", choices=RUNTIMES, default=os.environ.get("MDX_RUNTIME", "auto"),
        help="what runs the networks (default: onnxruntime, but OpenVINO for int8 with VNNI)",
    )  # fmt: skip
    parser.add_argument(
        "--provider", choices=PROVIDERS, default=os.environ.get("MDX_PROVIDER", "cpu"),
        help="onnxruntime's device; an error where it is not at work (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--threads", type=int, metavar="N",
        help="(default: one for every CPU that the process may use)",
    )  # fmt: skip
    parser.add_argument(
        "--limit", metavar="LIMIT",
        help="of each song: fixed:SECONDS, ratio:TIMES its duration, or none; quality is what fits "
        "(default: $MDX_LIMIT, $INFERENCE_PER_MUSIC_TIMEOUT_SECONDS, or the system's own)",
    )  # fmt: skip
    parser.add_argument(
        "--spend-budget", action="store_true", default=bool(os.environ.get("MDX_SPEND_BUDGET")),
        help="where the limit allows, take twice the time for somewhat better stems",
    )  # fmt: skip
    parser.add_argument("--downmix", action="store_true", help="fold more than two channels")
    depth = parser.add_mutually_exclusive_group()
    for flag, subtype in (("--float32", "FLOAT"), ("--int24", "PCM_24")):
        depth.add_argument(
            flag, dest="subtype", action="store_const", const=subtype, default="PCM_16",
            help=f"write {subtype} instead of PCM_16",
        )  # fmt: skip
    return parser


def separate_songs(args: argparse.Namespace) -> int:
    """Separate every song of the command line; returns the number that failed."""
    folders = song_folders(args.files, args.out)
    threads = threads_of_environment() if args.threads is None else args.threads
    limit = find_limit(args.limit, find_system(args.system)[0].limit)
    separator = Separator.load(
        args.system,
        sources=args.source,
        limited=limit is not None and limit.kind != "none",
        spend_budget=args.spend_budget,
        runtime=args.runtime,
        provider=args.provider,
        precision=args.precision,
        threads=threads,
    )
    failed = 0
    for path, folder in folders.items():
        try:
            with _Bar(path.name) as bar:
                separator.separate_file(
                    path,
                    stem_paths(folder, separator.sources),
                    subtype=args.subtype,
                    downmix=args.downmix,
                    progress=bar.update,
                    limit=limit,
                )
        except MdxError as error:
            print(f"error: {error}", file=sys.stderr)
            failed += 1
        else:
            print(folder)
    return failed


def song_folders(files: list[Path], out: Path) -> dict[Path, Path]:
    """The folder of each song's stems; raises ConfigError where two songs would share one."""
    folders: dict[Path, Path] = {}
    for path in files:
        folder = out / track_name(path.resolve().stem)
        if folder in folders.values():
            raise ConfigError(
                path,
                got=f"a second song for {folder}",
                expected="songs of different names",
                hint="rename one, or use another -o",
            )
        folders[path] = folder
    return folders


class _Bar:
    """A progress bar over the chunks of one song."""

    def __init__(self, name: str) -> None:
        from tqdm import tqdm  # not on the way of the challenge

        self._bar = tqdm(desc=name, unit="chunk", disable=None, leave=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.close()

    def update(self, done: int, total: int, stage: str) -> None:
        self._bar.total = total
        self._bar.n = done
        self._bar.set_postfix_str(stage)


def main(arguments: list[str] | None = None) -> int:
    """Run the challenge, or separate the files given; returns the exit code."""
    logging.basicConfig(format="%(levelname)s: %(message)s")
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = get_parser()
    args = parser.parse_args(arguments)
    if arguments and not args.files:
        parser.error(
            "options are for songs: name at least one FILE (without any, $MDX_SYSTEM runs)"
        )
    try:
        if args.files:
            return 1 if separate_songs(args) else 0
        Submission().run()
    except MdxError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: the unfinished song has no stems", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    # On SIGTERM, clean up as on Ctrl-C: no temporary file is left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
