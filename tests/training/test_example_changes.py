"""How stems are changed before they are mixed: pitch, tempo, equaliser, stereo; quiet parts."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch

from mdx.systems.spec import SAMPLE_RATE, SOURCES
from tests.training.drawing import CHUNK, make
from training.data_config import DataConfig
from training.filters import response
from training.songs import Song, find_songs
from training.stretch import stretch_stem


def test_pitch_and_tempo_change_on_the_fly() -> None:
    time = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
    tone = np.sin(2 * np.pi * 440 * time, dtype=np.float32)
    clicks = np.zeros_like(tone)
    clicks[SAMPLE_RATE // 2 :: SAMPLE_RATE] = 1
    for semitones, tempo in ((2.0, 1.2), (-1.0, 0.8), (0.5, 1.0)):
        high = stretch_stem(np.stack([tone, tone]), semitones=semitones, tempo=tempo)
        assert abs(high.shape[1] - len(tone) / tempo) <= 1
        middle = high[0, SAMPLE_RATE : 2 * SAMPLE_RATE] * np.hanning(SAMPLE_RATE)
        peak = np.abs(np.fft.rfft(middle)).argmax()  # Hz
        assert abs(peak - 440 * 2 ** (semitones / 12)) < 2
        moved = stretch_stem(np.stack([clicks, clicks]), semitones=semitones, tempo=tempo)
        for second in (0.5, 1.5, 2.5):  # in time with the song: stems of one song stay together
            place = round(second * SAMPLE_RATE / tempo)
            near = np.abs(moved[0, place - 2000 : place + 2000]).argmax() - 2000
            assert abs(near) < 100


def _half_silent(root: Path) -> tuple[Song, ...]:
    """One song whose stems rest in the first half."""
    folder = root / "song"
    folder.mkdir(parents=True)
    stem = np.full((8 * CHUNK, 2), 0.25)
    stem[: 4 * CHUNK] = 0
    for source in SOURCES:
        sf.write(folder / f"{source}.wav", stem, SAMPLE_RATE)
    return find_songs(root)


@pytest.mark.parametrize(
    ("data", "quiet_share"),
    [
        (DataConfig(), 0.5),
        (DataConfig(quiet=0.01, keep_quiet=0.0), 0.5**5),  # four times drawn again
        (DataConfig(quiet=0.01, keep_quiet=1.0), 0.5),
        (DataConfig(quiet=0.01, keep_quiet=0.0, whole_song=1.0), 0.5),  # songs stay together
    ],
)
def test_quiet_chunks_are_drawn_again(tmp_path: Path, data: DataConfig, quiet_share: float) -> None:
    examples = make(_half_silent(tmp_path), data=replace(data, gain_db=0.0), count=400)
    starts = np.array([part.place.start for index in range(400) for part in examples.draw(index)])
    # Less than 4 % of a chunk that begins this early is not silent, so its level is below 0.01.
    assert (starts < 3.04 * CHUNK).mean() * 7 / 3.04 / 2 == pytest.approx(quiet_share, abs=0.06)


def test_a_silent_song_is_used_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "song"
    folder.mkdir()
    for source in SOURCES:
        sf.write(folder / f"{source}.wav", np.zeros((2 * CHUNK, 2)), SAMPLE_RATE)
    data = DataConfig(quiet=0.01, keep_quiet=0.0)
    mix, _ = make(find_songs(tmp_path), data=data)[0]
    assert not mix.any()


def test_a_faster_stem_is_higher_and_as_long(tmp_path: Path) -> None:
    folder = tmp_path / "song"
    folder.mkdir()
    tone = 0.5 * np.sin(2 * np.pi * 3000 * np.arange(20 * CHUNK) / SAMPLE_RATE)
    for source in SOURCES:
        sf.write(folder / f"{source}.wav", np.stack([tone, tone], axis=1), SAMPLE_RATE)
    examples = make(find_songs(tmp_path), data=DataConfig(gain_db=0.0, speed=0.2), count=50)
    speeds = []
    for index in range(50):
        place = examples.draw(index)[SOURCES.index("other")].place
        _, target = examples[index]
        assert target.shape == (2, CHUNK) and target.dtype == torch.float32
        spectrum = np.abs(np.fft.rfft(target[0].numpy() * np.hanning(CHUNK)))
        found = np.fft.rfftfreq(CHUNK, 1 / SAMPLE_RATE)[spectrum.argmax()]
        assert found == pytest.approx(3000 * float(place.speed), abs=SAMPLE_RATE / CHUNK)
        speeds.append(float(place.speed))
    assert 0.79 < min(speeds) < 0.9 and 1.1 < max(speeds) < 1.21


def test_a_song_that_stays_together_has_one_speed(songs: tuple[Song, ...]) -> None:
    examples = make(songs, data=DataConfig(whole_song=1.0, speed=0.2))
    assert all(len({part.place.speed for part in examples.draw(i)}) == 1 for i in range(10))


def test_treble_is_turned_for_the_sources_named(songs: tuple[Song, ...]) -> None:
    data = DataConfig(treble={"other": (3.0, 9.0)})
    top = np.array([-1.0 + 0j])  # half of the sample rate
    for index in range(60):
        bass, drums, other, vocals = make(songs, data=data).draw(index)
        assert bass.filters == drums.filters == vocals.filters == ()
        assert 3 <= 20 * np.log10(np.abs(response(other.filters, top)[0])) <= 9
    mix, target = make(songs, "bass", data)[0]
    assert not torch.equal(mix, make(songs, "bass")[0][0]) and target.dtype == torch.float32


def test_bells_change_every_source_within_their_limit(songs: tuple[Song, ...]) -> None:
    hertz = np.geomspace(20, 20000, 200)
    delay = np.exp(-2j * np.pi * hertz / SAMPLE_RATE)
    extremes = []
    for index in range(60):
        for part in make(songs, data=DataConfig(bells=6.0)).draw(index):
            levels = 20 * np.log10(np.abs(response(part.filters, delay)))
            extremes += [levels.min(), levels.max()]
    assert -12 <= min(extremes) < -6 and 6 < max(extremes) <= 12  # two bells may meet


def test_width_and_balance_are_those_of_middle_and_side(songs: tuple[Song, ...]) -> None:
    data = DataConfig(gain_db=0.0, swap=False, width=(0.2, 0.2), balance=6.0)
    changed, plain = make(songs, data=data), make(songs, data=DataConfig(gain_db=0.0, swap=False))
    tilts = []
    for index in range(20):
        place = changed.draw(index)[SOURCES.index("other")].place
        left, right = plain._read("other", place)
        middle, side = (left + right) / 2, 0.2 * (left - right) / 2
        found = changed[index][1].numpy()
        louder = np.abs(found[0]).max() / np.abs(middle + side).max()
        np.testing.assert_allclose(found[0], louder * (middle + side), atol=1e-6)
        np.testing.assert_allclose(found[1], (middle - side) / louder, atol=1e-6)
        tilts.append(40 * np.log10(louder))
    assert -6 <= min(tilts) < -3 and 3 < max(tilts) <= 6


def test_a_layer_is_another_part_of_the_same_source(songs: tuple[Song, ...]) -> None:
    data = DataConfig(layers={"other": 0.5})
    layered = make(songs, data=data, count=200)
    drawn = [layered.draw(index) for index in range(200)]
    assert all(part.layer is None for parts in drawn for part in parts if part is not parts[2])
    layers = [parts[2].layer for parts in drawn]
    assert 70 < sum(layer is not None for layer in layers) < 130
    index = next(number for number, layer in enumerate(layers) if layer is not None)
    one, two = drawn[index][2], layers[index]
    assert two is not None and one.place != two.place
    expected = layered._make("other", replace(one, layer=None)) + layered._make("other", two)
    np.testing.assert_array_equal(layered[index][1].numpy(), expected)


def test_a_song_that_stays_together_has_no_layers(songs: tuple[Song, ...]) -> None:
    data = DataConfig(whole_song=1.0, layers=dict.fromkeys(SOURCES, 1.0))
    assert all(part.layer is None for part in make(songs, data=data).draw(0))
