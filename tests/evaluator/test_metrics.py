"""Both SDRs against their formulas and against museval itself."""

import math
import shutil

import numpy as np
import numpy.typing as npt
import pytest

from evaluator.metrics import framewise_sdr, global_sdr, median_over_frames
from mdx.errors import AudioError
from mdx.systems.spec import SOURCES, Audio

MUSEVAL_TOLERANCE = 1e-9  # dB: float64 sums in another order
RATE = 1000  # samples per frame in these tests, since museval is slow


def signals(seed: int, samples: int) -> tuple[dict[str, Audio], dict[str, Audio]]:
    """References, and estimates that are the references plus some noise."""
    rng = np.random.default_rng(seed)
    references = {source: rng.standard_normal((2, samples)) for source in SOURCES}
    estimates = {
        source: reference + 0.3 * rng.standard_normal((2, samples))
        for source, reference in references.items()
    }
    return references, estimates  # type: ignore[return-value]


def test_global_sdr_is_the_challenge_s_formula() -> None:
    rng = np.random.default_rng(0)
    reference = rng.uniform(-1, 1, (2, 5000)).astype(np.float32)
    estimate = (reference + rng.uniform(-0.1, 0.1, (2, 5000))).astype(np.float32)
    signal = sum(float(x) ** 2 for x in reference.flat) + 1e-7
    noise = sum((float(x) - float(y)) ** 2 for x, y in zip(reference.flat, estimate.flat)) + 1e-7  # noqa: B905
    expected = 10 * math.log10(signal / noise)
    assert global_sdr(reference, estimate) == pytest.approx(expected, abs=1e-4)  # float32 sums


def test_global_sdr_of_silence() -> None:
    silence, one = np.zeros((2, 10), np.float32), np.zeros((2, 10), np.float32)
    one[0, 0] = 1
    assert global_sdr(silence, silence) == 0
    assert global_sdr(silence, one) == pytest.approx(-70, abs=1e-4)
    assert global_sdr(one, one) == pytest.approx(70, abs=1e-4)


def test_both_channels_are_pooled() -> None:
    reference = np.array([[3.0, 0.0], [0.0, 0.0]], np.float32)
    estimate = np.array([[3.0, 0.0], [0.0, 0.3]], np.float32)
    assert global_sdr(reference, estimate) == pytest.approx(20, abs=1e-4)


@pytest.mark.parametrize("shape", [(2, 9), (1, 10), (10,)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(AudioError, match="expected"):
        global_sdr(np.zeros((2, 10), np.float32), np.zeros(shape, np.float32))


def test_an_estimate_needs_a_reference() -> None:
    references, estimates = signals(0, RATE)
    del references["bass"]
    with pytest.raises(AudioError, match="bass"):
        framewise_sdr(references, estimates)


def test_the_frames_of_one_estimate_are_those_of_all() -> None:
    references, estimates = signals(0, 4 * RATE)
    references["bass"][:, : 2 * RATE] = 0
    alone = framewise_sdr(references, {"drums": estimates["drums"]}, window=RATE, hop=RATE)
    every = framewise_sdr(references, estimates, window=RATE, hop=RATE)
    np.testing.assert_array_equal(alone["drums"], every["drums"])
    assert list(alone) == ["drums"] and np.isnan(alone["drums"]).tolist() == [1, 1, 0, 0]


def test_a_frame_without_error_is_infinite_and_does_not_count() -> None:
    references, estimates = signals(1, 3 * RATE)
    estimates["bass"][:, :RATE] = references["bass"][:, :RATE]
    frames = framewise_sdr(references, estimates, window=RATE, hop=RATE)["bass"]
    assert frames[0] == np.inf
    assert median_over_frames(frames) == pytest.approx(frames[1:].mean())


def test_no_frame_that_counts_has_no_median() -> None:
    assert median_over_frames(np.array([np.nan, np.inf])) is None


SILENCES = {
    "nothing": lambda references, estimates: None,
    "a reference": lambda references, estimates: references["bass"].__setitem__(
        np.s_[:, RATE : 2 * RATE], 0
    ),
    "an estimate": lambda references, estimates: estimates["vocals"].__setitem__(
        np.s_[:, 2 * RATE :], 0
    ),
    "left against right": lambda references, estimates: references["drums"].__setitem__(
        np.s_[1, :RATE], -references["drums"][0, :RATE]
    ),
    "almost": lambda references, estimates: references["other"].__setitem__(np.s_[:, :RATE], 1e-9),
    "all but one sample": lambda references, estimates: references["other"].__setitem__(
        np.s_[:, : RATE - 1], 0
    ),
}


@pytest.mark.skipif(
    not (shutil.which("ffmpeg") and shutil.which("ffprobe")),
    reason="museval imports musdb, which needs ffmpeg",
)
@pytest.mark.filterwarnings("ignore")  # museval's own, and those of what it imports
@pytest.mark.parametrize("silence", SILENCES)
@pytest.mark.parametrize(
    ("samples", "hop"), [(4 * RATE, RATE), (4 * RATE + 999, RATE), (RATE - 1, RATE), (5500, 700)]
)
def test_framewise_sdr_equals_museval(silence: str, samples: int, hop: int) -> None:
    references, estimates = signals(samples, samples)
    SILENCES[silence](references, estimates)
    frames = framewise_sdr(references, estimates, window=RATE, hop=hop)
    got = np.stack([frames[source] for source in SOURCES])
    if np.isnan(got).all() and samples < RATE:
        with pytest.raises(ValueError, match="silent"):  # museval refuses a source of silence
            museval_sdr(references, estimates, hop)
        return
    expected = museval_sdr(references, estimates, hop)
    assert got.shape == expected.shape
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
    np.testing.assert_allclose(got, expected, atol=MUSEVAL_TOLERANCE, rtol=0)


def museval_sdr(
    references: dict[str, Audio], estimates: dict[str, Audio], hop: int
) -> npt.NDArray[np.float64]:
    """museval's SDR. Shape: (4, frames)."""
    from museval.metrics import bss_eval

    sdr, *_ = bss_eval(
        np.stack([references[source].T for source in SOURCES]),
        np.stack([estimates[source].T for source in SOURCES]),
        window=RATE,
        hop=hop,
        filters_len=4,  # SDR does not depend on it; museval's 512 would take minutes
        compute_permutation=False,
        framewise_filters=False,
        bsseval_sources_version=False,
    )
    return np.asarray(sdr)
