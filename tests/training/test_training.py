"""Step one and step two in miniature, and the pieces they stand on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch

from mdx.errors import AudioError, ConfigError
from mdx.mixer import read_mixer
from mdx.net import OnnxNetwork
from mdx.separator import Separator
from mdx.spec import SAMPLE_RATE, SOURCES, Audio, find_system
from mdx.stft import Stft
from models.tfc_tdf import random_network
from tests.tiny import TINY, noise
from training.__main__ import main
from training.config import SeparatorConfig, read_config
from training.mixer import train_mixer, write_mixer
from training.separator import fold_scale, train_separator
from training.songs import Song, random_batch, read_songs
from training.spectrogram import spectrogram, waveform

TINY_CONFIG = SeparatorConfig(
    n_fft=256, hop=64, dim_f=96, train_frames=16, frames=32, n_blocks=5, n_layers=1, growth=4,
    bottleneck=8, steps=20, batch=4, learning_rate=0.01,
)  # fmt: skip


def make_songs(count: int, samples: int = 8000) -> list[Song]:
    """Songs whose sources live in bands of their own, so that they can be told apart."""
    songs = []
    time = np.arange(samples) / SAMPLE_RATE
    rng = np.random.default_rng(0)
    for number in range(count):
        stems = []
        for index in range(4):
            tone = np.sin(2 * np.pi * (400 + 1500 * index + rng.uniform(0, 200)) * time)
            stems.append(np.stack([tone, tone * rng.uniform(0.3, 1)]))
        songs.append(Song(f"song {number}", np.rint(6000 * np.array(stems)).astype(np.int16)))
    return songs


@pytest.mark.parametrize("source", SOURCES)
def test_the_spectrogram_is_the_runtime_s(source: str) -> None:
    spec = TINY[source]
    mix = noise(spec.chunk)
    expected = Stft(spec).forward(mix)
    got = spectrogram(torch.from_numpy(np.stack([mix, 2 * mix])), spec)
    np.testing.assert_allclose(got[0].numpy(), expected, atol=1e-5 * np.abs(expected).max())
    torch.testing.assert_close(got[1], 2 * got[0])
    back = waveform(got, spec)[0].numpy()
    np.testing.assert_allclose(back, Stft(spec).inverse(expected), atol=1e-5)


def test_a_batch_is_the_sum_of_stems_from_the_songs() -> None:
    songs = make_songs(3)
    rng = np.random.default_rng(1)
    mix, target = random_batch(songs, "other", batch=16, chunk=500, rng=rng)
    assert mix.shape == target.shape == (16, 2, 500) and mix.dtype == np.float32
    third = np.abs(np.fft.rfft(target[:, 0])).argmax(axis=1) * SAMPLE_RATE / 500
    assert ((third > 3000) & (third < 4000)).all()  # only "other" has its tone there
    again, _ = random_batch(songs, "other", batch=16, chunk=500, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(mix, again)
    rest = mix - target
    assert (np.square(rest).sum(axis=(1, 2)) > np.square(target).sum(axis=(1, 2)) / 10).all()


def test_a_song_shorter_than_a_chunk_is_padded() -> None:
    mix, target = random_batch(
        make_songs(1, samples=100), "bass", batch=2, chunk=300, rng=np.random.default_rng(0)
    )
    assert target[:, :, :100].any() and not mix[:, :, 100:].any()


def test_folding_the_scale_is_exact() -> None:
    net = random_network(TINY_CONFIG.network(), seed=0)
    x = torch.randn(1, 4, 96, 16)
    with torch.no_grad():
        expected = 7 * net(x / 7)
        torch.testing.assert_close(fold_scale(net, 7.0)(x), expected, rtol=1e-4, atol=1e-4)


def test_training_learns() -> None:
    songs = make_songs(4)
    net = train_separator(songs, "drums", replace(TINY_CONFIG, steps=150), seed=0)
    spec = TINY_CONFIG.stft(TINY_CONFIG.train_frames)
    mix, target = random_batch(
        songs, "drums", batch=8, chunk=spec.chunk, rng=np.random.default_rng(9)
    )
    with torch.no_grad():
        estimate = waveform(net(spectrogram(torch.from_numpy(mix), spec)), spec).numpy()
    inside = slice(spec.trim, -spec.trim)
    error = np.square(estimate - target)[..., inside].sum()
    assert 10 * np.log10(np.square(target)[..., inside].sum() / error) > 6  # the mixture has -5


def test_the_command_exports_registers_and_says_how(
    test_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.__main__.MODELS", tmp_path)
    monkeypatch.setattr("training.__main__.read_config", lambda name: {"bass": TINY_CONFIG})
    command = ["separator", "--source", "bass", "--data", str(test_set), "--out", "x"]
    assert main(command) == 0
    content = (tmp_path / "weights" / "x" / "bass.onnx").read_bytes()
    network = OnnxNetwork(content, "bass", threads=1)
    assert (network.dim_f, network.dim_t) == (96, 32)  # longer chunks than it was trained on
    manifest = (tmp_path / "weights" / "manifest.yaml").read_text()
    assert "x/bass.onnx:" in manifest and "python -m training separator --source bass" in manifest


class Leaky:
    """A separator whose every stem holds a quarter of the mixture too."""

    def __init__(self, songs: list[Song]) -> None:
        self._songs = iter(songs)

    def separate(self, mix: Audio, rate: int) -> dict[str, Audio]:
        stems = next(self._songs).stems.astype(np.float32) / 2**15
        return {source: stems[i] + mix / 4 for i, source in enumerate(SOURCES)}


@pytest.mark.parametrize("silent", [None, 3])
def test_the_mixer_undoes_a_leak(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: int | None
) -> None:
    rng = np.random.default_rng(3)
    stems = [rng.integers(-3000, 3000, (4, 2, 3000)).astype(np.int16) for _ in range(3)]
    if silent is not None:
        stems[2][silent] = 0  # a song without vocals must not teach that there are none
    songs = [Song(str(number), stem) for number, stem in enumerate(stems)]
    monkeypatch.setattr(Separator, "load", lambda name: Leaky(songs))
    write_mixer(train_mixer(songs, "any"), tmp_path / "m.npz")
    mixer = read_mixer((tmp_path / "m.npz").read_bytes(), "m.npz")
    # The ten inputs depend on each other here, so what counts is what the matrix does.
    for song in songs:
        references = song.stems.astype(np.float32) / 2**15
        mix = references.sum(axis=0)
        np.testing.assert_allclose(mixer(references + mix / 4, mix), references, atol=1e-3)


def test_a_source_that_no_song_has_is_handed_through(monkeypatch: pytest.MonkeyPatch) -> None:
    stems = np.random.default_rng(3).integers(-3000, 3000, (4, 2, 3000)).astype(np.int16)
    stems[0] = 0
    songs = [Song("one", stems)]
    monkeypatch.setattr(Separator, "load", lambda name: Leaky(songs))
    weight = train_mixer(songs, "any").linear.weight.detach().numpy()
    np.testing.assert_array_equal(weight[:2], np.eye(2, 10))


@pytest.mark.parametrize("damage", ["missing", "rate", "mono", "length", "empty"])
def test_bad_songs_are_named(test_set: Path, tmp_path: Path, damage: str) -> None:
    path = test_set / "song 1" / "vocals.wav"
    audio, rate = sf.read(path)
    if damage == "missing":
        path.unlink()
    elif damage == "empty":
        test_set = tmp_path / "empty"
    else:
        changed = {"rate": audio, "mono": audio[:, 0], "length": audio[1:]}[damage]
        sf.write(path, changed, 48000 if damage == "rate" else rate)
    with pytest.raises(AudioError, match=r"empty|vocals\.wav"):
        read_songs(test_set)


def test_configurations() -> None:
    demo = read_config("demo")
    assert set(demo) == set(SOURCES)
    for source, config in demo.items():
        spec = find_system("demo")[0].separators[source]
        assert (spec.n_fft, spec.hop) == (config.n_fft, config.hop)
        assert (spec.dim_f, spec.dim_t) == (config.dim_f, config.frames)
        assert config.stft(config.train_frames).step > 0
    with pytest.raises(ConfigError, match="expected one of demo"):
        read_config("nosuch")
