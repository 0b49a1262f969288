"""Examples made on a device equal those made on the CPU."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch

from mdx.errors import ConfigError
from mdx.systems.spec import SAMPLE_RATE
from tests.training.miniature import CONFIG, run, write_songs
from training.data_config import DataConfig
from training.examples import Examples
from training.filters import bell, equalise, shelf
from training.hardware import Hardware
from training.resident import BLOCK, Batches, ResidentExamples, change_spectrum
from training.songs import Song, find_songs

CHUNK = 3000
CPU = torch.device("cpu")


def both(
    songs: tuple[Song, ...], data: DataConfig, source: str = "other", chunk: int = CHUNK
) -> tuple[Examples, ResidentExamples]:
    on_cpu = Examples(songs, source, data, chunk=chunk, count=40, seed=1)
    return on_cpu, ResidentExamples(
        songs, source, data, chunk=chunk, count=40, seed=1, device=CPU
    )  # fmt: skip


@pytest.mark.parametrize("source", ["other", "all"])
def test_the_same_numbers_are_the_same_examples(songs: tuple[Song, ...], source: str) -> None:
    data = DataConfig(
        gain_db=6, whole_song=0.4, flip=True, width=(0.3, 1.5), balance=4, layers={"other": 0.5}
    )
    on_cpu, resident = both(songs, data, source)
    for index in range(20):
        for expected, found in zip(on_cpu[index], resident[index], strict=True):
            assert found.shape == expected.shape
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_songs_shorter_than_a_chunk_get_zeros(tmp_path: Path) -> None:
    songs = find_songs(write_songs(tmp_path, samples=1000))
    on_cpu, resident = both(songs, DataConfig())
    torch.testing.assert_close(resident[3][0], on_cpu[3][0], rtol=0, atol=1e-6)


def test_a_changed_spectrum_is_the_filtered_stem() -> None:
    rng = np.random.default_rng(0)
    window = np.hanning(CHUNK).astype(np.float32)  # periodic as well as alone
    stem = rng.standard_normal((2, CHUNK)).astype(np.float32) * window
    filters = [shelf(9.0, 2000.0), bell(-6.0, 800.0, 1.0)]
    expected = equalise(stem, filters)
    found = change_spectrum(torch.from_numpy(stem), CHUNK, filters).numpy()
    np.testing.assert_allclose(found, expected, atol=2e-3)
    assert np.abs(found - stem).max() > 0.1


@pytest.mark.parametrize("samples", [2700, 3000, 3300])
def test_a_resampled_tone_has_another_pitch_and_its_level(samples: int) -> None:
    cycles = 60
    tone = np.sin(2 * np.pi * cycles * np.arange(samples) / samples)
    stem = torch.from_numpy(np.stack([tone, tone])).float()
    found = change_spectrum(stem, CHUNK, ())
    expected = np.sin(2 * np.pi * cycles * np.arange(CHUNK) / CHUNK)
    np.testing.assert_allclose(found[0].numpy(), expected, atol=1e-4)


def test_quiet_parts_are_drawn_again(tmp_path: Path) -> None:
    songs = find_songs(write_songs(tmp_path, samples=4 * BLOCK))
    silent, _ = sf.read(songs[0].path("bass"))
    sf.write(songs[0].path("bass"), 0 * silent, SAMPLE_RATE)
    data = DataConfig(quiet=0.002, keep_quiet=0.0)
    on_cpu, resident = both(songs, data)
    part = on_cpu.draw(0)[1]
    exact = on_cpu._loudness("drums", part.place)
    assert resident._loudness("drums", part.place) == pytest.approx(exact, rel=0.1)
    drawn = [[examples.draw(i) for i in range(40)] for examples in (on_cpu, resident)]
    assert drawn[0] == drawn[1] != [both(songs, DataConfig())[0].draw(i) for i in range(40)]
    basses = [parts[0].place.song for parts in drawn[0]]
    assert sum(song == songs[0] for song in basses) < 5  # a third, without drawing again


def test_pitch_and_stretch_stay_on_cpus(songs: tuple[Song, ...]) -> None:
    for data in (DataConfig(semitones=1), DataConfig(stretch=0.1)):
        with pytest.raises(ConfigError, match="with --resident"):
            both(songs, data)


def test_batches_are_whole_and_in_order(songs: tuple[Song, ...]) -> None:
    _, examples = both(songs, DataConfig())
    batches = Batches(examples, 3)
    assert len(batches) == 13
    mix, target = batches[2]
    assert mix.shape == (3, 2, CHUNK) and target.shape == (3, 2, CHUNK)
    assert torch.equal(mix[1], examples[7][0]) and torch.equal(target[1], examples[7][1])
    with pytest.raises(IndexError):
        batches[13]


def test_a_training_learns_the_same_from_them(tmp_path: Path) -> None:
    config = replace(CONFIG, steps=6, validate_every=3, accumulate=2)
    scores = []
    for name, hardware in (("a", Hardware("cpu")), ("b", Hardware("cpu", resident=True))):
        (tmp_path / name).mkdir()
        write_songs(tmp_path / name / "songs", samples=SAMPLE_RATE // 2)
        scores.append(run(tmp_path / name, config, hardware=hardware))
    assert scores[0] == pytest.approx(scores[1], abs=1e-3)
