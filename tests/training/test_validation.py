"""The score of a network on whole songs, separated in the runtime's chunks."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch
from torch import Tensor, nn

from evaluator.metrics import global_sdr
from mdx.errors import NetworkError
from mdx.runtimes.onnx import OnnxNetwork
from mdx.separator import Separator
from mdx.systems.spec import SAMPLE_RATE, SOURCES
from tests.tiny import TINY, noise, tiny_network
from tests.training.miniature import write_songs
from training.songs import find_songs
from training.validation import TorchNetwork, read_stems, score_song, separate

SPEC = TINY["drums"]
CPU = torch.device("cpu")


class Gain(nn.Module):
    """A network that scales its input."""

    def __init__(self, gain: float) -> None:
        super().__init__()
        self.gain = gain

    def forward(self, x: Tensor) -> Tensor:
        return self.gain * x


def test_a_network_in_torch_separates_as_the_runtime_does(tiny_system: Path) -> None:
    mix = noise(3 * SPEC.step + 100)
    graph = OnnxNetwork((tiny_system.parent / "drums.onnx").read_bytes(), "drums", threads=1)
    found = separate(TorchNetwork(tiny_network("drums"), SPEC, CPU), SPEC, "drums", mix)
    np.testing.assert_allclose(found, separate(graph, SPEC, "drums", mix), atol=1e-4)
    whole = Separator.load(tiny_system, threads=1, sources=["drums"]).separate(mix, SAMPLE_RATE)
    np.testing.assert_allclose(found[0], whole["drums"], atol=1e-4)


def test_the_score_is_the_challenge_s(tmp_path: Path) -> None:
    (song,) = find_songs(write_songs(tmp_path, 1, samples=2 * SPEC.step + 7))
    # In the lowest bins of 128 nothing is cut away: what comes out is the mixture, softer.
    found = score_song(TorchNetwork(Gain(0.5), SPEC, CPU), SPEC, "drums", song)
    stems = np.stack([sf.read(song.folder / f"{source}.wav")[0].T for source in SOURCES])
    error = stems[1] - 0.5 * stems.sum(axis=0)
    assert found["drums"] == pytest.approx(
        10 * np.log10((stems[1] ** 2).sum() / (error**2).sum()), abs=0.01
    )


def test_all_stems_of_a_song_are_read(tmp_path: Path) -> None:
    (song,) = find_songs(write_songs(tmp_path, 1))
    stems = read_stems(song)
    expected = [sf.read(song.folder / f"{source}.wav")[0].T for source in SOURCES]
    np.testing.assert_allclose(stems, expected, atol=1e-6)


def test_a_song_without_the_source_has_no_score(tmp_path: Path) -> None:
    (song,) = find_songs(write_songs(tmp_path, 1))
    sf.write(song.folder / "drums.wav", np.zeros((song.samples, 2)), SAMPLE_RATE)
    assert score_song(TorchNetwork(Gain(0.0), SPEC, CPU), SPEC, "drums", song) == {}


def test_a_network_that_finds_nan_has_no_score(tmp_path: Path) -> None:
    (song,) = find_songs(write_songs(tmp_path, 1))
    with pytest.raises(NetworkError, match="NaN"):
        score_song(TorchNetwork(Gain(float("nan")), SPEC, CPU), SPEC, "drums", song)


class Split(nn.Module):
    """A network whose four stems are shares of the mixture."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([share * x for share in (0.1, 0.2, 0.3, 0.4)], dim=1)


@pytest.mark.parametrize("samples", [1, SPEC.step, 2 * SPEC.step + 7])
def test_one_network_separates_all_stems(samples: int) -> None:
    mix = noise(samples)
    found = separate(TorchNetwork(Split(), SPEC, CPU, sources=4), SPEC, "all", mix)
    # All but the highest bin is kept, and noise has little there.
    for index, share in enumerate((0.1, 0.2, 0.3, 0.4)):
        np.testing.assert_allclose(found[index], share * mix, atol=0.15 * share)
    np.testing.assert_allclose(found[3], 4 * found[0], atol=1e-6)


def test_all_stems_are_scored_but_silent_ones(tmp_path: Path) -> None:
    (song,) = find_songs(write_songs(tmp_path, 1))
    sf.write(song.folder / "drums.wav", np.zeros((song.samples, 2)), SAMPLE_RATE)
    scores = score_song(TorchNetwork(Split(), SPEC, CPU, sources=4), SPEC, "all", song)
    assert list(scores) == ["bass", "other", "vocals"]


def test_a_network_for_all_that_finds_nan_has_no_score(tmp_path: Path) -> None:
    (song,) = find_songs(write_songs(tmp_path, 1))

    class Broken(Split):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * float("nan")

    with pytest.raises(NetworkError, match="NaN"):
        score_song(TorchNetwork(Broken(), SPEC, CPU, sources=4), SPEC, "all", song)


def test_a_network_of_a_high_band_is_scored_on_that_band(tmp_path: Path) -> None:
    (song,) = find_songs(write_songs(tmp_path, 1, samples=2 * SPEC.step + 7))
    first = SPEC.dim_f // 2
    whole = TorchNetwork(nn.Identity(), SPEC, CPU)
    stems = read_stems(song)
    band = {
        source: separate(whole, SPEC, source, stem, first_bin=first)[0]
        for source, stem in zip(SOURCES, stems, strict=True)
    }
    found = score_song(TorchNetwork(Gain(0.5), SPEC, CPU), SPEC, "drums", song, first_bin=first)
    estimate = np.float32(0.5) * sum(band.values())
    assert found["drums"] == pytest.approx(global_sdr(band["drums"], estimate), abs=1e-3)
    assert found != score_song(TorchNetwork(Gain(0.5), SPEC, CPU), SPEC, "drums", song)
