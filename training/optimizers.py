"""Optimizers and schedules of the learning rate, by name."""

import math
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

Weights = Iterable[nn.Parameter]

WARM_UP = 0.1  # share of a one-cycle run in which the learning rate rises
COSINE_WARM_UP = 0.05  # the same for a cosine run
COSINE_END = 1e-3  # learning rate at its end, relative to the highest


def _cosine(steps: int) -> Callable[[int], float]:
    warm_up = max(1, round(COSINE_WARM_UP * steps))

    def share(step: int) -> float:
        """The learning rate of a step, relative to the highest."""
        if step < warm_up:
            return (step + 1) / warm_up
        done = min(1.0, (step - warm_up) / max(1, steps - warm_up))
        return COSINE_END + (1 - COSINE_END) * (1 + math.cos(math.pi * done)) / 2

    return share


def _one_cycle(optimizer: Optimizer, rate: float, steps: int) -> LRScheduler:
    # Only Adam-like optimizers have a momentum that can be scheduled.
    cycle = "betas" in optimizer.defaults
    # Torch divides by zero where the learning rate rises for exactly one step.
    steps = max(steps, 2)
    rising = max(WARM_UP, 1.5 / steps)
    return OneCycleLR(optimizer, rate, total_steps=steps, pct_start=rising, cycle_momentum=cycle)


# (weights, learning rate, weight decay)
OPTIMIZERS: Mapping[str, Callable[[Weights, float, float], Optimizer]] = {
    # Without momentum, as in the paper.
    "rmsprop": lambda weights, rate, decay: torch.optim.RMSprop(
        weights, lr=rate, weight_decay=decay
    ),
    "adam": lambda weights, rate, decay: torch.optim.Adam(weights, lr=rate, weight_decay=decay),
    "adamw": lambda weights, rate, decay: torch.optim.AdamW(weights, lr=rate, weight_decay=decay),
}
# (optimizer, learning rate, steps); None: a constant rate
SCHEDULES: Mapping[str, Callable[[Optimizer, float, int], LRScheduler | None]] = {
    "constant": lambda *_: None,
    "one_cycle": _one_cycle,
    "cosine": lambda optimizer, _, steps: LambdaLR(optimizer, _cosine(steps)),
}
