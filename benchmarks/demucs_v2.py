"""`python -m benchmarks.demucs_v2`: Demucs-v2's time and memory, depending on how it is run.

That is: precision, segment, overlap, and segments in one call. By default a network of the released
size with random weights runs on noise, for time and memory; `--weights` and `--song` take real
ones. Settings are interleaved, every timed run is a process of its own, and figures are medians.

SDR compares a setting's stems with those of the reference: float32, with the segment and the
overlap of the released submission, one segment per call. The less a network has been trained, the
more its stems depend on where a segment begins. SDR is therefore given only for `--weights`, or for
the network and the song that `--judge` names.
"""

import argparse
import itertools
import shutil
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile as sf
import yaml

from benchmarks.command import errors_in_one_line
from benchmarks.memory import write_song
from evaluator.metrics import global_sdr
from evaluator.sections import page_with, replace_section
from evaluator.tables import markdown_table
from mdx.audio.formats import Encoding
from mdx.machine import available_cpus, cpu_model, peak_memory
from mdx.separator import Separator
from mdx.systems.manifest import int8_name, register_weights
from mdx.systems.spec import SOURCES, Audio

FOLDER = Path("out/demucs")
COMMAND = "python -m benchmarks.demucs_v2"
SECTION = "demucs_v2"  # of the page
HEADER = ["setting", "seconds a second", "times faster", "SDR, dB", "memory, MB"]


class Setting(NamedTuple):
    """How the network is run."""

    precision: str
    segment: float  # seconds
    overlap: float  # share of a segment
    batch: int  # segments in one call

    def __str__(self) -> str:
        segment = f"{self.segment:g} s, overlap {self.overlap:g}"
        return f"{self.precision}, {segment}, batch {self.batch}"


class Run(NamedTuple):
    """What one song took, loading not counted."""

    seconds: float
    peak_memory: int  # bytes, of the process


REFERENCE = Setting("float32", 40.0, 0.5, 1)


def run_once(system: Path, song: Path, out: Path, precision: str) -> Run:
    """Separate a song, file to files; to be called in a process of its own."""
    separator = Separator.load(system, precision=precision)
    started = time.perf_counter()
    separator.separate_file(song, out, encoding=Encoding(subtype="FLOAT"))
    return Run(time.perf_counter() - started, peak_memory() or 0)


def measure(
    settings: list[Setting], folder: Path, weights: str, song: Path, runs: int,
    sdrs: dict[Setting, float],
) -> list[list[str]]:  # fmt: skip
    """A row of the table for every setting, the reference first, with `sdrs` beside it."""
    found: dict[Setting, list[Run]] = {setting: [] for setting in settings}
    with tempfile.TemporaryDirectory() as out:
        duration = sf.info(song).duration
        for _, setting in itertools.product(range(runs), settings):
            system = write_system(folder, weights, setting)
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                run = pool.submit(run_once, system, song, Path(out), setting.precision).result()
            found[setting].append(run)
    seconds = {key: statistics.median(run.seconds for run in runs) for key, runs in found.items()}
    return [
        [
            str(setting),
            f"{seconds[setting] / duration:.3f}",
            f"{seconds[REFERENCE] / seconds[setting]:.2f}",
            f"{sdrs[setting]:.1f}" if setting in sdrs else "-",
            f"{statistics.median(run.peak_memory for run in found[setting]) / 1e6:.0f}",
        ]
        for setting in settings
    ]


def judge(settings: list[Setting], folder: Path, weights: str, song: Path) -> dict[Setting, float]:
    """The SDR of every other setting's stems against the first one's, in dB."""
    found = {}
    with tempfile.TemporaryDirectory() as name:
        first, other = Path(name) / "first", Path(name) / "other"
        for setting in settings:
            out = first if setting == settings[0] else other
            run_once(write_system(folder, weights, setting), song, out, setting.precision)
            if out == other:
                found[setting] = mean_sdr(first, other)
    return found


def mean_sdr(reference: Path, estimate: Path) -> float:
    """The SDR of one separation against another, the mean over sources, in dB."""
    return float(
        np.mean(
            [
                global_sdr(_read(reference / f"{source}.wav"), _read(estimate / f"{source}.wav"))
                for source in SOURCES
            ]
        )
    )


def _read(path: Path) -> Audio:
    samples: Audio = sf.read(path, dtype="float32")[0].T
    return samples


def write_system(folder: Path, weights: str, setting: Setting) -> Path:
    """The YAML of a system of this network alone."""
    name = f"demucs-{setting.segment:g}-{setting.overlap:g}-{setting.batch}"
    system = {
        "name": name,
        "description": "Demucs-v2 by itself",
        "training_data": [],
        "leaderboard": "none",
        "estimators": [
            {
                "kind": "waveform", "name": "demucs_v2",
                "makes": ["drums", "bass", "other", "vocals"], "weights": weights,
                "segment": setting.segment, "overlap": setting.overlap, "batch": setting.batch,
            },
        ],
    }  # fmt: skip
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(system, sort_keys=False), encoding="utf-8")
    return path


def make_weights(folder: Path, name: str, channels: int) -> None:
    """Write a network with random weights and its int8 twin, once."""
    from models.convert import quantise
    from models.demucs_v2.export import export_demucs
    from models.demucs_v2.network import DemucsSpec, random_demucs

    if not all((folder / file).exists() for file in (name, int8_name(name))):
        export_demucs(random_demucs(DemucsSpec(channels=channels), seed=0), folder / name)
        register_weights(folder, name, made_by=COMMAND)
        quantise(folder, name)


def take_weights(folder: Path, path: Path) -> str:
    """Copy a converted network, and make its int8 twin; returns its name there."""
    from models.convert import quantise

    name = f"copy-of-{path.name}"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, folder / name)
    register_weights(folder, name, made_by=COMMAND)
    quantise(folder, name)
    return name


def get_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--channels", type=int, default=64, help="of random weights (default: 64)")
    parser.add_argument("--weights", type=Path, help="a converted float32 network instead")
    parser.add_argument("--seconds", type=int, default=60, help="of noise (default: 60)")
    parser.add_argument("--song", type=Path, help="a song instead of noise")
    parser.add_argument(
        "--judge", type=Path, nargs=2, metavar=("NETWORK", "SONG"),
        help="a converted float32 network and a song to measure SDR with",
    )  # fmt: skip
    parser.add_argument("--segments", default="10,20,40", help="seconds (default: %(default)s)")
    parser.add_argument("--overlaps", default="0.5,0.25,0.1", help="(default: %(default)s)")
    parser.add_argument("--batches", default="1,2,4", help="(default: %(default)s)")
    parser.add_argument("--precisions", default="float32,int8", help="(default: %(default)s)")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--page", type=page_with(SECTION), help="put the table between this page's marks"
    )
    return parser


def main() -> None:
    """Print the table."""
    args = get_parser().parse_args()
    wanted = [
        Setting(precision, float(segment), float(overlap), int(batch))
        for precision in args.precisions.split(",")
        for segment in args.segments.split(",")
        for overlap in args.overlaps.split(",")
        for batch in args.batches.split(",")
    ]
    settings = [REFERENCE, *(setting for setting in wanted if setting != REFERENCE)]
    what, name = f"{args.channels} channels, random weights", f"random-{args.channels}.onnx"
    if args.weights:
        what, name = args.weights.name, take_weights(FOLDER, args.weights)
    else:
        make_weights(FOLDER, name, args.channels)
    with tempfile.TemporaryDirectory() as folder:
        song = args.song or Path(folder) / "song.wav"
        if not args.song:
            write_song(song, args.seconds)
        sdrs = {}
        if args.judge:
            sdrs = judge(settings, FOLDER, take_weights(FOLDER, args.judge[0]), args.judge[1])
        elif args.weights:
            sdrs = judge(settings, FOLDER, name, song)
        rows = measure(settings, FOLDER, name, song, args.runs, sdrs)
        seconds = sf.info(song).duration
    words = f"{seconds:.0f} s of {'a song' if args.song else 'noise'}, medians of {args.runs}"
    title = f"Demucs-v2 ({what}), {words}; {cpu_model()}, {available_cpus()} CPUs"
    if args.judge:
        title += (
            f"; SDR of {args.judge[0].name} on {sf.info(args.judge[1]).duration:.0f} s of music"
        )
    section = f"{title}\n\n{markdown_table(HEADER, rows)}"
    print(section)
    if args.page:
        replace_section(args.page, SECTION, section)


if __name__ == "__main__":
    with errors_in_one_line():
        main()
