"""The small Demucs-v2 with which settings are compared."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch

from benchmarks.small_demucs import AllStems, loss_of, train
from mdx.errors import AudioError
from mdx.systems.spec import SAMPLE_RATE
from models.demucs_v2.network import SOURCES as ORDER
from models.demucs_v2.network import DemucsSpec, random_demucs
from tests.tiny import noise
from training.data_config import DataConfig
from training.songs import find_songs


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    folder = tmp_path / "songs" / "one"
    folder.mkdir(parents=True)
    for seed, source in enumerate(ORDER):
        stem = noise(4 * SAMPLE_RATE, seed=seed) / 4
        sf.write(folder / f"{source}.wav", stem.T, SAMPLE_RATE)
    return folder.parent


def test_examples_have_all_stems_in_the_network_s_order(songs: Path) -> None:
    data = DataConfig(whole_song=1.0, gain_db=0.0, swap=False)
    mix, stems = AllStems(find_songs(songs), "bass", data, chunk=1000, count=1, seed=0)[0]
    assert mix.shape == (2, 1000) and stems.shape == (4, 2, 1000)
    np.testing.assert_allclose(mix, stems.sum(dim=0))
    for source, stem in zip(ORDER, stems, strict=True):
        whole = sf.read(songs / "one" / f"{source}.wav", dtype="float32")[0].T
        places = np.flatnonzero(np.isclose(whole[0], float(stem[0, 0]), atol=1e-7))
        found = [np.allclose(whole[:, at : at + 1000], stem, atol=1e-6) for at in places]
        assert any(found), source


def test_the_loss_is_that_of_the_middle_at_the_mixture_s_level() -> None:
    net = random_demucs(DemucsSpec(channels=1), seed=0)
    mix = torch.from_numpy(noise(net.valid_length(1), seed=0))[None]
    with torch.no_grad():
        stems = torch.zeros(1, 4, *mix.shape[1:])
        level = mix.std() + 1e-3
        made = net(mix / level)
        lead = (mix.shape[2] - made.shape[3]) // 2
        stems[..., lead : lead + made.shape[3]] = made * level
        assert loss_of(net, mix, stems) < 1e-6
        assert loss_of(net, mix, stems.roll(1, dims=1)) > 1e-3


def test_training_lowers_the_loss(songs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.small_demucs.SECONDS", 0.5)
    monkeypatch.setattr("benchmarks.small_demucs.BATCH", 2)
    before, after = random_demucs(DemucsSpec(channels=1), seed=0), train(songs, 1, 6)
    data = DataConfig()
    chunk = before.valid_length(SAMPLE_RATE)
    mix, stems = AllStems(find_songs(songs), "bass", data, chunk=chunk, count=1, seed=9)[0]
    with torch.no_grad():
        assert loss_of(after, mix[None], stems[None]) < loss_of(before, mix[None], stems[None])


def test_a_folder_without_songs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioError):
        train(tmp_path, 1, 1)
