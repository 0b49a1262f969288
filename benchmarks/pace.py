"""How long a training step takes on one thread, without making its examples."""

import time

import torch

from training.module import SeparatorModule, waveform_loss


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
