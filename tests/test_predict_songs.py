"""`predict.py` on the user's own songs, and on bad input."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import yaml

from mdx.systems.find import system_names
from mdx.systems.spec import SAMPLE_RATE, SOURCES
from tests.mdx.cli.kit import write_long_song
from tests.predicting import ROOT, run
from tests.tiny import noise


def test_the_user_s_own_songs(tiny_system: Path, song: Path, tmp_path: Path) -> None:
    second = song.with_name("another.flac")
    sf.write(second, noise(9000)[0], 22050)
    out = tmp_path / "out"
    child = run(song, second, "-o", out, "--system", tiny_system, "--int24")
    assert child.returncode == 0, child.stderr
    assert child.stdout.splitlines() == [str(out / "song"), str(out / "another")]
    for name, rate, samples in (("song", SAMPLE_RATE, SAMPLE_RATE // 2), ("another", 22050, 9000)):
        assert {path.name for path in (out / name).iterdir()} == {f"{s}.wav" for s in SOURCES}
        info = sf.info(out / name / "vocals.wav")
        assert (info.samplerate, info.frames, info.subtype) == (rate, samples, "PCM_24")


def test_single_stems_are_made_without_the_mixer(
    tiny_copy: Path, song: Path, tmp_path: Path
) -> None:
    wanted = ["--source", "vocals", "--source", "drums"]
    child = run(song, "-o", tmp_path, "--system", tiny_copy, *wanted, "--int24")
    assert child.returncode == 0, child.stderr
    assert {path.name for path in (tmp_path / "song").iterdir()} == {"vocals.wav", "drums.wav"}
    system = yaml.safe_load(tiny_copy.read_text())
    del system["combine"]
    tiny_copy.write_text(yaml.safe_dump(system))
    assert run(song, "-o", tmp_path / "all", "--system", tiny_copy, "--int24").returncode == 0
    for source in ("vocals", "drums"):
        alone, together = (
            (folder / "song" / f"{source}.wav").read_bytes()
            for folder in (tmp_path, tmp_path / "all")
        )
        assert alone == together


def test_quality_json_stays_as_long_as_its_stems(tiny_system: Path, tmp_path: Path) -> None:
    song = tmp_path / "song.wav"
    sf.write(song, noise(9000)[0], 22050)
    options = ["-o", tmp_path, "--system", tiny_system]
    quality = tmp_path / "song" / "quality.json"
    assert run(song, *options, "--limit", "600").returncode == 0
    assert json.loads(quality.read_text())["sources"] == list(SOURCES)
    assert run(song, *options, "--source", "vocals").returncode == 0
    assert quality.exists()  # of three stems that are still there
    assert run(song, *options, "--source", "vocals", "--limit", "600").returncode == 0
    assert json.loads(quality.read_text())["sources"] == ["vocals"]
    assert run(song, *options).returncode == 0
    assert not quality.exists()
    assert sf.info(tmp_path / "song" / "vocals.wav").frames == 9000


@pytest.mark.parametrize("arguments", [["--system", "nosuch"], ["-o", "x"], ["--int24"]])
def test_options_without_a_song_do_not_start_the_challenge(arguments: list[str]) -> None:
    child = run(*arguments)
    assert child.returncode == 2 and "name at least one FILE" in child.stderr


def test_one_bad_song_does_not_lose_the_others(
    tiny_system: Path, song: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    child = run(tmp_path / "nosuch.wav", song, "-o", out, "--system", tiny_system)
    assert child.returncode == 1
    assert child.stderr.startswith("error: ") and "nosuch.wav: got no such file" in child.stderr
    assert [path.name for path in out.iterdir()] == ["song"]


def _nan(path: Path) -> None:
    mix = noise(300_000)
    mix[0, 299_999] = np.nan  # found only when most of the song is separated
    sf.write(path, mix.T, SAMPLE_RATE, subtype="FLOAT")


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


BAD_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: path.unlink(), "no such file"),
    "no audio": (lambda path: path.write_text("hello " * 99), "got no audio"),
    "zero bytes": (lambda path: path.write_bytes(b""), "an empty file"),
    "zero samples": (lambda path: sf.write(path, np.zeros((0, 2)), 44100), "0 samples"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:99_999]), "truncated"),
    "nan": (_nan, "NaN or infinity at sample 299999"),
    "six channels": (lambda path: sf.write(path, np.ones((99, 6)), 44100), "6 channels"),
    "directory": (_directory, "a folder without audio"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_song_is_one_line_and_leaves_nothing(
    kind: str, tiny_system: Path, tmp_path: Path
) -> None:
    change, message = BAD_FILES[kind]
    path = tmp_path / "song.wav"
    sf.write(path, noise(30_000).T, SAMPLE_RATE, subtype="FLOAT")
    change(path)
    child = run(path, "-o", tmp_path / "out", "--system", tiny_system)
    assert child.returncode == 1
    lines = child.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ") and message in lines[0]
    assert not list((tmp_path / "out").rglob("*"))


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM ends a process at once there")
def test_a_terminated_run_leaves_nothing(tiny_system: Path, tmp_path: Path) -> None:
    song, out = tmp_path / "song.wav", tmp_path / "out"
    write_long_song(song)
    command = [sys.executable, str(ROOT / "predict.py"), str(song), "-o", str(out)]
    with subprocess.Popen(
        [*command, "--system", str(tiny_system)], stderr=subprocess.PIPE, text=True
    ) as child:
        while child.poll() is None and not list(out.rglob("*.part")):
            time.sleep(0.01)
        child.terminate()
        _, error = child.communicate(timeout=60)
    assert child.returncode == 128 + signal.SIGTERM
    assert error == "interrupted: the unfinished song has no stems\n"
    assert not list(out.rglob("*"))


def test_a_song_named_dot_dot_stays_in_its_folder(tiny_system: Path, tmp_path: Path) -> None:
    path = tmp_path / "...wav"  # its stem is ".."
    sf.write(path, noise(100).T, SAMPLE_RATE, format="WAV")
    child = run(path, "-o", tmp_path / "a" / "b", "--system", tiny_system)
    assert child.returncode == 1 and "track name" in child.stderr
    assert not (tmp_path / "a").exists()


def test_the_wrong_system_lists_the_right_ones(song: Path, tmp_path: Path) -> None:
    child = run(song, "-o", tmp_path / "out", "--system", "nosuch")
    assert child.returncode == 1
    assert child.stderr == (
        f"error: system: got 'nosuch', expected one of {', '.join(system_names())}; "
        "or give the path of a system's .yaml file\n"
    )
