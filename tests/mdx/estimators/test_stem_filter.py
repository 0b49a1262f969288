"""The Wiener filter behind a system: its formula, its streams, and what it refuses."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from mdx.errors import ConfigError
from mdx.estimators.overlap_add import OverlapAdd
from mdx.estimators.stem_filter import (
    BLOCK,
    REGULARISATION,
    Complex,
    FilterOptions,
    StemFilter,
    filter_stems,
    load_filter,
)
from mdx.stages import Stages
from mdx.systems.spec import Audio, CombinerSpec

STEMS, BINS, FRAMES = 3, 5, 7
NAMES = ("bass", "drums", "vocals")
OPTIONS = FilterOptions(n_fft=64, hop=16, segment=17, share=0.6)
ALL_BINS = FilterOptions(n_fft=64, hop=16, segment=17)
CHUNK, STEP = 256, 192  # samples of a segment, and between segments


def spectra(seed: int) -> Complex:
    rng = np.random.default_rng(seed)
    real, imaginary = rng.standard_normal((2, STEMS, 2, BINS, FRAMES))
    found: Complex = (real + 1j * imaginary).astype(np.complex64)
    return found


def noise(samples: int, channels: int = 2 * STEMS + 2) -> Audio:
    rng = np.random.default_rng(samples)
    return rng.uniform(-0.5, 0.5, (channels, samples)).astype(np.float32)


def filtered(signal: Audio, blocks: Sequence[int], options: FilterOptions = OPTIONS) -> Audio:
    """A signal through the filter, in blocks that end there."""
    stream = OverlapAdd(StemFilter(options, NAMES, workers=1))
    parts = [stream.push(part) for part in np.split(signal, blocks, axis=1)]
    return np.concatenate([*parts, stream.finish()], axis=2)


def test_every_bin_follows_the_gaussian_model() -> None:
    estimates, mix = spectra(1), spectra(2)[0]
    got = filter_stems(estimates, mix)
    for f in range(BINS):
        columns = estimates[:, :, f].astype(np.complex128)  # (stems, 2, T)
        power = np.square(np.abs(columns)).sum(axis=1)
        space = [part @ part.conj().T / np.trace(part @ part.conj().T).real for part in columns]
        for t in range(FRAMES):
            covariances = [power[stem, t] * space[stem] for stem in range(STEMS)]
            both = sum(covariances, np.zeros((2, 2)))
            both += REGULARISATION * np.trace(both).real * np.eye(2)
            for stem in range(STEMS):
                expected = covariances[stem] @ np.linalg.inv(both) @ mix[:, f, t]
                assert got[stem, :, f, t] == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_stems_add_up_to_the_mixture() -> None:
    estimates, mix = spectra(3), spectra(4)[0]
    left = mix - filter_stems(estimates, mix).sum(axis=0)
    # What the regularisation takes away; it is largest where all stems come from one place.
    assert np.abs(left).max() < 1e-2 * np.abs(mix).max()


def test_left_and_right_are_told_apart() -> None:
    # Each stem claims half of the other by mistake; their places give that away.
    rng = np.random.default_rng(5)
    sounds = rng.standard_normal((2, 1, BINS, 400)) + 1j * rng.standard_normal((2, 1, BINS, 400))
    true = np.concatenate([sounds[:1] * [[[1]], [[0.1]]], sounds[1:] * [[[0.1]], [[1]]]])
    estimates = (true + 0.5 * true[::-1]).astype(np.complex64)
    found = filter_stems(estimates, true.sum(axis=0).astype(np.complex64))
    errors = [np.square(np.abs(it - true)).sum() for it in (estimates, found)]
    assert errors[1] < 0.5 * errors[0]


def test_in_mono_it_is_a_ratio_mask() -> None:
    mono = spectra(6)[:, :1]
    estimates = np.concatenate([mono, mono], axis=1)
    mix = spectra(7)[0, :1].repeat(2, axis=0)
    power = np.square(np.abs(mono))
    expected = power / power.sum(axis=0) * mix
    assert np.abs(filter_stems(estimates, mix) - expected).max() < 1e-3 * np.abs(mix).max()


@pytest.mark.parametrize("level", [0.0, 1e-9, 1e-4, 1e6])
def test_results_are_finite_at_any_level(level: float) -> None:
    estimates, mix = (spectra(seed) * np.complex64(level) for seed in (8, 9))
    estimates[:, :, 0] = 0  # a bin in which nothing sounds
    found = filter_stems(estimates, mix[0])
    assert np.isfinite(found).all() and not found[:, :, 0].any()
    assert np.abs(found).max() <= 100 * level


@pytest.mark.parametrize("samples", [1, 63, CHUNK - 1, CHUNK, CHUNK + 1, STEP + CHUNK, 1000])
def test_blocks_of_any_size_make_the_same_stems(samples: int) -> None:
    signal = noise(samples)
    whole = filtered(signal, [])
    assert whole.shape == (STEMS, 2, samples)
    cuts = sorted({1, samples // 3, samples // 2, samples - 1} & set(range(1, samples)))
    assert np.array_equal(filtered(signal, cuts), whole)


def test_true_stems_of_one_sound_each_stay_as_they_are() -> None:
    tones = np.sin(np.arange(2000) * 2 * np.pi / 64 * np.array([[[4]], [[12]], [[20]]]))
    stems = (tones * np.array([[[0.3], [0.1]], [[0.1], [0.3]], [[0.2], [0.2]]])).astype(np.float32)
    found = filtered(np.concatenate([*stems, stems.sum(axis=0)]), [])
    left = (found - stems)[:, :, OPTIONS.n_fft : -OPTIONS.n_fft]  # a tone's ends are not a tone
    assert np.abs(left).max() < 0.02 * np.abs(stems).max()


@pytest.mark.parametrize("exponent", [-100, -40, 20, 100])
def test_the_level_of_a_song_does_not_matter(exponent: int) -> None:
    signal, scale = noise(700), np.float32(2.0**exponent)
    assert np.array_equal(filtered(scale * signal, []), scale * filtered(signal, []))


def test_a_share_is_left_to_the_estimates() -> None:
    signal = noise(700)
    estimates = signal[:-2].reshape(STEMS, 2, -1)
    expected = 0.4 * estimates + 0.6 * filtered(signal, [], ALL_BINS)
    assert filtered(signal, []) == pytest.approx(expected, abs=1e-5)


def test_stems_above_the_filtered_bins_stay_as_they_are() -> None:
    # Bins 4 and 24; without a beginning and an end, which have other frequencies.
    tones = np.cos(np.arange(2000) * 2 * np.pi / 64 * np.array([[[4]], [[24]]])) * np.hanning(2000)
    claims = np.array([[[0.3], [0.1]], [[0.1], [0.3]], [[0.2], [0.2]]])  # of both tones, each stem
    low, high = (
        np.concatenate([*(tone * claims), tone.repeat(2, axis=0)]).astype(np.float32)
        for tone in tones
    )
    lowest = replace(ALL_BINS, dim_f=8)
    changes = [
        filtered(signal, [], lowest) - signal[:-2].reshape(STEMS, 2, -1) for signal in (low, high)
    ]
    assert np.abs(changes[0]).max() > 0.1 and np.abs(changes[1]).max() < 1e-3
    every = replace(lowest, dim_f=33)
    assert np.array_equal(filtered(low, [], every), filtered(low, [], ALL_BINS))


@pytest.mark.parametrize("workers", [2, 4])
def test_threads_do_not_change_stems(workers: int) -> None:
    options = FilterOptions(4 * BLOCK, BLOCK, 9)  # bins of several blocks
    segments = noise(8 * BLOCK)[np.newaxis]
    found = [
        StemFilter(options, NAMES, workers=count)(
            segments, stages=Stages(), rng=np.random.default_rng(0)
        )
        for count in (1, workers)
    ]
    assert np.array_equal(found[0], found[1])


def test_the_callers_segments_stay_as_they_are() -> None:
    segments = noise(CHUNK)[np.newaxis]
    before = segments.copy()
    step = StemFilter(OPTIONS, NAMES, workers=2)
    found = step(segments, stages=Stages(), rng=np.random.default_rng(0))
    assert np.array_equal(segments, before) and not np.shares_memory(found, segments)


def options(**changes: object) -> CombinerSpec:
    return CombinerSpec("wiener", options={"n_fft": 64, "hop": 16, "segment": 17, **changes})


def test_its_segments_are_those_of_its_frames() -> None:
    found = load_filter(options(), NAMES, workers=1)
    assert found.makes == NAMES
    assert (found.geometry.segment, found.geometry.step) == (CHUNK, STEP)
    assert found.geometry.channels == 2 * STEMS + 2


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (options(share=0.0), r"wiener: share: got 0\.0, expected a number above 0, at most 1"),
        (options(share=1.5), r"wiener: share: got 1\.5"),
        (options(shares=1.0), "wiener: got unknown key 'shares', expected one of dim_f, hop"),
        (options(dim_f=34), "STFT: got dim_f 34, expected 1 to 33"),
        (options(dim_f=0), "STFT: got dim_f 0"),
        (options(hop=16.5), r"wiener: hop: got 16\.5, expected of type int"),
        (options(hop=48), "STFT: got n_fft 64, hop 48"),
        (options(segment=5), "a chunk longer than n_fft 64"),
        (CombinerSpec("wiener", options={"n_fft": 64}), "wiener: .*hop"),
        (CombinerSpec("wiener", weights="x.npz"), "wiener: weights: got 'x.npz', expected none"),
        (CombinerSpec("wiener", estimator="low"), "wiener: estimator: got 'low'"),
    ],
)
def test_a_filter_that_does_not_fit_is_refused(step: CombinerSpec, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_filter(step, NAMES, workers=1)


def test_one_stem_has_nothing_to_share() -> None:
    with pytest.raises(ConfigError, match="wiener: got one stem, expected several"):
        load_filter(options(), ("vocals",), workers=1)
