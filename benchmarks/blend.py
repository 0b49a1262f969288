"""`python -m benchmarks.blend`: leaderboard A's system at full size, in seconds by stage.

Four separators of 512 frames in graphs like the released ones, the Mixer, and a blend with
Demucs-v2 of 64 channels, all with random weights, on a song of noise, file to files. Every run is a
separate process, including loading.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml

from benchmarks.command import errors_in_one_line
from benchmarks.demucs_v2 import make_weights
from benchmarks.full_size import (
    FOLDER,
    FRAMES,
    blend_system,
    make_full_size,
    spectrogram_estimators,
    write_network,
)
from benchmarks.memory import write_song
from evaluator.children import Children
from evaluator.replay import Separation, Submission, separate_song
from evaluator.sections import page_with, replace_section
from evaluator.tables import markdown_table
from mdx.machine import available_cpus, cpu_model
from mdx.systems.manifest import int8_name
from mdx.systems.spec import SOURCES

NETWORK, DEMUCS = "released-512.onnx", "random-64.onnx"
SECTION = "blend"  # of the page
Setting = tuple[str, float, float, int]
# Precision, then segment (seconds), overlap and segments in a call of Demucs-v2.
SETTINGS: tuple[Setting, ...] = (
    ("float32", 40.0, 0.5, 2),
    ("int8", 40.0, 0.5, 2),
    ("int8", 40.0, 0.25, 2),
)
HEADER = [
    "setting", "seconds", "of its duration", "memory, MB", "separators", "Demucs-v2", "STFTs",
    "rest", "loading",
]  # fmt: skip


def make_weights_once(folder: Path = FOLDER) -> None:
    """Write the system's missing networks, which takes some minutes."""
    make_full_size(folder)  # for its Mixer
    if not (folder / int8_name(NETWORK)).exists():
        write_network(folder, NETWORK, dim_t=FRAMES, released=True)
    make_weights(folder, DEMUCS, channels=64)


def write_system(folder: Path, segment: float, overlap: float, batch: int) -> Path:
    """Write the YAML of leaderboard A's system with these networks."""
    separators = spectrogram_estimators(NETWORK)
    system = blend_system(separators, DEMUCS, segment, overlap=overlap, batch=batch)
    path = folder / "blend.yaml"
    path.write_text(yaml.safe_dump(system, sort_keys=False), encoding="utf-8")
    return path


def middle(runs: Sequence[Separation]) -> Separation:
    """The run of median duration; of an even number, the slower one of the two."""
    return sorted(runs, key=lambda run: run.setup_seconds + run.seconds)[len(runs) // 2]


def row(setting: Setting, seconds: int, run: Separation) -> list[str]:
    """A row of the table for a song of this duration."""
    precision, segment, overlap, batch = setting
    stages = dict(run.stages)
    separators = sum(stages.pop(source) for source in SOURCES)
    demucs = stages.pop("demucs_v2")
    stft = stages.pop("stft") + stages.pop("istft")
    rest = run.seconds - separators - demucs - stft
    total = run.setup_seconds + run.seconds
    parts = [separators, demucs, stft, rest, run.setup_seconds]
    return [
        f"{precision}, segments of {segment:g} s, overlap {overlap:g}, {batch} a call",
        f"{total:.1f}",
        f"{total / seconds:.2f}",
        f"{(run.peak_memory or 0) / 1e6:.0f}",
        *(f"{part:.1f}" for part in parts),
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.blend", description=__doc__)
    parser.add_argument("--seconds", type=int, default=240, help="of the song (default: 240)")
    parser.add_argument("--runs", type=int, default=3, help="of each setting (default: 3)")
    parser.add_argument(
        "--page", type=page_with(SECTION), help="put the table between this page's marks"
    )
    args = parser.parse_args()
    make_weights_once()
    with tempfile.TemporaryDirectory() as name:
        song = Path(name) / "song" / "mixture.wav"
        song.parent.mkdir()
        write_song(song, args.seconds)
        found: dict[Setting, list[Separation]] = {setting: [] for setting in SETTINGS}
        for number in range(1 + args.runs):
            for setting, runs in found.items():
                system = write_system(FOLDER, *setting[1:])
                submission = Submission(str(system), precision=setting[0])
                run = separate_song(submission, song.parent, Path(name) / "out", Children())
                if number:  # the first one compiles networks
                    runs.append(run)
                print(" | ".join(row(setting, args.seconds, run)), flush=True)
    rows = [row(setting, args.seconds, middle(runs)) for setting, runs in found.items()]
    title = (
        f"A song of {args.seconds} s; {cpu_model()}, {available_cpus()} CPUs; seconds by stage, "
        f"medians of {args.runs} interleaved runs"
    )
    told = f"{title}\n\n{markdown_table(HEADER, rows)}"
    print(told)
    if args.page:
        replace_section(args.page, SECTION, told)


if __name__ == "__main__":
    with errors_in_one_line():
        main()
