import numpy as np
from scipy import signal

from demo.singer.envelopes import SIZE, STEP, align, envelopes
from demo.singer.espeak import RATE


def test_an_envelope_shows_the_formant_and_not_the_partials() -> None:
    cycle = np.zeros(RATE)
    cycle[:: RATE // 110] = 1.0
    r, turn = np.exp(-np.pi * 120 / RATE), 2 * np.pi * 1500 / RATE
    x = signal.lfilter([1.0], [1.0, -2 * r * np.cos(turn), r * r], cycle)
    rows = envelopes(x)
    hz = np.arange(rows.shape[1]) * RATE / SIZE
    row = rows[len(rows) // 2]
    assert abs(hz[row.argmax()] - 1500) < 60
    peaks, _ = signal.find_peaks(row[hz < 4000], prominence=3.0)
    assert len(peaks) == 1 and hz[-1] > 26000 and np.isfinite(rows).all()


def test_sounds_are_found_in_a_syllable() -> None:
    rng = np.random.default_rng(0)
    hiss = signal.sosfilt(
        signal.butter(4, 4000.0, "highpass", fs=RATE, output="sos"),
        rng.standard_normal(int(0.12 * RATE)),
    )
    clicks = np.zeros(int(0.3 * RATE))
    clicks[:: RATE // 110] = 10.0
    vowel = signal.lfilter([1.0], [1.0, -1.8, 0.83], clicks)
    rows = envelopes(np.concatenate([0.1 * hiss, vowel, 0.1 * hiss]))
    edges = np.array(align(rows, "s-a-s")) * STEP / RATE
    np.testing.assert_allclose(edges, (0.0, 0.12, 0.42, 0.54), atol=0.02)
