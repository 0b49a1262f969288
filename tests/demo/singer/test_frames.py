import numpy as np

from demo.dsp import SAMPLE_RATE, Audio
from demo.frames import HOP, Response, filter_frames


def _flat(gain: complex, hz: Audio, frames: slice) -> Response:
    return np.full((frames.stop - frames.start, len(hz)), gain, dtype=np.complex64)


def test_a_flat_response_returns_the_sum_of_the_sources() -> None:
    x = np.random.default_rng(0).standard_normal((2, 50_001))
    y = filter_frames(x, lambda frames, hz: (_flat(1, hz, frames), _flat(-0.5, hz, frames)))
    inside = slice(HOP, -HOP)
    np.testing.assert_allclose(y[inside], (x[0] - 0.5 * x[1])[inside], atol=1e-5)


def test_responses_may_delay_and_come_early() -> None:
    x = np.zeros((1, 20_000))
    x[0, 10_000] = 1.0
    for shift in (300, -200):

        def late(frames: slice, hz: Audio, samples: int = shift) -> tuple[Response, ...]:
            turn = np.exp(-2j * np.pi * samples / SAMPLE_RATE * hz)
            return (_flat(1, hz, frames) * turn.astype(np.complex64),)

        y = filter_frames(x, late)
        assert np.argmax(abs(y)) == 10_000 + shift
        np.testing.assert_allclose(y.sum(), 1.0, atol=1e-4)


def test_the_response_follows_the_frames() -> None:
    x = np.ones((1, 400 * HOP))

    def step(frames: slice, hz: Audio) -> tuple[Response, ...]:
        return (_flat(1, hz, frames) * (np.arange(frames.start, frames.stop) >= 200)[:, None],)

    y = filter_frames(x, step)
    assert abs(y[: 196 * HOP]).max() < 1e-5 and abs(y[204 * HOP : -HOP] - 1).max() < 1e-5


def test_silence_is_not_filtered() -> None:
    x = np.zeros((1, 400 * HOP))
    x[0, :100] = 1.0
    asked: list[int] = []

    def note(frames: slice, hz: Audio) -> tuple[Response, ...]:
        asked.append(frames.start)
        return (_flat(1, hz, frames),)

    filter_frames(x, note)
    assert asked == [0]
