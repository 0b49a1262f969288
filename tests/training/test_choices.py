"""Optimizers, schedules and losses, by name."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from training.losses import LOSSES
from training.optimizers import COSINE_END, OPTIMIZERS, SCHEDULES


def rates(schedule: str, steps: int) -> list[float]:
    """The learning rate of each step, and of the one after the last."""
    optimizer = OPTIMIZERS["adamw"]([nn.Parameter(torch.zeros(1))], 0.5, 0.0)
    found = SCHEDULES[schedule](optimizer, 0.5, steps)
    values = [optimizer.param_groups[0]["lr"]]
    for _ in range(steps - 1):
        optimizer.step()
        if found is not None:
            found.step()
        values.append(optimizer.param_groups[0]["lr"])
    return values


def test_a_cosine_rises_for_a_twentieth_and_falls_to_nearly_nothing() -> None:
    found = rates("cosine", 101)
    assert found[:5] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert found[5] == pytest.approx(0.5)
    assert found[53] == pytest.approx(0.25, abs=0.01)  # half way down
    assert all(a > b for a, b in pairwise(found[5:]))
    assert found[-1] == pytest.approx(0.5 * COSINE_END, rel=0.3)


def test_the_other_schedules() -> None:
    assert set(rates("constant", 10)) == {0.5}
    found = rates("one_cycle", 100)
    assert max(found) == pytest.approx(0.5) and found[9] == max(found)


def test_a_run_of_one_step_has_a_schedule() -> None:
    assert rates("cosine", 1) == [0.5]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_run_may_have_any_number_of_steps(schedule: str) -> None:
    for steps in range(1, 30):
        assert all(0 < rate <= 0.5 for rate in rates(schedule, steps))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_decays_weights_when_asked(name: str) -> None:
    weight = nn.Parameter(torch.ones(1))
    optimizer = OPTIMIZERS[name]([weight], 0.1, 0.5)
    weight.grad = torch.zeros(1)
    optimizer.step()
    assert weight.item() < 1
    assert type(optimizer).__name__.lower() == name


def test_losses() -> None:
    estimate, target = torch.tensor([1.0, 2.0]), torch.tensor([0.0, 5.0])
    assert LOSSES["l1"](estimate, target).item() == 2.0
    assert LOSSES["mse"](estimate, target).item() == 5.0
