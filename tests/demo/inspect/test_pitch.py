"""The tracker finds known pitches, and none in noise and silence."""

import sys

import numpy as np
import pytest

from demo.inspect.pitch import Contour, Errors, PitchTracker, compare
from demo.inspect.songs import Notes
from mdx.errors import ConfigError
from mdx.systems.spec import SAMPLE_RATE
from tests.demo.inspect.kit import NOTES, Values, stereo, sung, times, voice

FRAME = 0.016  # seconds
CENTS = 20.0  # tolerance for a steady tone; the network's resolution is about 6


@pytest.fixture(scope="module")
def tracker() -> PitchTracker:
    return PitchTracker()


def notes() -> Notes:
    start, duration, pitch = np.array([note[:3] for note in NOTES], dtype=float).T
    return Notes(start, start + duration, pitch)


def tone(pitch: float, *, vibrato: float = 0.0) -> tuple[Values, Values]:
    """A voice of one second, and its pitch for each sample."""
    time = times(1.0)
    contour = pitch + vibrato / 100 * np.sin(2 * np.pi * 6 * time)
    return voice(440 * 2 ** ((contour - 69) / 12)), contour


@pytest.mark.parametrize("vibrato", [0.0, 60.0])
@pytest.mark.parametrize("pitch", [42.3, 50.0, 57.6, 64.0, 70.25, 77.0, 84.0])
def test_voices_from_bass_to_soprano(tracker: PitchTracker, pitch: float, vibrato: float) -> None:
    sound, contour = tone(pitch, vibrato=vibrato)
    found = tracker.track(stereo(sound))
    expected = np.interp(found.seconds, times(1.0), contour)
    cents = 100 * (found.pitch - expected)
    assert len(cents) > 0.9 / FRAME
    assert np.abs(np.median(cents)) < CENTS and (np.abs(cents) < 50).mean() > 0.97


def test_noise_and_silence_have_no_pitch(tracker: PitchTracker) -> None:
    rng = np.random.default_rng(0)
    for sound in (0.1 * rng.standard_normal(SAMPLE_RATE), np.zeros(SAMPLE_RATE)):
        contour = tracker.track(stereo(sound))
        assert len(contour.pitch) < 0.02 / FRAME and (contour.range is None) == (
            not len(contour.pitch)
        )


def test_breath_does_not_move_the_pitch(tracker: PitchTracker) -> None:
    sound = tone(59.0)[0]
    breath = 0.1 * np.sqrt(np.mean(sound**2)) * np.random.default_rng(1).standard_normal(len(sound))
    found = tracker.track(stereo(sound + breath))
    assert len(found.pitch) > 50 and np.median(found.pitch) == pytest.approx(59.0, abs=CENTS / 100)


def test_a_faint_tail_is_not_voiced(tracker: PitchTracker) -> None:
    sound = np.concatenate([tone(60.0)[0], 0.005 * tone(72.0)[0]])
    found = tracker.track(stereo(sound))
    assert found.seconds.max() < 1.0 + 0.05 and found.range == pytest.approx((60, 60), abs=0.2)


def test_the_range_is_of_nine_tenths() -> None:
    pitch = np.arange(101.0)
    assert Contour(pitch, pitch).range == pytest.approx((5, 95))


def test_a_song_in_tune(tracker: PitchTracker) -> None:
    errors = compare(tracker.track(stereo(sung(NOTES))), notes())
    assert len(errors.cents) > 0.85 * 2.3 / FRAME  # of the 2.3 s that are sung
    assert errors.near > 0.95 and errors.octaves == 0 and errors.median < 30


def test_a_song_in_the_wrong_octave(tracker: PitchTracker) -> None:
    errors = compare(tracker.track(stereo(sung(NOTES, octave=1))), notes())
    assert errors.near == 0 and errors.octaves > 0.95


def test_frames_are_compared_with_their_note() -> None:
    # Before the first note, in it, in the gap, in the second and the third, after the end.
    seconds = np.array([0.1, 0.3, 0.9, 1.2, 1.6, 2.9])
    errors = compare(Contour(seconds, np.array([57.0, 57.4, 57.0, 60.6, 52.5, 64.0])), notes())
    np.testing.assert_allclose(errors.cents, [40, 60, -1150], atol=1e-9)
    assert (errors.near, errors.octaves) == (1 / 3, 1 / 3)
    assert errors.median == pytest.approx(60)
    assert not len(compare(Contour(np.zeros(0), np.zeros(0)), notes()).cents)
    assert Errors(np.array([-50.0, 50.1, 1100.0, 1300.1])).near == 0.25


def test_without_the_tracker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "swift_f0", None)
    with pytest.raises(ConfigError, match=r"no swift_f0, expected swift-f0.*\[demo\]"):
        PitchTracker()
