"""Two spectrogram networks, each of which makes one band of the same stem."""

import numpy as np
import pytest

from mdx.combine.sum import Sum
from mdx.errors import ConfigError
from mdx.estimators.spectrogram import Spectrogram, SpectrogramOptions
from mdx.pipeline import Pipeline
from mdx.systems.spec import SAMPLE_RATE, Audio, EstimatorSpec
from tests.streams import FunctionNetwork

LOW, HIGH = 256, 512  # n_fft of the networks
EDGE = 32  # bins of the network for low frequencies: 5.5 kHz


def network(bins: int, frames: int = 16) -> FunctionNetwork:
    """A network of one stem that returns what it reads."""
    return FunctionNetwork(lambda values: values, (1, 4, bins, frames))


def estimator(name: str, n_fft: int, bins: int, first: int = 0) -> Spectrogram:
    spec = EstimatorSpec("spectrogram", ("bass",), weights=name, name=name)
    options = SpectrogramOptions(n_fft, n_fft // 4, first_bin=first)
    return Spectrogram(spec, options, network(bins), workers=1)


def run(mix: Audio, *estimators: Spectrogram) -> Audio:
    combiners = [Sum("low")] if len(estimators) > 1 else []
    pipeline = Pipeline(("bass",), estimators, combiners)
    found: Audio = np.concatenate([pipeline.push(mix), pipeline.finish()], axis=2)[0]
    return found


def sine(hertz: float) -> Audio:
    time = np.arange(3000) / SAMPLE_RATE
    return np.stack([np.sin(2 * np.pi * hertz * time)] * 2).astype(np.float32)


def level(audio: Audio) -> float:
    """RMS relative to a sine's, ends left out, where it begins and stops."""
    return float(np.sqrt(2 * np.mean(audio[:, 500:-500] ** 2)))


@pytest.mark.parametrize(("hertz", "low", "high"), [(2000, 1, 0), (4000, 1, 0), (8000, 0, 1)])
def test_each_band_is_made_by_one_of_them(hertz: float, low: float, high: float) -> None:
    mix = sine(hertz)
    below = estimator("low", LOW, EDGE)
    above = estimator("high", HIGH, HIGH // 2 + 1, first=2 * EDGE)
    assert level(run(mix, below)) == pytest.approx(low, abs=0.01)
    assert level(run(mix, above)) == pytest.approx(high, abs=0.01)
    assert run(mix, above, below)[:, 500:-500] == pytest.approx(mix[:, 500:-500], abs=0.01)


def test_noise_comes_back_whole_but_for_the_seam() -> None:
    mix = np.random.default_rng(1).standard_normal((2, 20_000)).astype(np.float32)
    above = estimator("high", HIGH, HIGH // 2 + 1, first=2 * EDGE)
    error = run(mix, above, estimator("low", LOW, EDGE)) - mix
    assert np.mean(error**2) < 0.01 * np.mean(mix**2)


@pytest.mark.parametrize(("first", "expected"), [(-1, "0 or more"), (EDGE, "less than dim_f")])
def test_a_band_without_bins_is_refused(first: int, expected: str) -> None:
    with pytest.raises(ConfigError, match=f"first_bin: got {first}, expected {expected}"):
        estimator("low", LOW, EDGE, first)
