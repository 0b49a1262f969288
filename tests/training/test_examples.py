"""Examples are exact sums of the drawn parts and depend on their number alone."""

import pickle
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch
from torch.utils.data import DataLoader

from mdx.errors import AudioError, ConfigError
from mdx.systems.spec import SAMPLE_RATE, SOURCES
from training.config import DataConfig
from training.examples import Examples, Part, turn_treble
from training.songs import Song, find_songs
from training.stretch import stretch_stem

CHUNK = 3000
PLAIN = DataConfig()
ALL = DataConfig(gain_db=6, whole_song=0.4, swap=True, flip=True, semitones=2, stretch=0.2)


def make(
    songs: tuple[Song, ...], source: str = "other", data: DataConfig = PLAIN, *,
    chunk: int = CHUNK, count: int = 200, seed: int = 1, cache: bool = True,
) -> Examples:  # fmt: skip
    return Examples(songs, source, data, chunk=chunk, count=count, seed=seed, cache=cache)


@pytest.fixture
def songs(test_set: Path) -> tuple[Song, ...]:
    return find_songs(test_set)


@pytest.mark.parametrize("cache", [True, False])
def test_stems_are_placed_as_drawn(songs: tuple[Song, ...], cache: bool) -> None:
    examples = make(songs, data=replace(PLAIN, flip=True), cache=cache)
    whole = {
        (song.name, source): sf.read(song.path(source), dtype="float32")[0].T
        for song in songs
        for source in SOURCES
    }
    for index in range(20):
        mix, target = examples[index]
        stems = []
        for source, part in zip(SOURCES, examples.draw(index), strict=True):
            start = part.place.start
            stem = whole[part.place.song.name, source][:, start : start + CHUNK]
            stems.append(np.float32(part.gain) * (stem[::-1] if part.swap else stem))
        np.testing.assert_array_equal(target.numpy(), stems[SOURCES.index("other")])
        np.testing.assert_array_equal(mix.numpy(), ((stems[0] + stems[1]) + stems[2]) + stems[3])
        assert mix.dtype == target.dtype == torch.float32 and mix.shape == (2, CHUNK)


def test_the_mixture_is_exactly_the_sum_of_the_four_targets(songs: tuple[Song, ...]) -> None:
    for index in range(10):
        pairs = [make(songs, source, ALL)[index] for source in SOURCES]
        assert all(torch.equal(mix, pairs[0][0]) for mix, _ in pairs)
        targets = [target for _, target in pairs]
        assert torch.equal(pairs[0][0], ((targets[0] + targets[1]) + targets[2]) + targets[3])


def parts_of(examples: Examples) -> list[tuple[Part, ...]]:
    return [examples.draw(index) for index in range(len(examples))]


def test_draws_cover_what_is_allowed_and_no_more(songs: tuple[Song, ...]) -> None:
    drawn = [part for parts in parts_of(make(songs, data=ALL, count=1000)) for part in parts]
    gains = 20 * np.log10(np.abs([part.gain for part in drawn]))
    assert -6 <= gains.min() < -5.9 and 5.9 < gains.max() <= 6 and abs(gains.mean()) < 0.3
    for share in ([part.swap for part in drawn], [part.gain < 0 for part in drawn]):
        assert 0.45 < np.mean(share) < 0.55
    semitones = np.array([part.place.semitones for part in drawn])
    tempos = np.array([part.place.tempo for part in drawn])
    assert -2 <= semitones.min() < -1.9 and 1.9 < semitones.max() <= 2
    assert 0.8 <= tempos.min() < 0.81 and 1.19 < tempos.max() <= 1.2
    for song in songs:
        starts = np.array([part.place.start for part in drawn if part.place.song == song])
        assert 0.4 < len(starts) / len(drawn) < 0.6
        last = song.samples - CHUNK * 0.8
        assert starts.min() < 0.02 * last and 0.97 * last < starts.max() <= last


def test_without_changes_stems_are_as_they_are(songs: tuple[Song, ...]) -> None:
    still = DataConfig(gain_db=0, swap=False, flip=False)
    for parts in parts_of(make(songs, data=still, count=50)):
        for part in parts:
            assert (part.gain, part.swap) == (1, False)
            assert (part.place.semitones, part.place.tempo) == (0, 1)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_some_examples_are_of_one_song(songs: tuple[Song, ...], share: float) -> None:
    drawn = parts_of(make(songs, data=replace(ALL, whole_song=share), count=400))
    together = [len({part.place for part in parts}) == 1 for parts in drawn]
    assert abs(np.mean(together) - share) < 0.08
    apart = [parts for parts, one in zip(drawn, together, strict=True) if not one]
    assert all(len({part.place for part in parts}) == 4 for parts in apart)


def test_the_first_and_the_last_place_are_drawn(test_set: Path) -> None:
    songs = find_songs(test_set)[:1]
    chunk = songs[0].samples - 1
    drawn = parts_of(make(songs, chunk=chunk, count=20))
    assert {part.place.start for parts in drawn for part in parts} == {0, 1}


@pytest.mark.parametrize("data", [PLAIN, ALL])
@pytest.mark.parametrize("cache", [True, False])
def test_a_song_shorter_than_the_chunk_is_padded(
    songs: tuple[Song, ...], data: DataConfig, cache: bool
) -> None:
    chunk = 2 * SAMPLE_RATE
    mix, target = make(songs[:1], data=data, chunk=chunk, cache=cache)[0]
    assert mix.shape == target.shape == (2, chunk)
    end = int(songs[0].samples / 0.8) + 10_000  # stretched, it rings
    assert target[:, : SAMPLE_RATE // 2].any() and not mix[:, end:].any()


def test_an_example_depends_on_its_number_and_the_seed_only(songs: tuple[Song, ...]) -> None:
    one, other = make(songs, data=ALL), make(songs, data=ALL, count=9999, cache=False)
    in_order = [one[index] for index in range(6)]
    for index in (5, 2, 0, 2):  # as in a resumed run
        assert all(map(torch.equal, other[index], in_order[index]))
    mixes = [mix for mix, _ in in_order] + [make(songs, data=ALL, seed=2)[0][0]]
    assert not any(torch.equal(a, b) for i, a in enumerate(mixes) for b in mixes[:i])
    assert all(map(torch.equal, pickle.loads(pickle.dumps(one))[3], in_order[3]))


def test_workers_give_the_same(songs: tuple[Song, ...]) -> None:
    examples = make(songs, data=ALL, count=10)
    expected = torch.stack([examples[index][0] for index in range(len(examples))])
    # As in training, since a fork would inherit threads in a broken state.
    loader = DataLoader(examples, batch_size=3, num_workers=2, multiprocessing_context="spawn")
    mixes = torch.cat([mix for mix, _ in loader])
    torch.testing.assert_close(mixes, expected, rtol=0, atol=0)


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


def test_faults(songs: tuple[Song, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    examples = make(songs, data=replace(PLAIN, semitones=1))
    for index in (-1, 200):
        with pytest.raises(IndexError):
            examples[index]
    with pytest.raises(AudioError, match="no song"):
        make(())
    monkeypatch.setitem(sys.modules, "python_stretch.Signalsmith", None)
    with pytest.raises(ConfigError, match=r"python-stretch.*\[train\]"):
        examples[0]


def test_all_four_stems_are_the_targets_of_one_network(songs: tuple[Song, ...]) -> None:
    mix, target = make(songs, "all")[3]
    assert target.shape == (4, 2, CHUNK)
    for index, source in enumerate(SOURCES):
        alone = make(songs, source)[3]
        assert torch.equal(target[index], alone[1]) and torch.equal(mix, alone[0])


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


@pytest.mark.parametrize("gain", [-12.0, 6.0, 18.0])
def test_treble_is_a_shelf(gain: float) -> None:
    impulse = np.zeros((2, 1 << 14), dtype=np.float32)
    impulse[:, 0] = 1
    heard = turn_treble(impulse, gain, 2000.0)
    assert heard.dtype == np.float32
    level = 20 * np.log10(np.abs(np.fft.rfft(heard[0])))
    hertz = np.fft.rfftfreq(1 << 14, 1 / SAMPLE_RATE)
    assert level[0] == pytest.approx(0.0, abs=0.01)
    assert level[-1] == pytest.approx(gain, abs=0.01)
    # (1 + j gain) / (1 + j) at the corner
    at_corner = 10 * np.log10((1 + 10 ** (gain / 10)) / 2)
    assert level[np.abs(hertz - 2000).argmin()] == pytest.approx(at_corner, abs=0.1)
    assert (np.diff(level) * np.sign(gain) > -1e-3).all()


def test_treble_is_turned_for_the_sources_named(songs: tuple[Song, ...]) -> None:
    data = DataConfig(treble={"other": (3.0, 9.0)})
    drawn = [make(songs, data=data).draw(index) for index in range(60)]
    for bass, drums, other, vocals in drawn:
        assert bass.treble == drums.treble == vocals.treble == 0
        assert 3 <= other.treble <= 9 and 999 < other.corner < 8001
    mix, target = make(songs, "bass", data)[0]
    assert not torch.equal(mix, make(songs, "bass")[0][0]) and target.dtype == torch.float32
