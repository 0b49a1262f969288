"""Demucs-v2 and its resampling, against plain formulas."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from mdx.estimators import demucs_v2
from models.demucs_v2.network import INPUT_SCALE, SOURCES, Demucs, DemucsSpec, centre, random_demucs
from models.demucs_v2.resample import kernel_reach, resample, sinc_kernels
from models.tfc_tdf import count_parameters

FLOAT32 = 1e-5  # relative to the peak: float32 against float64, through the whole network
LOST = 5460  # samples by which the output is shorter than the input
SMALL = DemucsSpec(channels=2)

Array = npt.NDArray[np.float64]


def sinc_filtered(x: Array, old: int, new: int) -> Array:
    """Resample one channel sample by sample, by the definition of the windowed sinc."""
    cutoff, zeros = 0.945 * min(old, new), 24
    out = []
    for index in range(new * len(x) // old):
        place = index / new  # in seconds, where the old rate is `old` samples a second
        first = old * (index // new)  # of the period that the filter is laid around
        reach = math.ceil(zeros * old / cutoff)
        weights, values = [], []
        for sample in range(first - reach, first + reach + old):
            t = (sample / old - place) * cutoff
            inside = abs(t) < zeros
            window = math.cos(math.pi * t / zeros / 2) ** 2 if inside else 0.0
            sinc = math.sin(math.pi * t) / (math.pi * t) if t else 1.0
            weights.append(sinc * window)
            values.append(x[min(max(sample, 0), len(x) - 1)])
        out.append(np.dot(weights, values) / sum(weights))
    return np.array(out)


@pytest.mark.parametrize(("old", "new"), [(1, 2), (2, 1), (2, 3)])
@pytest.mark.parametrize("samples", [1, 2, 7, 150])
def test_resampling_is_the_windowed_sinc(old: int, new: int, samples: int) -> None:
    x = np.random.default_rng(samples).standard_normal((2, samples))
    got = resample(torch.from_numpy(x).float(), old, new).numpy()
    expected = np.stack([sinc_filtered(channel, old, new) for channel in x])
    assert got.shape == (2, new * samples // old)
    np.testing.assert_allclose(got, expected, atol=2e-6)


def test_the_filters_pass_a_constant_and_reach_24_crossings() -> None:
    for old, new in ((1, 2), (2, 1)):
        kernels = sinc_kernels(old, new)
        assert kernels.shape == (new, 2 * kernel_reach(old, new) + old)
        np.testing.assert_allclose(kernels.sum(axis=1), 1, atol=1e-6)
    assert (kernel_reach(1, 2), kernel_reach(2, 1)) == (26, 51)


def test_a_tone_survives_both_resamplings() -> None:
    tone = torch.sin(torch.arange(4000) * 0.5)[None]  # 3.5 kHz at 44.1
    there = resample(tone, 1, 2)
    np.testing.assert_allclose(there[0, 1000:-1000:2], tone[0, 500:-500], atol=1e-4)
    np.testing.assert_allclose(resample(there, 2, 1)[0, 500:-500], tone[0, 500:-500], atol=1e-4)


@pytest.mark.parametrize(("channels", "parameters"), [(64, 265_679_496), (48, 149_462_504)])
def test_parameters_of_the_released_files(channels: int, parameters: int) -> None:
    with torch.device("meta"):
        assert count_parameters(Demucs(DemucsSpec(channels=channels))) == parameters


def test_the_names_of_the_released_weights() -> None:
    with torch.device("meta"):
        names = set(Demucs(DemucsSpec()).state_dict())
    expected = {
        f"{part}.{level}.{layer}.{kind}"
        for part in ("encoder", "decoder")
        for level in range(6)
        for layer in (0, 2)
        for kind in ("weight", "bias")
    }
    expected |= {
        f"lstm.lstm.{kind}_{side}_l{layer}{way}"
        for kind in ("weight", "bias")
        for side in ("ih", "hh")
        for layer in (0, 1)
        for way in ("", "_reverse")
    }
    assert names == expected | {"lstm.linear.weight", "lstm.linear.bias"}


@pytest.mark.parametrize("samples", [1, 2730, 3414, 3415, 44100, 40 * 44100])
def test_valid_lengths(samples: int) -> None:
    with torch.device("meta"):
        net = Demucs(SMALL)
    size = net.valid_length(samples)
    assert size == demucs_v2.valid_length(samples)
    assert steps_through(size) == (True, size - LOST) and size - LOST >= samples
    if samples >= 3414:  # a shorter one that fits would not do
        fitting = [n for n in range(size - 2200, size) if steps_through(n)[0]]
        assert fitting and all(steps_through(n)[1] < samples for n in fitting)


def steps_through(samples: int) -> tuple[bool, int]:
    """Whether the network uses every sample of an input, and its samples of output."""
    length = 2 * samples
    even = True
    for _ in range(6):
        even &= length >= 8 and (length - 8) % 4 == 0
        length = (length - 8) // 4 + 1
    for _ in range(6):
        length = 4 * (length - 2 - 1) + 8
    return even, length // 2


def test_the_middle_of_an_odd_rest_drops_the_last_sample() -> None:
    x = torch.arange(7)
    assert centre(x, 7).tolist() == list(range(7))
    assert centre(x, 5).tolist() == [1, 2, 3, 4, 5]
    assert centre(x, 4).tolist() == [1, 2, 3, 4]


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def convolved(x: Array, weight: Array, bias: Array, stride: int) -> Array:
    """Shape: (in, n), (out, in, kernel) -> (out, steps)."""
    kernel = weight.shape[2]
    starts = range(0, x.shape[1] - kernel + 1, stride)
    columns = [np.tensordot(weight, x[:, i : i + kernel], 2) + bias for i in starts]
    return np.stack(columns, axis=1)


def transposed(x: Array, weight: Array, bias: Array, stride: int) -> Array:
    """Shape: (in, steps), (in, out, kernel) -> (out, n)."""
    kernel = weight.shape[2]
    out = np.zeros((weight.shape[1], (x.shape[1] - 1) * stride + kernel))
    for step in range(x.shape[1]):
        out[:, step * stride : step * stride + kernel] += np.tensordot(x[:, step], weight, 1)
    return out + bias[:, None]


def gated(x: Array) -> Array:
    half = len(x) // 2
    return x[:half] * sigmoid(x[half:])


def recurrent(x: Array, state: dict[str, Array], layer: int, way: str) -> Array:
    """One LSTM in one direction. Shape: (in, steps) -> (width, steps)."""
    w_x, w_h, b_x, b_h = (
        state[f"lstm.lstm.{name}_l{layer}{way}"]
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    hidden, cell = np.zeros(w_h.shape[1]), np.zeros(w_h.shape[1])
    out = np.zeros((len(hidden), x.shape[1]))
    steps = range(x.shape[1])
    for step in reversed(steps) if way else steps:
        i, f, g, o = np.split(w_x @ x[:, step] + b_x + w_h @ hidden + b_h, 4)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        hidden = sigmoid(o) * np.tanh(cell)
        out[:, step] = hidden
    return out


def longhand(mix: Array, state: dict[str, Array]) -> Array:
    """The whole network except its resampling, in float64. Shape: (2, n) -> (4, 2, m)."""
    x = resample(torch.from_numpy(mix) / (1 + 1e-5), 1, 2).numpy()
    skips = []
    for level in range(6):
        parts = [
            state[f"encoder.{level}.{i}.{kind}"] for i in (0, 2) for kind in ("weight", "bias")
        ]
        x = np.maximum(convolved(x, parts[0], parts[1], 4), 0)
        x = gated(convolved(x, parts[2], parts[3], 1))
        skips.append(x)
    for layer in (0, 1):
        x = np.concatenate([recurrent(x, state, layer, way) for way in ("", "_reverse")])
    x = state["lstm.linear.weight"] @ x + state["lstm.linear.bias"][:, None]
    for level in range(6):
        parts = [
            state[f"decoder.{level}.{i}.{kind}"] for i in (0, 2) for kind in ("weight", "bias")
        ]
        skip = skips.pop()
        start = (skip.shape[1] - x.shape[1]) // 2
        x = x + skip[:, start : start + x.shape[1]]
        x = transposed(gated(convolved(x, parts[0], parts[1], 1)), parts[2], parts[3], 4)
        x = np.maximum(x, 0) if level < 5 else x
    stems: Array = resample(torch.from_numpy(x), 2, 1).reshape(4, 2, -1).numpy()
    return stems


def test_the_network_is_the_longhand_formula() -> None:
    net = random_demucs(SMALL, seed=3)
    state = {name: value.numpy().astype(np.float64) for name, value in net.state_dict().items()}
    mix = np.random.default_rng(0).standard_normal((2, net.valid_length(1)))
    with torch.no_grad():
        got = net(torch.from_numpy(mix).float()[None])[0].numpy()
    expected = longhand(mix, state)
    assert got.shape == expected.shape == (len(SOURCES), 2, mix.shape[1] - LOST)
    assert np.abs(got - expected).max() <= FLOAT32 * np.abs(expected).max()
    assert INPUT_SCALE == 1 + 1e-5


def test_every_song_of_a_batch_is_its_own() -> None:
    net = random_demucs(SMALL, seed=0)
    mixes = torch.randn(2, 2, net.valid_length(5000), generator=torch.manual_seed(0))
    with torch.no_grad():
        both, last = net(mixes), net(mixes[1:])
    np.testing.assert_allclose(both[1:], last, atol=FLOAT32 * float(last.abs().max()))


def test_random_networks_are_loud_to_the_middle() -> None:
    net = random_demucs(DemucsSpec(channels=8), seed=0)
    powers: dict[str, float] = {}

    def note(name: str) -> Any:
        return lambda _, __, output: powers.update({name: float(output.square().mean())})

    for name, part in net.named_modules():
        if name.count(".") == 1 and name != "lstm.lstm":
            part.register_forward_hook(note(name))
    with torch.no_grad():
        net(torch.randn(1, 2, net.valid_length(20000), generator=torch.manual_seed(0)))
    assert len(powers) == 13
    assert all(0.03 < power < 30 for power in powers.values()), powers
