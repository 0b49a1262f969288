"""Tiles of the outer levels give the same samples as the whole, wherever they end."""

import numpy as np
import pytest
import torch
from onnxruntime import InferenceSession

from models.demucs_v2 import tiles
from models.demucs_v2.export import demucs_graph
from models.demucs_v2.network import Demucs, DemucsSpec, random_demucs

SAME = 1e-5  # of the peak: float32 rounding in another order
STEP = 32  # samples of the song per step after the outer levels
SHALLOW = DemucsSpec(channels=3, depth=3, lstm_layers=1)  # whose levels are all outer ones
WIDE = DemucsSpec(channels=2, depth=4, kernel=8, stride=4, context=5)


def difference(net: Demucs, samples: int) -> float:
    """The difference of graph and torch relative to the peak, for an output of `samples`."""
    shape = (2, 2, net.valid_length(samples))
    mix = np.random.default_rng(samples).standard_normal(shape).astype(np.float32)
    with torch.no_grad():
        expected = net(torch.from_numpy(mix)).numpy()
    (got,) = InferenceSession(demucs_graph(net).SerializeToString()).run(None, {"input": mix})
    assert got.shape == expected.shape
    return float(np.abs(got - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize("spec", [DemucsSpec(channels=2), SHALLOW, WIDE])
@pytest.mark.parametrize("steps", [1, 2, 7, 64])
def test_tiles_of_any_size(spec: DemucsSpec, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "STEPS", steps)
    assert difference(random_demucs(spec, seed=steps), 3000) <= SAME


def test_songs_that_end_anywhere_in_a_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "STEPS", 5)
    net = random_demucs(SHALLOW, seed=0)
    ends = set()
    for samples in range(STEP // 2, 13 * STEP, STEP // 2):
        found = (net.valid_length(samples) - net.valid_length(1)) // STEP
        ends.add(found % 5)
        assert difference(net, samples) <= SAME, samples
    assert len(ends) == 5


def test_the_ends_of_the_whole_need_their_masks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "_inside", lambda body, *_: body.constant(np.ones(1, np.float32)))
    assert difference(random_demucs(SHALLOW, seed=0), 3000) > 100 * SAME
