"""`python -m benchmarks.small_demucs`: trains a small Demucs-v2 on demo songs, for minutes.

Released weights are not available everywhere, and a network with random weights does not show the
cost of shorter segments, less overlap or int8: the less a network has been trained, the more its
stems depend on where a segment begins. The result is only for `benchmarks.demucs_v2 --judge`.

Source: the absolute error on waveforms, and parts of a few seconds, as Demucs-v2 was trained with.
"""

import argparse
import sys
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from benchmarks.command import errors_in_one_line
from mdx.systems.spec import SAMPLE_RATE, SOURCES
from models.demucs_v2.export import export_demucs
from models.demucs_v2.network import SOURCES as ORDER
from models.demucs_v2.network import Demucs, DemucsSpec, centre, random_demucs
from training.data_config import DataConfig
from training.examples import Examples
from training.songs import find_songs

OUT = Path("out/demucs/small.onnx")
SECONDS = 3.0  # of an example
BATCH = 8
RATE = 1e-3  # of learning, at its highest
TOLD = 50  # steps from one line of progress to the next
QUIET = 1e-3  # added to an example's standard deviation, so that silence stays quiet


class AllStems(Examples):
    """Mixtures, and all stems of each as the network orders them."""

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Shape: (2, chunk), (4, 2, chunk)."""
        parts = dict(zip(SOURCES, self.draw(index), strict=True))
        stems = torch.stack([torch.from_numpy(self._make(s, parts[s])) for s in ORDER])
        return stems.sum(dim=0), stems


def loss_of(net: Demucs, mix: Tensor, stems: Tensor) -> Tensor:
    """The absolute error where the network gives stems, at the level at which it reads songs.

    Shape: (batch, 2, n), (batch, 4, 2, n) -> ()
    """
    level = QUIET + mix.std(dim=(1, 2), keepdim=True)
    found: Tensor = net(mix / level)
    return (found - centre(stems / level[:, None], found.shape[-1])).abs().mean()


def train(songs: Path, channels: int, steps: int, *, seed: int = 0) -> Demucs:
    """Train a network; raises AudioError for songs that are none."""
    net = random_demucs(DemucsSpec(channels=channels), seed=seed).train()
    chunk = net.valid_length(int(SECONDS * SAMPLE_RATE))
    data = DataConfig(whole_song=0.3, flip=True)
    examples = AllStems(
        find_songs(songs), SOURCES[0], data, chunk=chunk, count=steps * BATCH, seed=seed
    )
    optimizer = torch.optim.Adam(net.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    total = 0.0
    for step, (mix, stems) in enumerate(DataLoader(examples, BATCH), 1):
        optimizer.zero_grad()
        loss = loss_of(net, mix, stems)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        total += loss.item()
        if step % TOLD == 0:
            print(f"step {step} of {steps}: loss {total / TOLD:.4f}", flush=True)
            total = 0.0
    return net.eval()


def get_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.small_demucs", description=__doc__)
    parser.add_argument("--songs", type=Path, required=True, help="in MUSDB18-HQ layout")
    parser.add_argument("--out", type=Path, default=OUT, help="(default: %(default)s)")
    parser.add_argument("--channels", type=int, default=8, help="(default: %(default)s)")
    parser.add_argument("--steps", type=int, default=200, help="(default: %(default)s)")
    return parser


def main() -> int:
    """Train and export; returns the exit code."""
    args = get_parser().parse_args()
    with errors_in_one_line():
        export_demucs(train(args.songs, args.channels, args.steps), args.out)
    print(args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
