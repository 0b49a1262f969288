"""Songs are found, checked by their headers, split by tracks, and read in parts."""

import pickle
from pathlib import Path

import musdb
import numpy as np
import pytest
import soundfile as sf
import yaml

from mdx.errors import AudioError
from mdx.systems.spec import SAMPLE_RATE, SOURCES
from training import musdb18
from training.musdb18 import find_training_tracks, read_keys, track_key
from training.songs import FULL_SCALE, Song, Stems, find_songs, split_songs, to_int16


def named(*names: str, folder: str = "data") -> list[Song]:
    return [Song(name, Path(folder) / name, 1000) for name in names]


def listed() -> list[str]:
    return musdb18.TRAIN_LIST.read_text(encoding="utf-8").splitlines()


def test_songs_are_found_in_a_root_or_its_train_folder(test_set: Path) -> None:
    songs = find_songs(test_set)
    assert [song.name for song in songs] == ["song 1", "song 2"]
    assert [song.samples for song in songs] == [SAMPLE_RATE + 100, SAMPLE_RATE + 200]
    (test_set / "train").mkdir()
    for song in songs:
        song.folder.rename(test_set / "train" / song.name)
    (test_set / "train" / ".drafts-x").mkdir()
    (test_set / "train" / "notes.txt").write_text("not a song")
    assert [song.name for song in find_songs(test_set)] == ["song 1", "song 2"]
    (test_set / "train" / "song 1" / "mixture.wav").unlink()  # which training does without
    assert find_songs(test_set / "train") == find_songs(test_set)


def test_a_song_may_be_called_train(test_set: Path) -> None:
    (test_set / "song 1").rename(test_set / "train")
    assert [song.name for song in find_songs(test_set)] == ["song 2", "train"]


@pytest.mark.parametrize("damage", ["missing", "rate", "mono", "length", "no audio", "empty"])
def test_bad_songs_are_named(test_set: Path, damage: str) -> None:
    path = test_set / "song 1" / "vocals.wav"
    audio, rate = sf.read(path)
    if damage == "missing":
        path.unlink()
    elif damage == "no audio":
        path.write_bytes(b"what?")
    else:
        changed = {"rate": audio, "mono": audio[:, 0], "length": audio[1:], "empty": audio[:0]}
        sf.write(path, changed[damage], 48000 if damage == "rate" else rate)
    with pytest.raises(AudioError, match=r"song 1/vocals\.wav: got "):
        find_songs(test_set)


@pytest.mark.parametrize("folder", ["nowhere", "train"])
def test_a_folder_without_songs_names_the_expected_layout(tmp_path: Path, folder: str) -> None:
    (tmp_path / "train").mkdir()
    root = tmp_path if folder == "train" else tmp_path / folder
    with pytest.raises(AudioError, match=rf"{folder}: got no song, expected <song>/{{bass,drums,"):
        find_songs(root)


def test_two_songs_of_one_name_are_refused(test_set: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "train"
    other.mkdir(parents=True)
    (test_set / "song 2").rename(other / "song 1")
    with pytest.raises(AudioError, match="a second 'song 1'"):
        find_songs(test_set, other.parent)


def test_the_held_out_tracks_are_those_of_the_package_musdb() -> None:
    config = Path(musdb.__file__).parent / "configs" / "mus.yaml"
    names = yaml.safe_load(config.read_text(encoding="utf-8"))["validation_tracks"]
    assert read_keys(musdb18.VALIDATION_LIST) == set(map(track_key, names)) and len(names) == 14
    assert read_keys(musdb18.VALIDATION_LIST) < read_keys(musdb18.TRAIN_LIST)
    assert not read_keys(musdb18.TEST_LIST) & read_keys(musdb18.TRAIN_LIST)


def test_musdb18_splits_86_to_14_however_it_is_spelt() -> None:
    known = listed()
    assert len(set(known)) == 99
    names = [name.replace("&", "and").replace("'", "").upper() for name in known]
    training, validation = split_songs(named(*names, "Nobody - Knows It"))
    assert (len(training), len(validation)) == (86, 14)
    assert {song.track for song in validation} == read_keys(musdb18.VALIDATION_LIST)


def test_a_folder_is_musdb18_s_where_nearly_all_of_a_hundred_names_are() -> None:
    known = [track_key(name) for name in listed()]
    for others, count in ((1, 100), (5, 100), (6, 94)):
        keys = [*known[: 100 - others], *(f"x{number}" for number in range(others))]
        assert len(find_training_tracks([keys])) == count
    assert len(find_training_tracks([[*known, "x1", "x2"]])) == 99  # a hundred and one
    test_song = sorted(read_keys(musdb18.TEST_LIST))[0]
    assert test_song not in find_training_tracks([[*known, test_song]])


def test_other_tracks_are_split_by_name_alone() -> None:
    songs = named(*(f"song {number}" for number in range(700)))
    training, validation = split_songs(songs)
    assert 70 < len(validation) < 130 and len(training) + len(validation) == 700
    fewer, held_out = split_songs(songs[::2])
    assert set(fewer) <= set(training) and set(held_out) <= set(validation)


@pytest.mark.parametrize("count", range(2, 12))
def test_either_part_has_a_song(count: int) -> None:
    for letter in "abcdef":
        songs = named(*(f"{letter}{number}" for number in range(count)))
        training, validation = split_songs(songs)
        assert training and validation and {*training, *validation} == set(songs)
    held_out = named(*musdb18.VALIDATION_LIST.read_text(encoding="utf-8").splitlines()[:count])
    assert all(split_songs(held_out))


def test_one_song_is_for_training() -> None:
    (song,) = named("Triviul - Angelsaint")
    assert split_songs([song]) == ((song,), ())


def test_variants_stay_on_their_track_s_side() -> None:
    names = ["Leaf - Wicked", "Triviul - Angelsaint", "a", "b", "c"]
    songs = named(*names)
    for tempo in (-20, 10):
        songs += named(*(f"{name} [pitch+0 tempo{tempo:+d}]" for name in names), folder="more")
    training, validation = split_songs(songs)
    assert not {song.track for song in training} & {song.track for song in validation}
    assert "triviulangelsaint" in {song.track for song in validation}
    assert not any(song.is_variant for song in validation) and len(training) % 3 == 0
    only_variants = [song for song in songs if song.is_variant]
    _, validation = split_songs(only_variants)  # then one of them has to do
    assert len(validation) == len({song.track for song in validation}) >= 1


def write(path: Path, audio: np.ndarray, kind: str) -> None:
    subtype = {"float": "FLOAT", "24": "PCM_24"}.get(kind, "PCM_16")
    container = {"extensible": "WAVEX", "big-endian": "WAV", "flac": "FLAC"}.get(kind, "WAV")
    endian = "BIG" if kind == "big-endian" else "FILE"
    with sf.SoundFile(path, "w", SAMPLE_RATE, 2, subtype, endian, container) as file:
        if kind == "title":
            file.title = "an odd one, in a chunk before the samples"
        file.write(audio)


@pytest.mark.parametrize(
    "kind", ["plain", "title", "extensible", "big-endian", "flac", "24", "float"]
)
def test_parts_are_what_the_whole_file_has_there(test_set: Path, kind: str) -> None:
    rng = np.random.default_rng(0)
    audio = rng.integers(-FULL_SCALE, FULL_SCALE, (SAMPLE_RATE + 100, 2)).astype(np.int16)
    write(test_set / "song 1" / "other.wav", audio / FULL_SCALE if kind == "float" else audio, kind)
    song = find_songs(test_set)[0]
    whole = np.pad(audio.T / np.float32(FULL_SCALE), ((0, 0), (0, 5000)))
    for stems in (Stems(), Stems(mapped=False), pickle.loads(pickle.dumps(Stems()))):
        for start, samples in (
            (0, 1),
            (1234, 999),
            (SAMPLE_RATE, 100),
            (SAMPLE_RATE + 99, 3000),
            (SAMPLE_RATE + 999, 9),
        ):
            part = stems.read(song, "other", start, samples)
            assert part.dtype == np.float32
            np.testing.assert_array_equal(part, whole[:, start : start + samples])


def test_memory_maps_are_not_pickled(test_set: Path) -> None:
    stems, song = Stems(), find_songs(test_set)[0]
    part = stems.read(song, "bass", 0, 10_000)
    content = pickle.dumps(stems)
    assert len(content) < 1000
    np.testing.assert_array_equal(pickle.loads(content).read(song, "bass", 0, 10_000), part)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts file descriptors")
def test_mapped_files_are_few_enough_for_a_usual_limit(
    test_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.songs.MAPS", 3)
    stems, songs = Stems(), find_songs(test_set)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(2):
        for song in songs:
            parts = [stems.read(song, source, 0, 1000) for source in SOURCES]
            assert all(part.shape == (2, 1000) for part in parts)
    assert len(songs) * len(SOURCES) > 3
    assert len(list(Path("/proc/self/fd").iterdir())) - before == 3


@pytest.mark.parametrize("mapped", [True, False])
def test_a_file_that_changed_since_is_named(test_set: Path, mapped: bool) -> None:
    song = find_songs(test_set)[0]
    path = song.path("drums")
    audio, rate = sf.read(path)
    sf.write(path, audio[:500], rate)
    with pytest.raises(AudioError, match=r"drums\.wav: got 400 samples from 100 on, expected 900"):
        Stems(mapped=mapped).read(song, "drums", 100, 900)
    path.unlink()
    with pytest.raises(AudioError, match=r"drums\.wav"):
        Stems(mapped=mapped).read(song, "drums", 100, 900)


def test_nan_is_named(test_set: Path) -> None:
    song = find_songs(test_set)[0]
    audio = np.zeros((song.samples, 2))
    audio[700] = np.nan
    write(song.path("drums"), audio, "float")
    assert not Stems().read(song, "drums", 0, 700).any()
    with pytest.raises(AudioError, match=r"drums\.wav: got NaN"):
        Stems().read(song, "drums", 0, 701)


def test_sixteen_bits_are_rounded_and_clipped() -> None:
    audio = np.array([-2, -1, 0.4 / FULL_SCALE, 0.6 / FULL_SCALE, 1, 2], dtype=np.float32)
    assert to_int16(audio).tolist() == [-32768, -32768, 0, 1, 32767, 32767]


def test_no_stem_is_needed_for_a_song_to_be_silent(test_set: Path) -> None:
    path = test_set / "song 2" / "bass.wav"
    sf.write(path, np.zeros((SAMPLE_RATE + 200, 2)), SAMPLE_RATE)
    assert not Stems().read(find_songs(test_set)[1], SOURCES[0], 0, 1000).any()


def test_fewer_songs_may_be_held_out_and_they_are_of_the_same() -> None:
    songs = named(*(f"song {number}" for number in range(300)))
    _, usual = split_songs(songs)
    training, fewer = split_songs(songs, one_in=28)
    assert set(fewer) < set(usual) and len(training) == 300 - len(fewer)
    assert 3 <= len(fewer) <= 25
