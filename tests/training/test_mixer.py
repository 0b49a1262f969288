"""Step two in miniature: the Mixer for separators with known errors."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch

from mdx.combine.mixer import read_mixer
from mdx.errors import ConfigError, OutputError
from mdx.separator import Separator
from mdx.systems.find import find_system
from mdx.systems.spec import SAMPLE_RATE, SOURCES, Audio, QualityLevel
from models.mixer import Mixer
from training.config import MixerConfig
from training.mixer import train_mixer, write_mixer
from training.songs import Song, find_songs
from training.validation import read_stems

LEAST_SQUARES = MixerConfig()


class Leaky:
    """A separator that adds a quarter of the mixture to every stem."""

    def __init__(self, songs: tuple[Song, ...]) -> None:
        self._songs = iter(songs)

    def separate(self, mix: Audio, rate: int) -> dict[str, Audio]:
        stems = read_stems(next(self._songs))
        return {source: stems[i] + mix / 4 for i, source in enumerate(SOURCES)}


def noise_songs(
    root: Path, monkeypatch: pytest.MonkeyPatch, count: int = 3, silent: str | None = None
) -> tuple[Song, ...]:
    """Songs of noise, and a leaky separator for them; the last song may lack a source."""
    rng = np.random.default_rng(3)
    for number in range(count):
        for source in SOURCES:
            folder = root / f"song {number}"
            folder.mkdir(parents=True, exist_ok=True)
            loud = not (source == silent and number == count - 1)
            stem = rng.uniform(-0.1, 0.1, (3000, 2)) * loud
            sf.write(folder / f"{source}.wav", stem, SAMPLE_RATE)
    songs = find_songs(root)
    monkeypatch.setattr(Separator, "load", lambda name: Leaky(songs))
    return songs


@pytest.mark.parametrize("silent", [None, "vocals"])
def test_the_mixer_undoes_a_leak(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: str | None
) -> None:
    # A song without vocals must not affect their weights.
    songs = noise_songs(tmp_path / "songs", monkeypatch, silent=silent)
    write_mixer(train_mixer(songs, "demo_no_mixer", LEAST_SQUARES), tmp_path / "m.npz")
    mixer = read_mixer((tmp_path / "m.npz").read_bytes(), "m.npz")
    # The ten inputs are linearly dependent here, so the matrix is tested by its output.
    for song in songs:
        references = read_stems(song)
        mix = references.sum(axis=0)
        np.testing.assert_allclose(mixer(references + mix / 4, mix), references, atol=1e-3)


def test_a_source_that_no_song_has_is_handed_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    songs = noise_songs(tmp_path, monkeypatch, count=1, silent="bass")
    weight = train_mixer(songs, "demo_no_mixer", LEAST_SQUARES).linear.weight.detach().numpy()
    np.testing.assert_array_equal(weight[:2], np.eye(2, 10))


def lopsided_songs(root: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> tuple[Song, ...]:
    """Songs of noise that are quiet on the right, which is therefore fitted less well."""
    songs = noise_songs(root, monkeypatch, count)
    for path in root.rglob("*.wav"):
        stem, rate = sf.read(path)
        sf.write(path, stem * [1, 0.1], rate)
    return songs


def test_only_a_system_of_four_stems_without_a_mixer_is_fitted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ConfigError, match="demo: got a system with a Mixer, expected one without"):
        train_mixer([], "demo", LEAST_SQUARES)
    spec, folder = find_system("demo_no_mixer")
    two = replace(
        spec, stems=("bass", "drums"), estimators=spec.estimators[:2], ladder=(QualityLevel(),)
    )
    monkeypatch.setattr("training.mixer.find_system", lambda name: (two, folder))
    with pytest.raises(ConfigError, match="two: got the stems bass, drums, expected a system of"):
        train_mixer([], "two", LEAST_SQUARES)


def test_swapping_channels_makes_both_sides_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    songs = lopsided_songs(tmp_path, monkeypatch, count=3)
    weight = train_mixer(
        songs, "demo_no_mixer", MixerConfig(swap=True, ridge=0.01)
    ).linear.weight.detach()
    sides = np.arange(10) ^ 1
    np.testing.assert_allclose(weight, weight[np.ix_(sides[:8], sides)], atol=1e-5)


@pytest.mark.parametrize("method", ["least_squares", "rmsprop"])
def test_swapping_is_like_having_the_swapped_songs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    config = MixerConfig(method, ridge=0.01)
    songs = lopsided_songs(tmp_path, monkeypatch, count=1)
    found = train_mixer(songs, "demo_no_mixer", replace(config, swap=True)).linear.weight.detach()
    for source in SOURCES:
        stem, rate = sf.read(tmp_path / "song 0" / f"{source}.wav", dtype="int16")
        (tmp_path / "song 1").mkdir(exist_ok=True)
        sf.write(tmp_path / "song 1" / f"{source}.wav", stem[:, ::-1], rate)
    both = find_songs(tmp_path)
    monkeypatch.setattr(Separator, "load", lambda name: Leaky(both))
    expected = train_mixer(both, "demo_no_mixer", config).linear.weight.detach()
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("ridge", [0.01, 0.3, 1e6])
def test_a_ridge_holds_the_mixer_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ridge: float
) -> None:
    (song,) = songs = noise_songs(tmp_path, monkeypatch, count=1)
    weight = (
        train_mixer(songs, "demo_no_mixer", MixerConfig(ridge=ridge)).linear.weight.detach().numpy()
    )
    references = read_stems(song).astype(np.float64)
    mix = references.sum(axis=0)
    inputs = np.concatenate([*(references + mix / 4), mix]).T
    for index, stem in enumerate(references):
        # Least squares of the same cost: the ridge is ten samples more.
        level, rows = np.sqrt(np.square(stem).sum()), slice(2 * index, 2 * index + 2)
        a = np.concatenate([inputs / level, np.sqrt(ridge) * np.eye(10)])
        b = np.concatenate([stem.T / level, np.sqrt(ridge) * np.eye(10)[:, rows]])
        expected = np.linalg.lstsq(a, b)[0].T
        np.testing.assert_allclose(weight[rows], expected, atol=1e-4)
    if ridge == 1e6:
        np.testing.assert_allclose(weight, np.eye(8, 10), atol=1e-4)


def test_songs_count_alike_whatever_their_level_and_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A ridge for each song, so that twice the songs do not halve what it does.
    config = MixerConfig(ridge=0.3)
    songs = noise_songs(tmp_path, monkeypatch, count=2)
    found = train_mixer(songs, "demo_no_mixer", config).linear.weight.detach()
    for path in (tmp_path / "song 1").iterdir():
        stem, rate = sf.read(path, dtype="int16")
        sf.write(path, np.tile(stem, (5, 1)) * 8, rate)
    for copies in (1, 2):  # of each song
        several = sorted(find_songs(tmp_path) * copies, key=lambda song: song.name)
        monkeypatch.setattr(Separator, "load", lambda name, songs=several: Leaky(tuple(songs)))
        weight = train_mixer(several, "demo_no_mixer", config).linear.weight.detach()
        np.testing.assert_allclose(weight, found, atol=1e-4)


def test_descending_is_rmsprop_on_the_audio_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    songs = noise_songs(tmp_path, monkeypatch, count=1)
    monkeypatch.setattr("training.mixer.PART", 1000)
    config = MixerConfig(method="rmsprop", learning_rate=0.003, epochs=4)
    found = train_mixer(songs, "demo_no_mixer", config, seed=5).linear.weight.detach()

    # Plainly, as in the paper's training: the loss of every chunk from its samples.
    references = read_stems(songs[0])
    mix = references.sum(axis=0)
    inputs = torch.from_numpy(np.concatenate([(references + mix / 4).reshape(8, -1), mix]))
    targets = torch.from_numpy(references.reshape(8, -1))
    mixer = Mixer()
    optimizer = torch.optim.RMSprop(mixer.parameters(), lr=0.003)
    rng = np.random.default_rng(5)
    for _ in range(4):
        for part in rng.permutation(3):
            chunk = slice(1000 * part, 1000 * part + 1000)
            optimizer.zero_grad()
            loss = (mixer(inputs[None, :, chunk])[0] - targets[:, chunk]).square().mean()
            loss.backward()
            optimizer.step()
    torch.testing.assert_close(found, mixer.linear.weight.detach(), rtol=1e-3, atol=1e-4)


def test_descending_ends_near_the_minimum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    songs = noise_songs(tmp_path, monkeypatch)
    config = MixerConfig(method="rmsprop", epochs=300)
    weight = train_mixer(songs, "demo_no_mixer", config).linear.weight.detach().numpy()
    references = read_stems(songs[0])
    mix = references.sum(axis=0)
    leaky = references + mix / 4
    found = weight @ np.concatenate([leaky.reshape(8, -1), mix])
    error, before = (
        np.square(x - references.reshape(8, -1)).sum() for x in (found, leaky.reshape(8, -1))
    )
    assert error < before / 100


def test_an_unwritable_mixer_keeps_the_previous_one(tmp_path: Path) -> None:
    path = tmp_path / "mixer.npz"
    write_mixer(Mixer(), path)
    before = path.read_bytes()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="a writable file"):
        write_mixer(Mixer(), tmp_path / "file" / "mixer.npz")
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "mixer.npz"]
