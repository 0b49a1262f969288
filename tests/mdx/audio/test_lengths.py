"""Uncompressed files and FLAC whose headers state no length, or a wrong one."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from mdx.audio.read import SongReader
from mdx.audio.riff import has_unknown_length
from mdx.errors import AudioError
from tests.audio_files import RATE, read
from tests.tiny import noise


def test_a_flac_of_unknown_length(tmp_path: Path) -> None:
    song = noise(100_000)
    sf.write(tmp_path / "song.flac", song.T, RATE, subtype="PCM_24")
    content = bytearray((tmp_path / "song.flac").read_bytes())
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    (tmp_path / "song.flac").write_bytes(content)
    np.testing.assert_allclose(read(tmp_path / "song.flac"), song, atol=2**-23)


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0xFFFFFFFF])
@pytest.mark.parametrize("kind", ["WAV", "RF64"])
def test_a_wav_of_unknown_length(tmp_path: Path, kind: str, size: int) -> None:
    song = noise(1000)
    path = tmp_path / "song.wav"
    sf.write(path, song.T, RATE, subtype="FLOAT", format=kind)
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = struct.pack("<I", size)
    if kind == "RF64":
        content[20:44] = bytes(24)  # riff size, data size and samples of its ds64
    path.write_bytes(content)
    assert has_unknown_length(path)
    np.testing.assert_array_equal(read(path), song)


@pytest.mark.parametrize("size", [36, 40_000])
def test_a_wav_that_tells_of_its_first_part_only(tmp_path: Path, size: int) -> None:
    song, path = noise(50_000), tmp_path / "song.wav"
    sf.write(path, song.T, RATE, subtype="FLOAT")
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = struct.pack("<I", size)
    path.write_bytes(content)
    np.testing.assert_array_equal(read(path), song)


@pytest.mark.parametrize(
    "end", [b"TAG" + bytes(125), bytes(9999), b"\xff\xfe" * 500, b"ID3" * 3000]
)
def test_data_after_the_audio_of_a_wav_is_ignored(tmp_path: Path, end: bytes) -> None:
    path = tmp_path / "song.wav"
    sf.write(path, noise(10_000).T, RATE)
    path.write_bytes(path.read_bytes() + end)
    assert read(path).shape[1] == 10_000


@pytest.mark.parametrize("joined", [False, True])
def test_a_flac_that_tells_of_its_first_part_only(tmp_path: Path, joined: bool) -> None:
    song, path = noise(100_000), tmp_path / "song.flac"
    sf.write(path, song.T, RATE, subtype="PCM_24")
    content = bytearray(path.read_bytes())
    if joined:
        content = content + content
    else:
        content[22:26] = struct.pack(">I", 40_000)
    path.write_bytes(content)
    with SongReader(path) as reader:
        got = np.concatenate(list(reader.blocks()), axis=1)
    np.testing.assert_allclose(got, np.tile(song, 1 + joined), atol=2**-23)


@pytest.mark.parametrize(
    ("kind", "places"),
    [("AU", [(8, 12)]), ("CAF", [(4, 12)]), ("AIFF", [(4, 8)]), ("W64", [(16, 24)])],
)
@pytest.mark.parametrize("samples", [1000, 100_000])
def test_a_length_of_zero_in_other_containers(
    tmp_path: Path, kind: str, places: list[tuple[int, int]], samples: int
) -> None:
    song, path = noise(samples), tmp_path / "song"
    sf.write(path, song.T, RATE, subtype="FLOAT", format=kind)
    content = bytearray(path.read_bytes())
    name = {"CAF": b"data", "AIFF": b"SSND", "W64": b"data\xf3\xac"}.get(kind, b"")
    for start, end in places:
        content[content.index(name) + start : content.index(name) + end] = bytes(end - start)
    path.write_bytes(content)
    np.testing.assert_array_equal(read(path), song)


def test_an_overflown_size_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    sf.write(path, noise(1000).T, RATE)
    assert not has_unknown_length(path)
    with path.open("r+b") as file:
        file.truncate(2**32 + 4000)  # sparse: no disk is needed
    assert has_unknown_length(path)


def test_an_empty_wav_with_a_chunk_behind_its_data_stays_empty(tmp_path: Path) -> None:
    path = tmp_path / "song.wav"
    sf.write(path, np.zeros((0, 2)), RATE)
    path.write_bytes(path.read_bytes() + b"LIST\x04\0\0\0INFO")
    assert not has_unknown_length(path)
    with pytest.raises(AudioError, match="0 samples"):
        read(path)
