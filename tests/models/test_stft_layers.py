"""The STFT as convolutions against torch's own."""

import numpy as np
import pytest
import torch

from models.stft_layers import InverseStft, Stft, hann

SIZES = [(2048, 441, 5000), (64, 20, 1000), (64, 20, 1003), (8, 4, 5)]


def complex_stft(x: torch.Tensor, n_fft: int, hop: int) -> torch.Tensor:
    window = torch.hann_window(n_fft)
    found = torch.stft(x.flatten(0, 1), n_fft, hop, window=window, return_complex=True)
    return found.reshape(*x.shape[:2], *found.shape[1:]).transpose(2, 3)


@pytest.mark.parametrize(("n_fft", "hop", "samples"), SIZES)
def test_forward(n_fft: int, hop: int, samples: int) -> None:
    x = torch.randn(2, 2, samples, generator=torch.manual_seed(0))
    expected = complex_stft(x, n_fft, hop)
    real, imaginary = Stft(n_fft, hop)(x)
    error = (torch.complex(real, imaginary) - expected).abs().max() / expected.abs().max()
    assert real.shape == (2, 2, samples // hop + 1, n_fft // 2 + 1)
    assert error < 1e-5


@pytest.mark.parametrize(("n_fft", "hop", "samples"), SIZES)
def test_inverse_of_an_inconsistent_spectrogram(n_fft: int, hop: int, samples: int) -> None:
    frames = samples // hop + 1
    spectrum = torch.randn(
        3, 2, frames, n_fft // 2 + 1, dtype=torch.complex64, generator=torch.manual_seed(0)
    )
    expected = torch.istft(
        spectrum.flatten(0, 1).transpose(1, 2), n_fft, hop,
        window=torch.hann_window(n_fft), length=samples,
    ).reshape(3, 2, -1)  # fmt: skip
    got = InverseStft(n_fft, hop)(spectrum.real, spectrum.imag, samples)
    assert (got - expected).abs().max() < 1e-5 * expected.abs().max()


def test_the_window_is_periodic() -> None:
    np.testing.assert_allclose(hann(16), torch.hann_window(16, dtype=torch.float64), atol=1e-15)


def test_kernels_are_in_no_checkpoint() -> None:
    assert not Stft(8, 2).state_dict() and not InverseStft(8, 2).state_dict()
