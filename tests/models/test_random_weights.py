"""Random weights: seeded, with BatchNorm layers that are not the identity."""

import torch
from torch import nn

from models.random_weights import randomise


def network() -> nn.Module:
    return nn.Sequential(
        nn.Linear(4, 4), nn.BatchNorm1d(4), nn.BatchNorm1d(4, affine=False), nn.LSTM(4, 3)
    )


def test_the_seed_decides() -> None:
    one, same, other = (randomise(network(), seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(value, same[name]) for name, value in one.items())
    counts = "num_batches_tracked"
    assert not any(
        torch.equal(value, other[name]) for name, value in one.items() if counts not in name
    )


def test_it_leaves_torch_s_own_numbers_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    net = network()
    torch.manual_seed(5)
    randomise(net, seed=1)
    assert torch.equal(torch.rand(3), expected)


def test_normalisation_is_no_identity() -> None:
    net = randomise(network(), seed=1)
    x = torch.randn(8, 4, generator=torch.manual_seed(0))
    assert not net.training
    for norm in (net[1], net[2]):  # type: ignore[index]
        assert (norm(x) - x).abs().max() > 0.05
