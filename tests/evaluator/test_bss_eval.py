"""ISR, SIR and SAR against museval, which computes them in another way."""

import shutil
from collections.abc import Callable

import numpy as np
import pytest
from scipy.signal import lfilter

from evaluator.bss_eval import framewise_metrics
from evaluator.metrics import framewise_sdr
from mdx.errors import AudioError
from mdx.systems.spec import SOURCES, Audio

TOLERANCE = 1e-6  # dB: both solve large systems in float64, in different ways
WINDOW, TAPS = 6000, 48  # small, because museval is slow
METRICS = ("SDR", "ISR", "SIR", "SAR")
Stems = dict[str, Audio]


def music(samples: int) -> tuple[Stems, Stems]:
    """Coloured references, and estimates with leaks, echoes and noise."""
    rng = np.random.default_rng(samples)
    references = {
        source: lfilter([1], [1, -0.9], rng.standard_normal((2, samples))).astype(np.float32)
        for source in SOURCES
    }
    mix = np.sum(list(references.values()), axis=0)
    estimates = {
        source: (
            0.8 * stem
            + 0.1 * mix
            + 0.05 * np.roll(stem, 3, axis=1)
            + 0.1 * rng.standard_normal(stem.shape)
        ).astype(np.float32)
        for source, stem in references.items()
    }
    return references, estimates


def silence(references: Stems, estimates: Stems) -> None:
    references["drums"][:, :WINDOW] = 0
    estimates["other"][:, 2 * WINDOW : 3 * WINDOW] = 0


def mono(references: Stems, estimates: Stems) -> None:
    references["bass"][1] = references["bass"][0]


def same(references: Stems, estimates: Stems) -> None:
    estimates["vocals"][:] = estimates["drums"]


CASES: dict[str, Callable[[Stems, Stems], None]] = {
    "plain": lambda references, estimates: None,
    "silent frames": silence,
    "a mono reference": mono,
    "the wrong stem": same,
}


@pytest.mark.skipif(
    not (shutil.which("ffmpeg") and shutil.which("ffprobe")),
    reason="museval imports musdb, which needs ffmpeg",
)
@pytest.mark.filterwarnings("ignore")  # museval's own, and those of what it imports
@pytest.mark.parametrize("samples", [4 * WINDOW, 4 * WINDOW + 1234, WINDOW // 2 + 1])
@pytest.mark.parametrize("case", CASES)
def test_every_frame_equals_museval(case: str, samples: int) -> None:
    from museval.metrics import bss_eval

    references, estimates = music(samples)
    if samples > WINDOW or case != "silent frames":
        CASES[case](references, estimates)
    expected = bss_eval(
        np.stack([references[source].T for source in SOURCES]).astype(float),
        np.stack([estimates[source].T for source in SOURCES]).astype(float),
        window=WINDOW,
        hop=WINDOW,
        filters_len=TAPS,
    )
    got = framewise_metrics(references, estimates, window=WINDOW, hop=WINDOW, taps=TAPS)
    for metric, values in zip(METRICS, expected, strict=False):
        ours = np.stack([got[source][metric] for source in SOURCES])
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(values), err_msg=metric)
        np.testing.assert_allclose(ours, values, atol=TOLERANCE, rtol=0, err_msg=metric)


def test_a_filtered_reference_has_only_spatial_distortion() -> None:
    references, _ = music(4 * WINDOW)
    echo = np.zeros(20)
    echo[[0, 7]] = 0.5, 0.4
    estimates = {source: lfilter(echo, [1], stem) for source, stem in references.items()}
    got = framewise_metrics(references, estimates, window=WINDOW, hop=WINDOW, taps=TAPS)
    sdr = framewise_sdr(references, estimates, window=WINDOW, hop=WINDOW)
    for source in SOURCES:
        # A frame starts in the middle of an echo, so the filter does not explain its first taps.
        np.testing.assert_allclose(got[source]["ISR"], sdr[source], atol=0.2)
        # The last echo is cut off at the end of the track, which the filters cannot model.
        assert (got[source]["SIR"] > 50).all()


def test_a_leak_of_another_source_is_interference() -> None:
    references, _ = music(4 * WINDOW)
    estimates = {source: stem.copy() for source, stem in references.items()}
    estimates["bass"] = references["bass"] + np.float32(0.1) * references["vocals"]
    bass = framewise_metrics(references, estimates, window=WINDOW, hop=WINDOW, taps=TAPS)["bass"]
    leak = 20 + 10 * np.log10(
        np.square(references["bass"]).sum() / np.square(references["vocals"]).sum()
    )
    np.testing.assert_allclose(np.median(bass["SIR"]), leak, atol=0.5)
    assert (bass["SAR"] > 60).all()


def test_a_song_of_silence_has_no_scores() -> None:
    references, estimates = music(2 * WINDOW)
    references["other"][:] = 0
    scores = framewise_metrics(references, estimates, window=WINDOW, hop=WINDOW, taps=TAPS)
    assert all(np.isnan(scores[source][metric]).all() for source in SOURCES for metric in METRICS)


def test_every_source_needs_an_estimate() -> None:
    references, estimates = music(WINDOW)
    del estimates["bass"]
    with pytest.raises(AudioError, match="bass"):
        framewise_metrics(references, estimates)


def test_shapes_are_checked() -> None:
    references, estimates = music(WINDOW)
    estimates["bass"] = estimates["bass"][:, :-1]
    with pytest.raises(AudioError, match="shape"):
        framewise_metrics(references, estimates)
