"""The comparison of architectures: shapes, estimates, and continuing after an interruption."""

from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmarks.architectures import race as race_module
from benchmarks.architectures.__main__ import races, results_table, run_all
from benchmarks.architectures.contestants import CHUNK, CONTESTANTS, Contestant
from benchmarks.architectures.race import Race, batches, separate, train
from benchmarks.architectures.waves import Magnitudes, Normalised, Spectra
from evaluator.json_files import write_json
from mdx.estimators.stft import StftSpec
from mdx.systems.spec import SOURCES
from tests.training.miniature import write_songs
from training.songs import Song, find_songs


@pytest.mark.parametrize("name", CONTESTANTS)
def test_every_network_makes_its_stems(name: str) -> None:
    contestant = CONTESTANTS[name]
    mix = torch.randn(1, 2, CHUNK) * 0.01
    with torch.no_grad():
        stems = contestant.network().eval()(mix)
    assert stems.shape == (1, len(contestant.makes) or 1, 2, CHUNK) and stems.isfinite().all()
    assert set(contestant.makes) in (set(), set(SOURCES))


class Same(nn.Module):
    """A network whose only stem is its input."""

    def forward(self, x: Tensor) -> Tensor:
        """Shape: (batch, ...) -> (batch, 1, ...)."""
        return x[:, None]


@pytest.mark.parametrize(
    "wave",
    [
        Spectra(Same(), StftSpec(512, 128, 257, 33)),
        Magnitudes(Same(), n_fft=512, hop=128),
        Normalised(Same()),
    ],
)
def test_an_identity_network_returns_the_mixture(wave: nn.Module) -> None:
    mix = torch.randn(2, 2, 128 * 32)
    assert torch.allclose(wave(mix)[:, 0], mix, atol=1e-3)


def test_windows_add_up_to_the_song() -> None:
    mix = np.random.default_rng(0).standard_normal((2, 2 * CHUNK + 777)).astype(np.float32)
    for samples in (1, 500, mix.shape[1]):
        found = separate(Same(), mix[:, :samples])
        assert found.shape == (1, 2, samples)
        np.testing.assert_allclose(found[0], mix[:, :samples], atol=1e-5)


def test_targets_are_in_the_order_that_a_network_makes(tmp_path: Path) -> None:
    songs = list(find_songs(write_songs(tmp_path, samples=CHUNK + 100)))
    alone = next(batches(Race("d3net", "vocals", 1, 1.0), songs, 0))
    joint = next(batches(Race("x_umx", "all", 1, 1.0), songs, 0))
    assert torch.equal(alone[0], joint[0]) and alone[1].shape[1] == 1
    vocals = CONTESTANTS["x_umx"].makes.index("vocals")
    assert torch.equal(alone[1][:, 0], joint[1][:, vocals])
    torch.testing.assert_close(joint[1].sum(dim=1), joint[0])
    later = next(batches(Race("d3net", "vocals", 1, 1.0), songs, 1))
    assert not torch.equal(later[0], alone[0])


def test_an_interrupted_training_continues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    songs = list(find_songs(write_songs(tmp_path / "songs", samples=CHUNK + 100)))
    clock = count()  # a step takes one second of it
    monkeypatch.setattr("time.process_time", lambda: float(next(clock)))
    monkeypatch.setattr(race_module, "SAVED_EVERY", 0.5)

    def small(contestant: Contestant) -> nn.Module:
        net = nn.Sequential(nn.Conv2d(2, 2, 1), Same())
        return Normalised(Magnitudes(net, n_fft=512, hop=256))

    monkeypatch.setattr(Contestant, "network", small)
    race = Race("d3net", "drums", 1, 4.0)
    whole = train(race, songs, tmp_path / "whole.pt")

    def two(race: Race, songs: list[Song], step: int) -> Iterator[tuple[Tensor, Tensor]]:
        return islice(batches(race, songs, step), 2)

    monkeypatch.setattr(race_module, "batches", two)
    train(race, songs, tmp_path / "parts.pt")
    parts = train(race, songs, tmp_path / "parts.pt")
    for first, second in zip(whole.parameters(), parts.parameters(), strict=True):
        assert torch.equal(first, second)
    assert torch.load(tmp_path / "parts.pt", weights_only=True)["step"] == 4


def test_joint_networks_get_the_time_of_both_sources(tmp_path: Path) -> None:
    todo = races(["x_umx", "d3net"], 20.0)
    seconds = {(race.contestant, race.source): race.seconds for race in todo}
    assert seconds == {("x_umx", "all"): 4800, ("d3net", "vocals"): 2400, ("d3net", "drums"): 2400}
    assert len(todo) == 9
    for race, value in zip(todo, (1.0, 2.0, 3.0), strict=False):
        write_json(tmp_path / f"{race.name}.json", {"vocals": value, "drums": value + 1})
    rows = [[cell.strip() for cell in line.split("|")] for line in
            results_table(todo, tmp_path).splitlines()]  # fmt: skip
    cells = {row[1]: row[2:6] for row in rows}
    assert cells["X-UMX"] == ["1.00 (1.00 to 1.00)", "1", "2.00 (2.00 to 2.00)", "1"]
    assert cells["D3Net"] == ["2.00 (2.00 to 2.00)", "1", "4.00 (4.00 to 4.00)", "1"]
    assert cells["Demucs-v2"] == ["-", "0", "-", "0"]


def test_finished_trainings_are_not_repeated(tmp_path: Path) -> None:
    for part in ("train", "test"):
        write_songs(tmp_path / part)
    todo = races(["d3net"], 20.0)
    for race in todo:
        write_json(tmp_path / "out" / f"{race.name}.json", {race.source: 1.0})
    run_all(todo, tmp_path, tmp_path / "out", workers=1)
    assert not list((tmp_path / "out").glob("*.pt"))
