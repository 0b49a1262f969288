import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile as sf

from mdx.audio.formats import Encoding
from mdx.audio.places import stem_paths
from mdx.audio.write import WAV_LIMIT, StemWriter
from mdx.errors import OutputError
from mdx.systems.spec import SOURCES, Audio


class Disk(NamedTuple):
    """The result of shutil.disk_usage, in bytes."""

    total: int
    used: int
    free: int


def random_stems(samples: int) -> Audio:
    """Four stems, loud enough to clip in places. Shape: (4, 2, samples)."""
    return np.random.default_rng(0).uniform(-1.2, 1.2, (4, 2, samples)).astype(np.float32)


def write(folder: Path, stems: Audio, subtype: str = "PCM_16") -> None:
    """Write stems in two blocks."""
    paths = stem_paths(folder)
    frames, encoding = stems.shape[2], Encoding(subtype=subtype)
    with StemWriter(paths, sample_rate=44100, frames=frames, encoding=encoding) as writer:
        writer.append(stems[:, :, :100])
        writer.append(stems[:, :, 100:])


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_files_are_what_soundfile_writes(tmp_path: Path, subtype: str) -> None:
    stems = random_stems(1000)
    write(tmp_path / "a" / "b", stems, subtype)
    for index, source in enumerate(SOURCES):
        path = tmp_path / "a" / "b" / f"{source}.wav"
        sf.write(tmp_path / "expected.wav", stems[index].T, 44100, subtype=subtype)
        got, expected = sf.read(path)[0], sf.read(tmp_path / "expected.wav")[0]
        np.testing.assert_array_equal(got, expected)
        assert sf.info(path).subtype == subtype
        assert path.stat().st_mode & 0o777 == (tmp_path / "expected.wav").stat().st_mode & 0o777
    assert len(list((tmp_path / "a" / "b").iterdir())) == 4


def test_clipping_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        write(tmp_path, random_stems(1000), "FLOAT")
        assert not caplog.messages
        write(tmp_path, random_stems(1000))
    assert len(caplog.messages) == 4 and "--float32" in caplog.messages[0]


@pytest.mark.parametrize(("peak", "place"), [(2.0, 0), (-2.0, 0), (2.0, 999), (-2.0, 999)])
def test_the_gain_follows_the_highest_peak_of_either_sign_in_any_block(
    tmp_path: Path, peak: float, place: int
) -> None:
    stems = random_stems(1000) * np.float32(0.25)
    stems[2, 1, place] = peak
    encoding, paths = Encoding(subtype="FLOAT", rescale=True), stem_paths(tmp_path)
    with StemWriter(paths, sample_rate=44100, frames=1000, encoding=encoding) as writer:
        writer.append(stems[:, :, :500])
        writer.append(stems[:, :, 500:])
    for index, source in enumerate(SOURCES):
        written = sf.read(tmp_path / f"{source}.wav", dtype="float32", always_2d=True)[0].T
        np.testing.assert_allclose(written, stems[index] / 2, atol=1e-6)


def test_an_exception_leaves_neither_files_nor_folders(tmp_path: Path) -> None:
    paths = stem_paths(tmp_path / "a" / "b")
    with (
        pytest.raises(KeyboardInterrupt),
        StemWriter(paths, sample_rate=44100, frames=10) as writer,
    ):
        writer.append(random_stems(10))
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_an_exception_keeps_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "vocals.wav").write_text("precious")
    with (
        pytest.raises(RuntimeError),
        StemWriter(stem_paths(tmp_path), sample_rate=44100, frames=10) as writer,
    ):
        writer.append(random_stems(10))
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["vocals.wav"]
    assert (tmp_path / "vocals.wav").read_text() == "precious"


def test_older_stems_are_replaced(tmp_path: Path) -> None:
    write(tmp_path, random_stems(500))
    write(tmp_path, random_stems(700))
    assert {path.name for path in tmp_path.iterdir()} == {f"{source}.wav" for source in SOURCES}
    assert sf.info(tmp_path / "bass.wav").frames == 700


@pytest.mark.parametrize("failing", range(1, 9))
def test_a_rename_that_fails_puts_everything_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    for source in SOURCES:
        (tmp_path / f"{source}.wav").write_text(f"old {source}")
    calls = 0
    replace = os.replace

    def break_once(old: Path, new: Path) -> None:
        nonlocal calls
        calls += 1
        if calls == failing:
            raise OSError(5, "Input/output error")
        replace(old, new)

    monkeypatch.setattr(os, "replace", break_once)
    with pytest.raises(OutputError, match="Input/output error"):
        write(tmp_path, random_stems(500))
    assert calls > failing or failing == 1
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        f"{source}.wav": f"old {source}" for source in SOURCES
    }


def test_a_stem_that_cannot_be_encoded_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(draft: Path, target: Path, *_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("mdx.audio.write.encode", fail)
    writer = StemWriter(
        stem_paths(tmp_path), sample_rate=44100, frames=500, encoding=Encoding("flac")
    )
    with pytest.raises(OutputError, match=r"bass\.wav: .*Input/output error"), writer:
        writer.append(random_stems(500))
    assert not list(tmp_path.iterdir())


def test_unwritable_output(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write(tmp_path / "file" / "out", random_stems(500))
    (tmp_path / "other.wav").mkdir()
    with pytest.raises(OutputError, match=r"other\.wav: got a directory"):
        write(tmp_path, random_stems(500))
    with pytest.raises(OutputError, match="File name too long"):
        write(tmp_path / ("x" * 300), random_stems(500))
    assert {path.name for path in tmp_path.iterdir()} == {"file", "other.wav"}


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from mdx.errors import OutputError
from mdx.audio.places import stem_paths
from mdx.audio.formats import Encoding
from mdx.audio.write import StemWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    with StemWriter(stem_paths(Path(sys.argv[1])), sample_rate=44100, frames=10**6) as writer:
        for _ in range(20):
            writer.append(np.zeros((4, 2, int(sys.argv[2])), dtype=np.float32))
except OutputError as error:
    print(error)
    sys.exit(3)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="only POSIX limits a file's size")
@pytest.mark.parametrize("block", [1000, 100_000])
def test_a_full_disk_leaves_nothing(tmp_path: Path, block: int) -> None:
    # A limit on the size of files makes writes fail as on a full disk.
    out = tmp_path / "out"
    child = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(out), str(block)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode == 3, child.stderr
    assert "cannot be written" in child.stdout and child.stdout.count("\n") == 1
    assert not out.exists()


def test_a_disk_too_small_is_found_out_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = 4 * 1000 * 2 * 2  # bytes: four stems of 1000 samples, two channels, 16 bits
    monkeypatch.setattr("mdx.audio.write.shutil.disk_usage", lambda folder: Disk(1, 1, free))
    write(tmp_path / "out", random_stems(1000))
    with pytest.raises(OutputError, match="got 0 MB of free disk, expected 1 MB for 4 stems"):
        write(tmp_path / "another", random_stems(1001))
    assert not (tmp_path / "another").exists()


def test_long_stems_are_written_as_rf64(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mdx.audio.write.shutil.disk_usage", lambda folder: Disk(1, 1, 2**40))
    frames = WAV_LIMIT // 4 + 1
    with StemWriter(stem_paths(tmp_path), sample_rate=44100, frames=frames) as writer:
        writer.append(random_stems(10))
    assert sf.info(tmp_path / "bass.wav").format == "RF64"
