"""Variants of songs: the grid, the layout, atomic folders, resuming, and errors."""

import os
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from mdx.errors import ConfigError, OutputError, ProcessError
from mdx.systems.spec import SAMPLE_RATE, SOURCES
from training import augment
from training.augment import Variant, main, make_grid, write_variants
from training.rules import describe_data
from training.songs import Song, find_songs, split_songs

Disk = namedtuple("Disk", "total used free")  # noqa: PYI024


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def command(test_set: Path, out: Path, *more: str) -> list[str]:
    return ["--data", str(test_set), "--out", str(out), "--jobs", "1", *more]


def small(test_set: Path, out: Path, *more: str) -> list[str]:
    return command(test_set, out, "--semitones", "1", "--stretch", "0", *more)


def test_the_paper_s_grid(songs: tuple[Song, ...]) -> None:
    grid = make_grid(songs, semitones=2, stretch=0.2)
    assert len(grid) == 2 * (5 * 5 - 1) == len({variant.name for variant in grid})
    assert {variant.semitones for variant in grid} == {-2, -1, 0, 1, 2}
    assert {variant.tempo for variant in grid} == {0.8, 0.9, 1.0, 1.1, 1.2}
    assert not any((variant.semitones, variant.percent) == (0, 0) for variant in grid)
    variants = [Song(variant.name, Path(variant.name), 1) for variant in grid]
    assert all(song.is_variant for song in variants)
    assert {song.track for song in variants} == {song.track for song in songs}
    assert make_grid(variants, semitones=2, stretch=0.2) == []  # none of variants
    assert make_grid(songs, semitones=0, stretch=0) == []


@pytest.mark.parametrize(
    ("semitones", "stretch"), [(-1, 0.1), (1, -0.1), (1, 0.15), (1, 1.0), (1, np.nan), (1, np.inf)]
)
def test_an_invalid_grid_is_refused(
    songs: tuple[Song, ...], semitones: int, stretch: float
) -> None:
    with pytest.raises(ConfigError, match=r"--(semitones|stretch): got"):
        make_grid(songs, semitones=semitones, stretch=stretch)


def test_a_variant_is_a_song_at_another_pitch_and_tempo(
    songs: tuple[Song, ...], tmp_path: Path
) -> None:
    time = np.arange(songs[0].samples) / SAMPLE_RATE
    tone = 0.3 * np.sin(2 * np.pi * 1000 * time)
    for source in SOURCES:
        sf.write(songs[0].path(source), np.stack([tone, tone / 2], axis=1), SAMPLE_RATE)
    (folder,) = write_variants([Variant(songs[0], 2, -20)], tmp_path / "out", jobs=1)
    assert folder == tmp_path / "out" / "train" / "song 1 [pitch+2 tempo-20]"
    (found,) = find_songs(tmp_path / "out")
    assert found.folder == folder and abs(found.samples - songs[0].samples / 0.8) <= 1
    files = [sf.SoundFile(folder / f"{name}.wav") for name in (*SOURCES, "mixture")]
    assert {file.subtype for file in files} == {"PCM_16"}
    *stems, mixture = [file.read(dtype="int16").astype(int) for file in files]
    np.testing.assert_array_equal(mixture, np.clip(sum(stems), -(2**15), 2**15 - 1))
    assert np.abs(sum(stems)).max() > 2**15  # so that the limits were tried
    middle = stems[0][10_000:-10_000]
    peaks = np.abs(np.fft.rfft(middle[:, 0] * np.hanning(len(middle)))).argmax()
    assert abs(peaks * SAMPLE_RATE / len(middle) - 1000 * 2 ** (2 / 12)) < 3
    assert abs(np.abs(middle[:, 0]).max() / np.abs(middle[:, 1]).max() - 2) < 0.02


def test_a_variant_keeps_the_facts_about_its_recordings(
    songs: tuple[Song, ...], tmp_path: Path
) -> None:
    facts = '{"split": "train", "packs": {"rumpf_kit": "1"}}'
    (songs[0].folder / "song.json").write_text(facts)
    (folder,) = write_variants([Variant(songs[0], 1, 0)], tmp_path, jobs=1)
    assert (folder / "song.json").read_text() == facts
    (written,) = find_songs(tmp_path)
    assert describe_data([written]) == describe_data([songs[0]])
    # Composed anew in place, from other recordings.
    (songs[0].folder / "song.json").write_text(facts.replace("rumpf_kit", "fluid"))
    with pytest.raises(OutputError, match="got other facts, expected those of"):
        list(write_variants([Variant(songs[0], 1, 0)], tmp_path, jobs=1))


def test_validation_tracks_have_no_variants(
    test_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(small(test_set, out)) == 0
    assert "2 variants of 1 songs" in capsys.readouterr().out
    training, validation = split_songs(find_songs(test_set, out))
    assert (len(training), len(validation)) == (3, 1)
    assert names(out) == ["train"] and len(names(out / "train")) == 2


def test_existing_variants_are_not_touched(
    test_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(small(test_set, out)) == 0
    first, second = sorted((out / "train").iterdir())
    before = (second / "mixture.wav").stat().st_mtime_ns
    content = (first / "vocals.wav").read_bytes()
    shutil.rmtree(first)
    capsys.readouterr()
    assert main(small(test_set, out)) == 0
    assert str(first) in (told := capsys.readouterr().out) and str(second) not in told
    assert (second / "mixture.wav").stat().st_mtime_ns == before
    assert (first / "vocals.wav").read_bytes() == content  # the same whenever it is made


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_broken_stem_leaves_nothing_half_done(
    test_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], jobs: int
) -> None:
    out = tmp_path / "out"
    (song,), _ = split_songs(find_songs(test_set))
    audio = np.zeros((song.samples, 2))
    audio[-1] = np.nan
    sf.write(song.path("vocals"), audio, SAMPLE_RATE, subtype="FLOAT")
    assert main([*small(test_set, out), "--jobs", str(jobs)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    assert "vocals.wav: got NaN or infinity" in error
    assert names(out / "train") == []


def test_processes_make_the_same(songs: tuple[Song, ...], tmp_path: Path) -> None:
    variants = make_grid(songs[:1], semitones=1, stretch=0.0)
    for jobs in (1, 2):
        assert len(list(write_variants(variants, tmp_path / str(jobs), jobs=jobs))) == 2
    for variant in variants:
        one, two = (tmp_path / jobs / "train" / variant.name for jobs in ("1", "2"))
        for path in one.iterdir():
            assert path.read_bytes() == (two / path.name).read_bytes()


def test_a_process_that_is_killed_ends_the_work(
    songs: tuple[Song, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mdx.processes._settle_in", os.abort)
    with pytest.raises(ProcessError, match="got a process that was killed"):
        list(write_variants(make_grid(songs, semitones=1, stretch=0.0), tmp_path, jobs=2))
    assert names(tmp_path / "train") == []


def test_a_full_disk_is_reported_before_the_work(
    songs: tuple[Song, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    one, two = make_grid(songs[:1], semitones=1, stretch=0.0)
    assert list(write_variants([one], out, jobs=1))
    size = sum(path.stat().st_size for path in (out / "train" / one.name).iterdir())
    assert size <= two.bytes < size + 5 * 4096 + 20  # what is needed is what is taken
    for free, fits in ((two.bytes, True), (two.bytes - 1, False)):
        monkeypatch.setattr(shutil, "disk_usage", lambda path, n=free: Disk(2**40, 0, n))
        if fits:
            shutil.rmtree(out / "train" / two.name, ignore_errors=True)
            assert len(list(write_variants([one, two], out, jobs=1))) == 1  # one is there
        else:
            shutil.rmtree(out / "train" / two.name)
            with pytest.raises(OutputError, match=r"GB of free disk, .* for 1 songs; make room"):
                list(write_variants([one, two], out, jobs=1))
            assert names(out / "train") == [one.name]


def test_variants_of_another_song_are_not_reused(songs: tuple[Song, ...], tmp_path: Path) -> None:
    (variant, _) = make_grid(songs[:1], semitones=1, stretch=0.0)
    list(write_variants([variant], tmp_path, jobs=1))
    other = Variant(Song("song 1", songs[1].folder, songs[1].samples), -1, 0)
    with pytest.raises(OutputError, match="choose another --out"):
        list(write_variants([other], tmp_path, jobs=1))


def test_an_interrupt_keeps_complete_songs(
    test_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    calls = []

    def interrupted(audio: np.ndarray, **how: float) -> np.ndarray:
        calls.append(how)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return audio

    monkeypatch.setattr(augment, "stretch_stem", interrupted)
    assert main(small(test_set, tmp_path / "out")) == 130
    assert "run the same command again" in capsys.readouterr().err
    assert len(names(tmp_path / "out" / "train")) == 1


def test_errors_take_one_line(
    test_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    (test_set / "song 1").rename(test_set / "BKS - Too Much")
    for arguments, told in (
        (command(tmp_path / "nowhere", tmp_path), "no song"),
        (command(test_set, tmp_path / "out"), "the test song 'BKS - Too Much'"),
        ([*command(test_set, tmp_path / "out"), "--jobs", "0"], "--jobs: got 0"),
    ):
        assert main(arguments) == 1
        error = capsys.readouterr().err
        assert told in error and error.startswith("error: ") and error.count("\n") == 1
    (test_set / "BKS - Too Much").rename(test_set / "song 1")
    assert main(small(test_set, tmp_path / "file")) == 1
    assert "expected a folder that can be written" in capsys.readouterr().err
