"""numpy's transforms against torch.stft and torch.istft."""

import numpy as np
import pytest
import torch

from mdx.errors import ConfigError
from mdx.estimators.stft import Stft, StftSpec

TOLERANCE = 1e-5  # of the peak: float32 rounding over sums of n_fft terms

SPECS = [
    StftSpec(6144, 1024, 2048, 16),
    StftSpec(4096, 1024, 2049, 16),
    StftSpec(16384, 1024, 2048, 24),
    StftSpec(7680, 1024, 3072, 16),  # n_fft no multiple of the hop, as some published models have
    StftSpec(256, 128, 1, 9),
]


@pytest.mark.parametrize("spec", SPECS)
def test_forward_equals_torch(spec: StftSpec) -> None:
    chunk = np.random.default_rng(1).standard_normal((2, spec.chunk)).astype(np.float32)
    window = torch.hann_window(spec.n_fft, periodic=True)
    left, right = torch.stft(
        torch.from_numpy(chunk), spec.n_fft, spec.hop, window=window, return_complex=True
    )
    expected = torch.stack([left.real, left.imag, right.real, right.imag])[:, : spec.dim_f].numpy()
    got = Stft(spec).forward(chunk)
    assert got.dtype == np.float32
    assert got.shape == (4, spec.dim_f, spec.dim_t)
    assert np.abs(got - expected).max() < TOLERANCE * np.abs(expected).max()


@pytest.mark.parametrize("spec", SPECS)
def test_inverse_equals_torch_on_any_spectrogram(spec: StftSpec) -> None:
    rng = np.random.default_rng(2)
    spectrogram = rng.standard_normal((4, spec.dim_f, spec.dim_t)).astype(np.float32)
    left_re, left_im, right_re, right_im = torch.from_numpy(spectrogram)
    bins = torch.zeros(2, spec.n_bins, spec.dim_t, dtype=torch.complex64)
    bins[0, : spec.dim_f] = torch.complex(left_re, left_im)
    bins[1, : spec.dim_f] = torch.complex(right_re, right_im)
    window = torch.hann_window(spec.n_fft, periodic=True)
    expected = torch.istft(bins, spec.n_fft, spec.hop, window=window).numpy()
    got = Stft(spec).inverse(spectrogram)
    assert got.dtype == np.float32
    assert got.shape == (2, spec.chunk) == expected.shape
    assert np.abs(got - expected).max() < TOLERANCE * np.abs(expected).max()


def test_round_trip_of_the_full_band_is_the_identity() -> None:
    spec = StftSpec(4096, 1024, 2049, 16)
    chunk = np.random.default_rng(3).standard_normal((2, spec.chunk)).astype(np.float32)
    stft = Stft(spec, workers=2)
    again = stft.inverse(stft.forward(chunk))
    assert np.abs(again - chunk).max() < TOLERANCE * np.abs(chunk).max()


@pytest.mark.parametrize("spec", SPECS)
def test_channels_at_once_are_channels_in_turn(spec: StftSpec) -> None:
    chunk = np.random.default_rng(4).standard_normal((2, spec.chunk)).astype(np.float32)
    one, two = Stft(spec), Stft(spec, workers=2)
    spectrogram = one.forward(chunk)
    assert np.array_equal(spectrogram, two.forward(chunk))
    assert np.array_equal(one.inverse(spectrogram), two.inverse(spectrogram))
    right = spectrogram.reshape(2, 2, spec.dim_f, spec.dim_t)[::-1].reshape(spectrogram.shape)
    assert np.array_equal(one.inverse(right), one.inverse(spectrogram)[::-1])


def test_an_error_in_one_channel_is_not_lost() -> None:
    spec = SPECS[-1]
    with pytest.raises(ValueError, match="broadcast"):
        Stft(spec, workers=2).inverse(np.zeros((4, 1, 9), np.float32), samples=10**6)


def test_sizes_of_the_released_vocals_network() -> None:
    spec = StftSpec(n_fft=6144, hop=1024, dim_f=2048, dim_t=512)
    # Numbers of the released inference code: hop * (2 * 256 - 1), n_fft / 2, chunk - n_fft.
    assert (spec.n_bins, spec.chunk, spec.trim, spec.step) == (3073, 523264, 3072, 517120)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((6145, 1024, 2048, 256), "n_fft 6145"),
        ((1024, 1024, 512, 256), "twice the hop"),
        ((4096, 1024, 2050, 256), "dim_f 2050"),
        ((4096, 1024, 2048, 5), "a chunk of 4096 samples"),
    ],
)
def test_impossible_sizes_are_refused(sizes: tuple[int, int, int, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        StftSpec(*sizes)
