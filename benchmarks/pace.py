"""How long training steps take on one thread, without making their examples."""

import statistics
import time
from collections.abc import Mapping
from typing import TypeVar

import torch

from training.module import SeparatorModule, waveform_loss

Key = TypeVar("Key")
TIMED = 3  # steps of each, after one to warm up


def measure_paces(modules: Mapping[Key, SeparatorModule]) -> dict[Key, float]:
    """CPU seconds of a step by module: medians of interleaved steps on one thread."""
    torch.set_num_threads(1)
    rounds = [
        {key: step_seconds(module) for key, module in modules.items()} for _ in range(1 + TIMED)
    ]
    return {key: statistics.median(row[key] for row in rounds[1:]) for key in modules}


def step_seconds(module: SeparatorModule) -> float:
    """CPU seconds of one thread, which other processes hardly affect."""
    started = time.process_time()
    shape = (module.config.batch, 2, module.stft.chunk)
    mix, target = torch.randn(shape), torch.randn(shape)
    fast = module.config.precision == "bf16-mixed"
    with torch.autocast("cpu", torch.bfloat16, enabled=fast):
        found = module(mix)
    if module.config.sources > 1:
        target = target[:, None].expand_as(found)
    waveform_loss(found, target, module.stft, module.config.loss).backward()  # type: ignore[no-untyped-call]
    module.zero_grad()
    return time.process_time() - started
