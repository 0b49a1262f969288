"""`python -m training.augment`: the paper's pitch-shifted and time-stretched training songs."""

import argparse
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import soundfile as sf

from mdx.errors import ConfigError, MdxError, OutputError
from mdx.machine import available_cpus
from mdx.processes import worker_processes
from mdx.systems.spec import CHANNELS, SAMPLE_RATE, SOURCES
from training.rules import FACTS, describe_data
from training.songs import FULL_SCALE, VARIANT, Song, Stems, find_songs, split_songs, to_int16
from training.stretch import stretch_stem

STEP = 10  # % of tempo between two variants
FILES = (*SOURCES, "mixture")
HEADER = 4096  # most bytes that a file takes on disk besides its samples


@dataclass(frozen=True)
class Variant:
    """A song at another pitch, another tempo, or both."""

    song: Song
    semitones: int
    percent: int  # faster

    @property
    def name(self) -> str:
        """The song's name with its changes, by which training.songs recognises variants."""
        name = f"{self.song.name} [pitch{self.semitones:+d} tempo{self.percent:+d}]"
        assert VARIANT.search(name)
        return name

    @property
    def tempo(self) -> float:
        """The factor by which it is played faster."""
        return 1 + self.percent / 100

    @property
    def bytes(self) -> int:
        """The most disk space that its five files take."""
        samples = math.ceil(self.song.samples / self.tempo)
        return len(FILES) * (samples * CHANNELS * 2 + HEADER)


def make_grid(songs: Sequence[Song], *, semitones: int, stretch: float) -> list[Variant]:
    """All variants of some songs: each semitone with each tenth of the tempo, up and down.

    The unchanged song is not among them, and variants of variants are not made. Raises ConfigError
    for a negative number, or a stretch that is not a whole number of tenths below 1.
    """
    percent = round(100 * stretch) if 0 <= stretch < 1 else 100  # NaN fails every comparison
    if semitones < 0:
        raise ConfigError("--semitones", got=semitones, expected="0 or more")
    if percent % STEP or percent == 100 or not math.isclose(percent, 100 * stretch):
        raise ConfigError("--stretch", got=stretch, expected="0.0, 0.1, 0.2 or more, below 1")
    return [
        Variant(song, pitch, tempo)
        for song in songs
        if not song.is_variant
        for pitch in range(-semitones, semitones + 1)
        for tempo in range(-percent, percent + 1, STEP)
        if (pitch, tempo) != (0, 0)
    ]


def write_variants(variants: Sequence[Variant], out: Path, *, jobs: int) -> Iterator[Path]:
    """Write the variants that are missing below `<out>/train`, and yield each folder in turn.

    A folder appears once it is complete. Each process holds one whole stem at a time, because the
    library does not work in blocks. Raises OutputError, before writing anything, if the disk
    has too little space for all of them, and MdxError if a stem cannot be read.
    """
    target = out / "train"
    missing = [variant for variant in variants if not _is_complete(variant, target)]
    try:
        target.mkdir(parents=True, exist_ok=True)
        disk, needed = shutil.disk_usage(target), sum(variant.bytes for variant in missing)
        if disk.total and disk.free < needed:
            raise OutputError(
                target, got=f"{disk.free / 1e9:.1f} GB of free disk",
                expected=f"{needed / 1e9:.1f} GB for {len(missing)} songs",
                hint="make room, or ask for fewer variants",
            )  # fmt: skip
        # In the folder itself, so a finished song is moved by a rename.
        with tempfile.TemporaryDirectory(dir=target, prefix=".drafts-") as drafts:
            yield from _write_all(target, Path(drafts), missing, jobs)
    except (OSError, sf.LibsndfileError) as error:
        raise OutputError(target, got=error, expected="a folder that can be written") from error


def _is_complete(variant: Variant, target: Path) -> bool:
    path = target / variant.name / "mixture.wav"
    if not path.parent.exists():
        return False
    expected = round(variant.song.samples / variant.tempo)
    try:
        found = sf.info(path).frames
    except (sf.LibsndfileError, OSError):
        found = 0
    other = "it was made of another song: choose another --out"
    if abs(found - expected) > 1:
        raise OutputError(
            path, got=f"{found} samples", expected=f"{expected}, from {variant.song.folder}",
            hint=other,
        )  # fmt: skip
    facts = variant.song.folder / FACTS
    copy = path.with_name(FACTS)
    if facts.is_file() and not (copy.is_file() and copy.read_bytes() == facts.read_bytes()):
        raise OutputError(copy, got="other facts", expected=f"those of {facts}", hint=other)
    return True


def _write_all(target: Path, drafts: Path, variants: list[Variant], jobs: int) -> Iterator[Path]:
    write = partial(_write_variant, target, drafts)
    if jobs == 1:
        yield from map(write, variants)
        return
    with worker_processes(jobs, work=target) as pool:
        yield from pool.map(write, variants)


def _write_variant(target: Path, drafts: Path, variant: Variant) -> Path:
    draft, folder = drafts / variant.name, target / variant.name
    draft.mkdir()
    facts = variant.song.folder / FACTS
    if facts.is_file():  # where its sound comes from, and whose licence it is under
        shutil.copyfile(facts, draft / FACTS)
    stems, mixture = Stems(mapped=False), np.zeros(1, dtype=np.float32)
    for source in SOURCES:
        audio = stems.read(variant.song, source, 0, variant.song.samples)
        audio = stretch_stem(audio, semitones=variant.semitones, tempo=variant.tempo)
        stem = to_int16(audio)
        sf.write(draft / f"{source}.wav", stem.T, SAMPLE_RATE, subtype="PCM_16")
        mixture = mixture + stem  # a sum of four 16-bit stems is exact in float32
    mixed = to_int16(mixture / np.float32(FULL_SCALE))
    sf.write(draft / "mixture.wav", mixed.T, SAMPLE_RATE, subtype="PCM_16")
    os.replace(draft, folder)
    return folder


def get_parser() -> argparse.ArgumentParser:
    """The options; their defaults are the paper's."""
    parser = argparse.ArgumentParser(prog="python -m training.augment", description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders of songs")
    parser.add_argument("--out", type=Path, required=True, help="folder for the variants")
    parser.add_argument("--semitones", type=int, default=2, help="largest pitch shift")
    parser.add_argument("--stretch", type=float, default=0.2, help="largest change of tempo")
    parser.add_argument("--jobs", type=int, default=available_cpus(), help="songs at once")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Write the variants of all songs except those for validation; returns the exit code."""
    args = get_parser().parse_args(arguments)
    try:
        if args.jobs < 1:
            raise ConfigError("--jobs", got=args.jobs, expected="1 or more")
        songs = find_songs(*args.data)
        describe_data(songs)  # no test songs
        training, _ = split_songs(songs)
        variants = make_grid(training, semitones=args.semitones, stretch=args.stretch)
        for folder in write_variants(variants, args.out, jobs=args.jobs):
            print(folder, flush=True)
    except (MdxError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: the songs above are complete; run the same command again to continue",
              file=sys.stderr)  # fmt: skip
        return 130
    print(f"{len(variants)} variants of {len(training)} songs in {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
