"""`python -m benchmarks.data_loading`: examples per second, compared with the rate of training.

Without `--data` it uses temporary songs of noise.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from benchmarks.command import errors_in_one_line
from benchmarks.memory import write_song
from evaluator.tables import markdown_table
from mdx.systems.spec import SOURCES
from training.config import ALL, SeparatorConfig, config_of, read_config
from training.examples import Examples
from training.songs import Song, find_songs
from training.spectrogram import spectrogram, waveform

ENDLESS = 1 << 40  # examples: more than are ever requested
TARGET = 4  # times the training rate: loading is then no more than a fifth of one core's time
NOISE_SONGS, NOISE_SECONDS = 6, 30
STEPS = 5  # of training that are timed


def loading_rate(examples: Examples, *, batch: int, workers: int, seconds: float) -> float:
    """Examples per second from a DataLoader with this many worker processes."""
    batches = iter(DataLoader(examples, batch_size=batch, num_workers=workers))
    for _ in islice(batches, 1 + 2 * workers):  # what workers have ready from their start
        pass
    loaded, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds:
        loaded += len(next(batches)[0])
    return loaded / elapsed


def training_rate(config: SeparatorConfig, examples: Examples) -> float:
    """Examples a second that training takes on the CPU, in a plain loop over one batch."""
    spec = config.stft(config.train_frames)
    mix, target = next(iter(DataLoader(examples, batch_size=config.batch)))
    net = config.build()
    optimizer = torch.optim.Adam(net.parameters())
    started = 0.0
    for step in range(1 + STEPS):
        if step == 1:  # the first one prepares
            started = time.perf_counter()
        estimate = waveform(net(spectrogram(mix, spec)), spec)
        loss = (estimate - target).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return STEPS * config.batch / (time.perf_counter() - started)


def write_noise(root: Path) -> None:
    """Write songs whose stems are noise."""
    for number in range(NOISE_SONGS):
        folder = root / f"noise {number}"
        folder.mkdir()
        for source in SOURCES:
            write_song(folder / f"{source}.wav", NOISE_SECONDS)


def measure(
    songs: Sequence[Song], config: SeparatorConfig, source: str, *,
    rate: float | None, workers: Sequence[int], seconds: float,
) -> str:  # fmt: skip
    """A table of every way to load, for one source of a configuration.

    Args: `rate`, the examples a second that training takes, measured where None; `seconds` that
    each row is measured.
    """
    chunk = config.stft(config.train_frames).chunk
    plain = replace(config.data, semitones=0.0, stretch=0.0)
    paper = replace(config.data, semitones=2.0, stretch=0.2)
    ways = {
        "files read": Examples(
            songs, source, plain, chunk=chunk, count=ENDLESS, seed=1, cache=False
        ),
        "files mapped": Examples(songs, source, plain, chunk=chunk, count=ENDLESS, seed=1),
        "and stretched": Examples(songs, source, paper, chunk=chunk, count=ENDLESS, seed=1),
    }
    rate = rate or training_rate(config, ways["files mapped"])
    rows = []
    for name, examples in ways.items():
        for count in workers:
            loaded = loading_rate(examples, batch=config.batch, workers=count, seconds=seconds)
            rows.append([name, f"{count}", f"{loaded:.0f}", f"{loaded / rate:.1f}"])
    header = ["examples from", "workers", "examples a second", "times the training rate"]
    words = (
        f"{len(songs)} songs, examples of {chunk} samples; training takes {rate:.1f} a second "
        f"(the aim: {TARGET} times that)"
    )
    return f"{words}\n\n{markdown_table(header, rows)}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.data_loading", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of songs")
    parser.add_argument("--config", default="demo", help="whose examples (default: %(default)s)")
    parser.add_argument("--source", choices=[*SOURCES, ALL], default="vocals")
    parser.add_argument("--rate", type=float, help="examples a second that training takes")
    parser.add_argument("--workers", default="0,1,2", help="comma-separated counts")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = config_of(read_config(args.config), args.source, args.config)
        if args.data is None:
            write_noise(Path(folder))
        table = measure(
            find_songs(args.data or Path(folder)), config,
            args.source, rate=args.rate, seconds=args.seconds,
            workers=[int(count) for count in args.workers.split(",")],
        )  # fmt: skip
    print(table)


if __name__ == "__main__":
    with errors_in_one_line():
        main()
