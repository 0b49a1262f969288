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
from tests.training.drawing import ALL, CHUNK, PLAIN, make
from training.data_config import DataConfig
from training.examples import Examples, Part
from training.songs import Song, find_songs


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
