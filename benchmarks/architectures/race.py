"""One training for given CPU seconds, which can be interrupted, and its SDR on other songs."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.architectures.contestants import CHUNK, CONTESTANTS
from evaluator.fingerprints import hash_facts
from evaluator.metrics import global_sdr
from mdx.systems.spec import SOURCES, Audio
from training.config import ALL
from training.data_config import DataConfig
from training.examples import Examples
from training.losses import LOSSES
from training.songs import Song
from training.validation import read_stems

BATCH = 4
RATE = 2e-3  # initial learning rate, which falls to zero along a cosine
CLIP = 1.0
LOSS = "mse"
SAVED_EVERY = 60.0  # CPU seconds
DATA = DataConfig(whole_song=0.3)


@dataclass(frozen=True)
class Race:
    """One network to train."""

    contestant: str  # of CONTESTANTS
    source: str  # of SOURCES, or `all`
    seed: int
    seconds: float  # of one CPU

    @property
    def name(self) -> str:
        """The name of its files, which other sizes or another training do not share."""
        size = repr(CONTESTANTS[self.contestant].build.args)
        key = hash_facts(size, BATCH, RATE, CLIP, LOSS, repr(DATA))[:8]
        return f"{self.contestant}-{self.source}-{self.seed}-{self.seconds:g}-{key}"


def run_race(race: Race, songs: list[Song], tests: list[Song], out: Path) -> dict[str, float]:
    """Train a network on one thread, or continue; returns its SDR by source, in dB."""
    torch.set_num_threads(1)
    net = train(race, songs, out / f"{race.name}.pt")
    made = CONTESTANTS[race.contestant].makes or (race.source,)
    found: dict[str, list[float]] = {source: [] for source in made}
    for song in tests:
        stems = read_stems(song)
        for source, estimate in zip(made, separate(net, stems.sum(axis=0)), strict=True):
            reference = stems[SOURCES.index(source)]
            if reference.any():
                found[source].append(global_sdr(reference, estimate))
    return {source: float(np.mean(values)) for source, values in found.items()}


def train(race: Race, songs: list[Song], path: Path) -> nn.Module:
    """The network after its training time; its state is saved in `path`."""
    torch.manual_seed(race.seed)
    net = CONTESTANTS[race.contestant].network()
    optimizer = torch.optim.AdamW(net.parameters(), RATE, weight_decay=1e-4)
    step, spent = 0, 0.0
    if path.exists():
        kept = torch.load(path, weights_only=True)
        net.load_state_dict(kept["network"])
        optimizer.load_state_dict(kept["optimizer"])
        step, spent = kept["step"], kept["seconds"]
    saved = spent
    for mix, target in batches(race, songs, step):
        if spent >= race.seconds:
            break
        started = time.process_time()
        for group in optimizer.param_groups:
            group["lr"] = RATE * (1 + math.cos(math.pi * spent / race.seconds)) / 2
        optimizer.zero_grad()
        loss = LOSSES[LOSS](net(mix), target)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), CLIP)
        optimizer.step()
        step, spent = step + 1, spent + time.process_time() - started
        if spent - saved > SAVED_EVERY or spent >= race.seconds:
            saved = spent
            keep = {"network": net.state_dict(), "optimizer": optimizer.state_dict(),
                    "step": step, "seconds": spent}  # fmt: skip
            draft = path.with_suffix(".draft")
            torch.save(keep, draft)
            draft.replace(path)
    return net.eval()


def batches(race: Race, songs: list[Song], step: int) -> Iterator[tuple[Tensor, Tensor]]:
    """An endless stream of batches of mixtures and targets, from the given step on.

    Shape: (BATCH, 2, CHUNK), (BATCH, stems, 2, CHUNK)
    """
    made = CONTESTANTS[race.contestant].makes
    drawn = Examples(
        songs, ALL if made else race.source, DATA, chunk=CHUNK, count=2**31, seed=race.seed
    )
    order = [SOURCES.index(source) for source in made]
    while True:
        pairs = [drawn[BATCH * step + index] for index in range(BATCH)]
        mix = torch.stack([pair[0] for pair in pairs])
        target = torch.stack([pair[1] for pair in pairs])
        yield mix, target[:, order] if made else target[:, None]
        step += 1


def separate(net: nn.Module, mix: Audio) -> Audio:
    """Separate a whole song in half-overlapping triangular windows.

    This is the same for all architectures, and not the published procedure of any of them.
    Shape: (2, n) -> (stems, 2, n)
    """
    samples, half = mix.shape[1], CHUNK // 2
    padded = np.pad(mix, ((0, 0), (half, CHUNK)))
    window = np.bartlett(CHUNK + 1)[:CHUNK].astype(np.float32)
    total: Audio | None = None
    weights = np.zeros(padded.shape[1], dtype=np.float32)
    with torch.inference_mode():
        for start in range(0, samples + half, half):
            part = torch.from_numpy(padded[:, start : start + CHUNK].copy())
            stems: Audio = net(part[None])[0].numpy()
            if total is None:
                total = np.zeros((*stems.shape[:2], padded.shape[1]), dtype=np.float32)
            total[..., start : start + CHUNK] += stems * window
            weights[start : start + CHUNK] += window
    assert total is not None
    found: Audio = total[..., half : half + samples] / weights[half : half + samples]
    return found
