"""The ratio mask against its formula, bin by bin."""

import numpy as np
import pytest

from mdx.estimators.ratio_mask import masked

STEMS, BINS, FRAMES = 3, 5, 4


@pytest.fixture
def audio() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    stems = rng.standard_normal((STEMS, 4, BINS, FRAMES)).astype(np.float32)
    return stems, rng.standard_normal((4, BINS, FRAMES)).astype(np.float32)


@pytest.mark.parametrize("share", [0.25, 0.6, 1.0])
def test_every_bin_is_shared_in_proportion_to_power(
    audio: tuple[np.ndarray, np.ndarray], share: float
) -> None:
    stems, mix = audio
    found = masked(stems, mix, share)
    for f in range(BINS):
        for t in range(FRAMES):
            power = [
                abs(complex(*stem[:2, f, t])) ** 2 + abs(complex(*stem[2:, f, t])) ** 2
                for stem in stems
            ]
            for index in range(STEMS):
                part = power[index] / sum(power) * mix[:, f, t]
                expected = (1 - share) * stems[index, :, f, t] + share * part
                assert found[index, :, f, t] == pytest.approx(expected, abs=1e-5)


def test_masks_alone_add_up_to_the_mixture(audio: tuple[np.ndarray, np.ndarray]) -> None:
    stems, mix = audio
    assert masked(stems, mix, 1.0).sum(axis=0) == pytest.approx(mix, abs=1e-5)


def test_true_stems_without_overlap_are_left_as_they_are() -> None:
    stems = np.zeros((2, 4, 2, 1), np.float32)
    stems[0, :, 0, 0], stems[1, :, 1, 0] = (1, -2, 3, 4), (5, 6, -7, 8)
    assert masked(stems, stems.sum(axis=0), 0.6) == pytest.approx(stems, abs=1e-6)


def test_silence_stays_silent(audio: tuple[np.ndarray, np.ndarray]) -> None:
    silent = np.zeros_like(audio[0])
    assert not masked(silent, np.zeros_like(audio[1]), 1.0).any()
    assert not masked(silent, audio[1], 1.0).any()
