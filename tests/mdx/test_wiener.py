"""The Wiener filter against norbert, and against a plain version of D3Net's."""

import warnings

import numpy as np
import numpy.typing as npt
import pytest

from mdx.estimators.wiener import d3net_wiener, in_windows, wiener

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it imports a name that scipy has deprecated
    import norbert

Complex = npt.NDArray[np.complex128]
Real = npt.NDArray[np.float64]

SOURCES, BINS, FRAMES = 4, 9, 40
EQUAL = 1e-6  # of the peak: near-singular covariances amplify the rounding of float64


def example(*, frames: int = FRAMES, loud: float = 1.0, seed: int = 0) -> tuple[Real, Complex]:
    """Magnitudes (sources, 2, F, T) and a mixture (2, F, T), of correlated channels."""
    rng = np.random.default_rng(seed)
    shape = (SOURCES, 1, BINS, frames)
    common = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    panned = common * rng.uniform(0.1, 1, (SOURCES, 2, BINS, 1))
    stems = panned + 0.2 * rng.standard_normal((SOURCES, 2, BINS, frames))
    magnitudes = np.abs(stems) * rng.uniform(0.5, 1.5, stems.shape)
    return loud * magnitudes, loud * stems.sum(axis=0)


def norberts(
    magnitudes: Real, mix: Complex, *, ratio_masks: bool, epsilon: float | None
) -> Complex:
    found = norbert.wiener(
        magnitudes.transpose(3, 2, 1, 0).copy(), mix.transpose(2, 1, 0).copy(),
        iterations=1, use_softmask=ratio_masks, eps=epsilon,
    )  # fmt: skip
    return np.asarray(found).transpose(3, 2, 1, 0)


def check(got: Complex, expected: Complex) -> None:
    assert got.shape == expected.shape
    assert np.isfinite(got).all()
    assert np.abs(got - expected).max() <= EQUAL * np.abs(expected).max()


@pytest.mark.parametrize("ratio_masks", [False, True])
@pytest.mark.parametrize("loud", [1e-3, 1.0, 300.0])
def test_it_is_norbert_s(ratio_masks: bool, loud: float) -> None:
    magnitudes, mix = example(loud=loud)
    expected = norberts(magnitudes, mix, ratio_masks=ratio_masks, epsilon=None)
    check(wiener(magnitudes, mix, ratio_masks=ratio_masks), expected)


def test_open_unmix_s_own_epsilon() -> None:
    magnitudes, mix = example(loud=0.01)
    expected = norberts(magnitudes, mix, ratio_masks=False, epsilon=1e-10)
    check(wiener(magnitudes, mix, epsilon=1e-10), expected)
    assert np.abs(wiener(magnitudes, mix) - expected).max() > 1e-3 * np.abs(expected).max()


def test_sources_that_are_the_whole_mixture_stay_it() -> None:
    magnitudes, mix = example()
    got = wiener(magnitudes, mix)
    assert np.abs(got.sum(axis=0) - mix).max() < 1e-4 * np.abs(mix).max()


@pytest.mark.parametrize("filter_song", [wiener, d3net_wiener])
def test_silence_and_one_silent_channel(filter_song: object) -> None:
    assert callable(filter_song)
    magnitudes, mix = example()
    silent = filter_song(0 * magnitudes, 0 * mix)
    assert np.isfinite(silent).all() and not silent.any()
    magnitudes[:, 1], mix[1] = 0, 0
    left = filter_song(magnitudes, mix)
    assert np.isfinite(left).all() and left[:, 0].any() and not left[:, 1].any()


def d3nets(magnitudes: Real, mix: Complex) -> Complex:
    """D3Net's filter bin by bin, with numpy's own inverses."""
    stems = magnitudes * np.exp(1j * np.angle(mix))
    powers, covariances = [], []
    for stem in stems:
        power = np.mean(np.abs(stem) ** 2, axis=0)
        power = power + 1e-10 * power.max()
        powers.append(power)
        sums = np.einsum("cft,dft->fcd", stem, stem.conj())
        covariances.append(sums / (power.sum(axis=1) + np.finfo(float).eps)[:, None, None])
    out: Complex = np.zeros_like(stems)
    for bin_, frame in np.ndindex(mix.shape[1:]):
        parts = [
            power[bin_, frame] * covariance[bin_]
            for power, covariance in zip(powers, covariances, strict=True)
        ]
        total = np.sum(parts, axis=0)
        if abs(np.linalg.det(total)) >= 1e-10:
            inverse = np.linalg.inv(total)
        else:
            inverse = total.conj().T / (np.sum(np.abs(total) ** 2) + np.finfo(float).eps)
        for source, part in enumerate(parts):
            out[source, :, bin_, frame] = part @ inverse @ mix[:, bin_, frame]
    return out


@pytest.mark.parametrize("loud", [1e-3, 1.0, 300.0])
def test_d3net_s_variant(loud: float) -> None:
    magnitudes, mix = example(loud=loud)
    check(d3net_wiener(magnitudes, mix), d3nets(magnitudes, mix))


def test_d3net_s_rank_of_one() -> None:
    magnitudes, mix = example()
    magnitudes[:, 1], mix[1] = magnitudes[:, 0], mix[0]  # mono: no bin has an inverse
    check(d3net_wiener(magnitudes, mix), d3nets(magnitudes, mix))


def test_windows_are_filtered_by_themselves() -> None:
    magnitudes, mix = example()
    found = in_windows(magnitudes, mix, wiener, window=12)
    assert found.shape == magnitudes.shape and found.shape[-1] == 40
    for start in (0, 12, 24, 36):
        window = slice(start, start + 12)
        wanted = wiener(magnitudes[..., window], mix[..., window]).astype(np.complex64)
        assert np.array_equal(found[..., window], wanted)


def test_no_frames_have_no_estimates() -> None:
    magnitudes, mix = example()
    assert in_windows(magnitudes[..., :0], mix[..., :0], wiener, window=12).shape[-1] == 0
