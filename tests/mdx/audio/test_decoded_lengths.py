"""Compressed files: joined, truncated, damaged, or padded by their encoder."""

import logging
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from mdx.errors import AudioError
from tests.audio_files import RATE, cut, encode, read, tone, vbr_without_xing
from tests.tiny import noise

FRAME = 1152  # samples of an MP3 frame


@pytest.mark.parametrize("loud_first", [True, False])
def test_a_vbr_mp3_without_its_header_is_read_to_its_end(tmp_path: Path, loud_first: bool) -> None:
    parts = [noise(4 * RATE), np.zeros((2, 6 * RATE), np.float32)]
    song = np.concatenate(parts if loud_first else parts[::-1], axis=1)
    vbr_without_xing(tmp_path / "song.mp3", song)
    assert 0 <= read(tmp_path / "song.mp3").shape[1] - song.shape[1] <= 3 * FRAME


def test_a_chain_of_ogg_streams_is_read_to_its_end(tmp_path: Path) -> None:
    links = []
    for frequency in (440.0, 550.0):
        sf.write(tmp_path / "link.ogg", tone(2, frequency=frequency).T, RATE)
        links.append((tmp_path / "link.ogg").read_bytes())
    (tmp_path / "song.ogg").write_bytes(b"".join(links))
    got = read(tmp_path / "song.ogg")
    assert abs(got.shape[1] - 4 * RATE) <= 1024
    for start, frequency in ((RATE, 440), (3 * RATE, 550)):
        spectrum = np.abs(np.fft.rfft(got[0, start : start + RATE // 2]))
        assert abs(2 * np.argmax(spectrum) - frequency) <= 2


def test_joined_mp3s_are_read_to_their_end(tmp_path: Path) -> None:
    sf.write(tmp_path / "one.mp3", tone(2).T, RATE)
    (tmp_path / "two.mp3").write_bytes((tmp_path / "one.mp3").read_bytes() * 2)
    assert 0 <= read(tmp_path / "two.mp3").shape[1] - 4 * RATE <= 3 * FRAME


@pytest.mark.parametrize(
    ("name", "codec", "container"),
    [
        ("aac.mp3", "aac", "adts"),
        ("m4a.mp3", "aac", "ipod"),
        ("mp3.wav", "libmp3lame", "wav"),
        ("wav.mp3", "pcm_s16le", "wav"),
        ("opus.wav", "libopus", "ogg"),
    ],
)
def test_a_name_of_another_format_does_not_matter(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, codec: str, container: str
) -> None:
    rate = 48000
    encode(tmp_path / name, tone(1, rate=rate), codec=codec, container=container, rate=rate)
    assert abs(read(tmp_path / name).shape[1] - rate) <= 3 * FRAME
    assert capfd.readouterr().err == ""  # no decoder's chatter


def test_an_mp3_with_a_picture_at_its_end(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    vbr_without_xing(tmp_path / "song.mp3", tone(2))
    picture = b"\x89PNG" + np.random.default_rng(0).bytes(30_000)
    tags = b"APETAGEX" + bytes(24) + b"Cover Art (Front)\0" + picture
    (tmp_path / "song.mp3").write_bytes((tmp_path / "song.mp3").read_bytes() + tags)
    assert 0 <= read(tmp_path / "song.mp3").shape[1] - 2 * RATE <= 6 * FRAME
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("name", "codec", "excess"),
    [
        ("song.mp3", "libmp3lame", 0),
        ("song.opus", "libopus", 0),
        ("song.webm", "libopus", 0),
        ("song.m4a", "aac", 48),  # its duration is in milliseconds
        ("song.ogg", "vorbis", 0),
    ],
)
@pytest.mark.parametrize("samples", [20_001, 60_000, 100_000])
def test_delay_and_padding_of_the_encoder_are_dropped(
    tmp_path: Path, name: str, codec: str, excess: int, samples: int
) -> None:
    rate = 48000
    song = tone(samples / rate, rate=rate)
    encode(tmp_path / name, song, codec=codec, rate=rate)
    got = read(tmp_path / name)
    assert abs(got.shape[1] - samples) <= excess
    middle = slice(samples // 4, samples // 2)
    assert np.corrcoef(got[0, middle], song[0, middle])[0, 1] > 0.999


@pytest.mark.parametrize(
    ("name", "codec"),
    [("song.mka", "ac3"), ("song.webm", "libopus"), ("song.wma", "wmav2")],
)
def test_a_truncated_container_is_reported_with_both_lengths(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, codec: str
) -> None:
    encode(tmp_path / name, noise(3 * 48000), codec=codec, rate=48000)
    with caplog.at_level(logging.WARNING):
        whole = read(tmp_path / name).shape[1]
        assert not caplog.messages
        cut(tmp_path / name, 0.6)
        here = read(tmp_path / name).shape[1]
    assert whole > 2.9 * 48000 > 2.2 * 48000 > here
    told = [text for text in caplog.messages if "its container tells of" in text]
    assert len(told) == 1 and f"{here / 48000:.2f} s of audio" in told[0]  # once, in two passes


@pytest.mark.parametrize(("name", "codec"), [("song.ogg", "vorbis"), ("song.opus", "libopus")])
def test_a_truncated_ogg_is_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, codec: str
) -> None:
    encode(tmp_path / name, noise(5 * 48000), codec=codec, rate=48000)
    cut(tmp_path / name, 0.6)
    with caplog.at_level(logging.WARNING):
        here = read(tmp_path / name).shape[1]
    assert f"{here / 48000:.2f} s of audio, and then no end-of-stream mark" in caplog.text


def test_a_decoder_that_gives_up_says_both_lengths(tmp_path: Path) -> None:
    encode(tmp_path / "song.wv", noise(9 * RATE), codec="wavpack")
    cut(tmp_path / "song.wv", 0.6)
    with pytest.raises(AudioError, match=r"a damaged file .* after [3-6]\.\d+ s, .*, 9\.00 s"):
        read(tmp_path / "song.wv")


def test_a_gap_in_an_ogg_is_reported_with_both_lengths(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "song.ogg"
    sf.write(path, noise(3 * RATE).T, RATE)
    content = path.read_bytes()
    pages = [place for place in range(len(content)) if content.startswith(b"OggS", place)]
    third = len(pages) // 3
    path.write_bytes(content[: pages[third]] + content[pages[-2] :])
    with caplog.at_level(logging.WARNING):
        assert read(path).shape[1] < 2.5 * RATE
    assert "its container tells of 3.00 s" in caplog.text


@pytest.mark.parametrize("subtype", ["ALAC_16", "ALAC_24"])
@pytest.mark.parametrize("samples", [44_100, 4_096, 5_000])
def test_alac_is_read_to_its_last_sample(tmp_path: Path, subtype: str, samples: int) -> None:
    song = tone(1)[:, :samples]
    sf.write(tmp_path / "song.caf", song.T, RATE, format="CAF", subtype=subtype)
    got = read(tmp_path / "song.caf")
    assert got.shape == song.shape and np.abs(got - song).max() < 1e-4
