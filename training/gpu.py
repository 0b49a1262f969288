"""`python -m training.gpu`: songs, one network for all four stems and its SDR, in a few minutes.

This is for limited time on a machine with one GPU and several cores. Songs are composed on all
cores and kept in the GPU's memory; a network is trained for as many steps as the remaining time
allows; the best one is exported and scored on held-out songs. Songs of an earlier call are reused;
results are in a folder of their own.
"""

import argparse
import json
import logging
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
import yaml

from mdx.errors import ConfigError, MdxError, OutputError
from mdx.machine import available_cpus
from mdx.systems.spec import SAMPLE_RATE, SOURCES
from training.config import ALL, SeparatorConfig, read_config
from training.fit import fit
from training.hardware import Hardware
from training.module import SeparatorModule, waveform_loss
from training.origin import ROOT, Origin, git_commit
from training.resident import Batches, ResidentExamples
from training.rules import describe_data
from training.songs import Song, find_songs, split_songs
from training.validation import TorchNetwork, score_song

log = logging.getLogger("training")
NAME = "gpu/all.onnx"
DEMO = ["-m", "demo"]
RENDERING = 0.35  # largest share of the time for rendering, which then stops
KEPT = 0.12  # share of the time reserved for export and scores
TIMED = 10  # steps that are timed, after as many to warm up
HELD = 8  # songs of which examples are made for that
TEST_SONGS = 8


def render(out: Path, songs: int, *, seconds: float, jobs: int, options: list[str]) -> None:
    """Compose the test songs below a folder, then up to `songs`, for at most `seconds` in all.

    Raises OutputError if a song cannot be composed.
    """
    until = time.monotonic() + seconds
    common = [sys.executable, *DEMO, "--out", str(out), "--seconds", "30", "--jobs", str(jobs)]
    # Test songs first: there must be some, however short the time is.
    for train, test in ((0, TEST_SONGS), (songs, 0)):
        command = [*common, "--train", str(train), "--test", str(test), *options]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as child:
            try:
                code = child.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.terminate()  # complete songs are kept
                log.info("songs: the time for them is over")
                return
        if code:
            raise OutputError(out, got=f"exit code {code} of python -m demo", expected="songs",
                              hint="its error is above")  # fmt: skip


def measure_pace(config: SeparatorConfig, device: torch.device) -> float:
    """Seconds per training step, without making its examples."""
    module = SeparatorModule(config, scale=1.0).to(device)
    optimizer = torch.optim.AdamW(module.network.parameters())
    started = 0.0
    for step in range(2 * TIMED):
        if step == TIMED:
            _finish(device)
            started = time.perf_counter()
        find_gradients(module, device)
        optimizer.step()
        optimizer.zero_grad()
    _finish(device)
    return (time.perf_counter() - started) / TIMED


def measure_examples(config: SeparatorConfig, songs: Sequence[Song], device: torch.device) -> float:
    """Seconds per batch of examples, made of a few songs in the device's memory."""
    chunk = config.stft(config.train_frames).chunk
    few = ResidentExamples(
        songs[:HELD], ALL, config.data, chunk=chunk, count=2 * TIMED * config.batch, seed=0,
        device=device,
    )  # fmt: skip
    batches = Batches(few, config.batch)
    started = 0.0
    for number in range(2 * TIMED):
        if number == TIMED:
            _finish(device)
            started = time.perf_counter()
        batches[number]
    _finish(device)
    return (time.perf_counter() - started) / TIMED


def find_gradients(module: SeparatorModule, device: torch.device) -> None:
    """One pass forward and backward over a batch of noise, in the configuration's precision."""
    config = module.config
    shape = (config.batch, config.sources, 2, module.stft.chunk)
    target = torch.randn(shape, device=device)
    fast = config.precision == "bf16-mixed"
    with torch.autocast(device.type, torch.bfloat16, enabled=fast):
        found = module(target.sum(dim=1))
    wanted = target if config.sources > 1 else target[:, 0]
    loss = waveform_loss(found, wanted, module.stft, config.loss)
    loss.backward()  # type: ignore[no-untyped-call]


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def with_steps(config: SeparatorConfig, seconds: float, pace: float) -> SeparatorConfig:
    """The configuration with as many steps as fit into `seconds`, validated six times."""
    steps = max(1, int(seconds / pace))
    return replace(config, steps=steps, validate_every=max(1, -(-steps // 6)))


def score_test_songs(
    path: Path, config: SeparatorConfig, songs: tuple[Song, ...], device: torch.device
) -> dict[str, float]:
    """The mean SDR of each source over songs, in dB, with the weights of a training."""
    module = SeparatorModule(config, scale=1.0).to(device)
    module.start_from(path)
    spec = config.stft(config.frames)
    network = TorchNetwork(module.finished(), spec, device, sources=len(SOURCES))
    first = config.first_bin
    rows = [score_song(network, spec, ALL, song, first_bin=first) for song in songs]
    found = {source: [row[source] for row in rows if source in row] for source in SOURCES}
    return {source: sum(row) / len(row) for source, row in found.items() if row}


def get_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m training.gpu", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/train-gpu"))
    parser.add_argument("--minutes", type=float, default=9.0, help="total time (default: 9)")
    parser.add_argument("--songs", type=int, default=600, help="most songs to train on")
    parser.add_argument("--jobs", type=int, default=available_cpus(), help="songs rendered at once")
    parser.add_argument("--packs", action="store_true", help="play some parts from recordings")
    parser.add_argument("--config", default="gpu", help="a name from training/configs, or a YAML")
    parser.add_argument("--accelerator", choices=["auto", "cpu", "gpu"], default="auto")
    parser.add_argument("--seed", type=int, default=1)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Compose, train and score; returns the exit code."""
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    log.setLevel(logging.INFO)
    words = sys.argv[1:] if arguments is None else arguments
    args = get_parser().parse_args(words)
    until = time.monotonic() + 60 * args.minutes
    try:
        _train(args, f"python -m training.gpu {' '.join(words)}", until)
    except (MdxError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: the songs are kept", file=sys.stderr)
        return 130
    return 0


def _train(args: argparse.Namespace, command: str, until: float) -> None:
    hardware = Hardware(args.accelerator, resident=True)
    configs = read_config(args.config)
    if ALL not in configs:
        raise ConfigError(
            "--config", got=args.config, expected="one of a network for all stems",
            hint=f"its YAML has the key {ALL} in place of the four sources",
        )  # fmt: skip
    config = replace(configs[ALL], precision=hardware.precision)
    songs = args.out / "songs"
    share = RENDERING * 60 * args.minutes
    options = ["--seed", str(args.seed), *(["--packs"] if args.packs else [])]
    render(songs, args.songs, seconds=share, jobs=args.jobs, options=options)
    found = find_songs(songs / "train")
    data = describe_data(found)  # songs with recordings have a name of their own
    training, validation = split_songs(found, one_in=config.held_out)
    minutes = sum(song.samples for song in training) / SAMPLE_RATE / 60
    log.info("%d songs of %.0f minutes in all, %d for validation", len(training), minutes,
             len(validation))  # fmt: skip
    pace = measure_pace(config, hardware.device)
    pace += measure_examples(config, training, hardware.device)
    left = until - time.monotonic() - KEPT * 60 * args.minutes
    config = with_steps(config, left, pace)
    log.info("%.3f s a step: %d steps", pace, config.steps)
    (args.out / "steps.yaml").write_text(yaml.safe_dump({"steps": config.steps, "pace": pace}))
    origin = Origin(
        command, str(data), data.attributed, config=Path(args.config).name, commit=git_commit()
    )
    run = args.out / f"run-{int(time.time())}"
    best = fit(
        config, ALL, training, validation, out=run, weights=run / "weights", name=NAME,
        seed=args.seed, origin=origin, hardware=hardware,
    )  # fmt: skip
    state = run / "weights" / "gpu" / "all.state.npz"
    scores = score_test_songs(state, config, find_songs(songs / "test"), hardware.device)
    log.info("best SDR %.3f dB; test songs: %s; %s", best, scores, run)
    (run / "scores.json").write_text(json.dumps(scores, indent=1))


if __name__ == "__main__":
    sys.exit(main())
