"""The audio that is read from a file: streams, channels, pipes, and a second decoder."""

import io
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile as sf

from mdx.audio.decoder import DecodeError
from mdx.audio.ffmpeg import FfmpegDecoder
from mdx.audio.layouts import downmix_matrix
from mdx.audio.libsndfile import LibsndfileDecoder
from mdx.audio.read import SongReader
from mdx.audio.spool import song_file
from mdx.errors import AudioError
from mdx.systems.spec import Audio
from tests.audio_files import RATE, encode, extensible_wav, tone
from tests.tiny import noise

HALF = np.sqrt(0.5)


def read(path: Path, *, downmix: bool = False, stream: int | None = None) -> Audio:
    """The whole song."""
    with SongReader(path, downmix=downmix, stream=stream) as song:
        return np.concatenate(list(song.blocks()), axis=1)


def pitch(audio: Audio) -> float:
    """The frequency of the loudest bin, Hz."""
    spectrum = np.abs(np.fft.rfft(audio[0, 4410:39690] * np.hanning(35280)))
    return float(np.argmax(spectrum) * RATE / 35280)


def test_a_stream_is_chosen_by_its_number(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    songs = [0 * tone(1), tone(1, frequency=550)]
    encode(tmp_path / "song.mka", *songs, codec="flac")
    with caplog.at_level(logging.WARNING):
        assert not read(tmp_path / "song.mka").any()
        assert caplog.messages[0].endswith(
            "song.mka: audio stream 1 of 2 is read, and it is silent; --stream N takes another"
        )
        caplog.clear()
        assert abs(pitch(read(tmp_path / "song.mka", stream=2)) - 550) < 2
        assert not caplog.messages
    for number, message in ((3, r"got 2 audio streams, .*number 3"), (0, "got stream 0")):
        with pytest.raises(AudioError, match=message):
            read(tmp_path / "song.mka", stream=number)
    sf.write(tmp_path / "song.wav", tone(1).T, RATE)
    assert read(tmp_path / "song.wav", stream=1).shape == (2, RATE)
    with pytest.raises(AudioError, match=r"got 1 audio stream, .*number 2"):
        read(tmp_path / "song.wav", stream=2)


def test_downmix_goes_by_the_channel_mask(tmp_path: Path) -> None:
    left, right, low = (tone(0.1, frequency=f)[0] for f in (200.0, 300.0, 50.0))
    extensible_wav(tmp_path / "2.1.wav", np.stack([left, right, low]), 0x0B)
    got = read(tmp_path / "2.1.wav", downmix=True)
    np.testing.assert_allclose(got, [left, right], atol=2e-4)  # the low one is left out
    extensible_wav(tmp_path / "back.wav", np.stack([left, right, low]), 0x103)  # a rear centre
    mixed = (np.stack([left, right]) + HALF * low) / (1 + HALF)
    np.testing.assert_allclose(read(tmp_path / "back.wav", downmix=True), mixed, atol=2e-4)


def test_downmix_goes_by_the_layout_of_compressed_audio(tmp_path: Path) -> None:
    channels = np.zeros((6, RATE), np.float32)
    channels[2] = tone(1)[0]  # FL FR FC LFE BL BR: the centre
    encode(tmp_path / "song.opus", channels, codec="libopus", layout="5.1", rate=48000)
    left, right = read(tmp_path / "song.opus", downmix=True)[:, 5000:-5000]
    assert np.abs(left - right).max() < 1e-3 and np.abs(left).max() > 0.1


@pytest.mark.parametrize("channels", [9, 16, 40])
def test_many_channels_of_compressed_audio(tmp_path: Path, channels: int) -> None:
    # By FFmpeg: a WAV whose header does not know its length.
    path = tmp_path / "song.wav"
    sf.write(path, np.full((5000, channels), 0.5), RATE, subtype="FLOAT")
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = b"\xff" * 4
    path.write_bytes(content)
    np.testing.assert_allclose(read(path, downmix=True), np.full((2, 5000), 0.5), atol=1e-6)


def test_a_downmix_needs_no_known_place() -> None:
    for positions in (("LFE", "LFE2", "LFE"), ("", "", ""), ("FL", "SL", "BL")):
        np.testing.assert_allclose(downmix_matrix(positions).sum(axis=0), 1, atol=1e-6)


@pytest.mark.skipif(os.name == "nt", reason="named pipes are POSIX")
def test_a_pipe_is_read_like_its_file(tmp_path: Path) -> None:
    encode(tmp_path / "song.m4a", tone(1), codec="aac")
    content = (tmp_path / "song.m4a").read_bytes()
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(content,))
    writer.start()
    with song_file(tmp_path / "pipe") as copy:
        np.testing.assert_array_equal(read(copy), read(tmp_path / "song.m4a"))
    writer.join()
    assert not copy.exists()


def test_standard_input_is_a_song(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sf.write(tmp_path / "song.wav", noise(100).T, RATE)
    stdin = SimpleNamespace(
        buffer=io.BytesIO((tmp_path / "song.wav").read_bytes()), isatty=lambda: False
    )
    monkeypatch.setattr(sys, "stdin", stdin)
    with song_file(Path("-")) as copy:
        assert read(copy).shape == (2, 100)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    with pytest.raises(AudioError, match="a terminal"), song_file(Path("-")):
        pass


def test_if_one_decoder_fails_the_other_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    song = noise(150_000)
    sf.write(tmp_path / "song.flac", song.T, RATE, subtype="PCM_24")
    blocks = LibsndfileDecoder.blocks

    def fail_after_one(decoder: LibsndfileDecoder) -> Iterator[Audio]:
        yield next(blocks(decoder))
        raise DecodeError("lost sync")

    monkeypatch.setattr(LibsndfileDecoder, "blocks", fail_after_one)
    np.testing.assert_allclose(read(tmp_path / "song.flac"), song, atol=2**-23)
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.delitem(sys.modules, "mdx.audio.ffmpeg", raising=False)
    with pytest.raises(AudioError, match="a damaged file \\(lost sync\\)"):
        read(tmp_path / "song.flac")


def test_only_a_damaged_packet_is_lost_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    encode(tmp_path / "song.m4a", noise(5 * RATE), codec="aac", container="ipod")
    content = bytearray((tmp_path / "song.m4a").read_bytes())
    content[30_000:33_000] = np.random.default_rng(0).bytes(3000)
    (tmp_path / "song.m4a").write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert 4.5 * RATE < read(tmp_path / "song.m4a").shape[1] <= 5 * RATE
    assert "damaged packets left out: " in caplog.text


@pytest.mark.skipif(os.name == "nt", reason="names are UTF-16 there")
def test_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    for number, write in enumerate((b".wav", b".m4a")):
        plain = tmp_path / f"song{os.fsdecode(write)}"
        encode(plain, tone(1), codec=("pcm_s16le", "aac")[number])
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/mod\xe0" + write))
        os.rename(plain, path)  # noqa: PTH104
        assert read(path).shape == (2, RATE)


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{song}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nhttp://127.0.0.1:9/a\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{song}'\n",
        "ffconcat version 1.0\nfile 'song.mp3'\n",
    ],
)
def test_a_playlist_opens_nothing_else(tmp_path: Path, text: str) -> None:
    sf.write(tmp_path / "song.mp3", tone(1).T, RATE)
    (tmp_path / "list.mp3").write_text(text.format(song=tmp_path / "song.mp3"))
    with pytest.raises(AudioError, match="got no audio"):
        read(tmp_path / "list.mp3")


def test_integers_stored_as_floats_are_called_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sf.write(tmp_path / "song.wav", 32766 * tone(1).T, RATE, subtype="FLOAT")
    with caplog.at_level(logging.WARNING):
        assert np.abs(read(tmp_path / "song.wav")).max() > 10_000
    assert "peaks at 16383 times full scale" in caplog.text and "divide by 32768" in caplog.text


def test_files_are_closed(tmp_path: Path) -> None:
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("only Linux lists open files")
    script = (
        "import os, sys; from pathlib import Path; from mdx.audio.read import SongReader\n"
        "from mdx.errors import AudioError; counts = []\n"
        "for _ in range(6):\n"
        "    for name in sys.argv[1:]:\n"
        "        try:\n"
        "            with SongReader(Path(name)) as song: song.count()\n"
        "        except AudioError: pass\n"
        "    counts.append(len(os.listdir('/proc/self/fd')))\n"
        "print(counts[1] == counts[-1])"
    )
    encode(tmp_path / "song.m4a", tone(1), codec="aac")
    sf.write(tmp_path / "song.wav", tone(1).T, RATE)
    (tmp_path / "none.wav").write_text("no audio")
    (tmp_path / "none.mp3").write_bytes(b"ID3" + bytes(100))
    files = [str(path) for path in tmp_path.iterdir()]
    child = subprocess.run([sys.executable, "-c", script, *files], capture_output=True, text=True)
    assert child.stdout == "True\n", child.stderr


def test_a_stream_that_appears_mid_file_does_not_affect_others(tmp_path: Path) -> None:
    encode(tmp_path / "x.m4a", tone(1.0), codec="aac")
    first = FfmpegDecoder(tmp_path / "x.m4a")
    whole = sum(len(part) for part in first.blocks())
    first.close()
    decoder = FfmpegDecoder(tmp_path / "x.m4a")
    container = decoder._container

    def demux(stream: object) -> Iterator[object]:
        yield from container.demux(stream)
        raise IndexError("list index out of range")  # as PyAV does, flushing the new stream

    decoder._container = SimpleNamespace(demux=demux, close=container.close)
    assert sum(len(part) for part in decoder.blocks()) == whole > RATE // 2
    decoder.close()
