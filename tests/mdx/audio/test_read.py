import struct
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile as sf

from mdx.audio.read import BLOCK, SongReader
from mdx.audio.resample import resample
from mdx.errors import AudioError
from mdx.systems.spec import Audio
from tests.tiny import noise


def read(path: Path, *, downmix: bool = False) -> tuple[Audio, int]:
    """The whole song through its blocks."""
    with SongReader(path, downmix=downmix) as song:
        return np.concatenate(list(song.blocks()), axis=1), song.sample_rate


@pytest.mark.parametrize(
    ("name", "subtype", "error"),
    [
        ("a.wav", "PCM_16", 2**-15),
        ("a.wav", "PCM_24", 2**-23),
        ("a.wav", "PCM_32", 2**-24),
        ("a.wav", "FLOAT", 0),
        ("a.flac", "PCM_24", 2**-23),
        ("a.aiff", "PCM_16", 2**-15),
    ],
)
def test_lossless_files_are_read_to_their_last_bit(
    tmp_path: Path, name: str, subtype: str, error: float
) -> None:
    mix = noise(2 * BLOCK + 17)
    sf.write(tmp_path / name, mix.T, 48000, subtype=subtype)
    got, rate = read(tmp_path / name)
    assert rate == 48000 and got.dtype == np.float32 and got.shape == mix.shape
    assert np.abs(got - mix).max() <= error


@pytest.mark.parametrize("name", ["a.ogg", "a.mp3"])
def test_lossy_files_sound_alike(tmp_path: Path, name: str) -> None:
    time = np.arange(44100) / 44100
    mix = 0.5 * np.stack([np.sin(2 * np.pi * 440 * time), np.sin(2 * np.pi * 550 * time)])
    sf.write(tmp_path / name, mix.T, 44100)
    got, _ = read(tmp_path / name)
    assert got.shape == mix.shape
    assert np.corrcoef(got[0], mix[0])[0, 1] > 0.99


def write_aac(path: Path, mix: Audio, rate: int) -> None:
    """Encode an m4a file, which libsndfile cannot read."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=rate, layout="stereo")
        for start in range(0, mix.shape[1], 1024):
            block = np.ascontiguousarray(mix[:, start : start + 1024])
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def test_m4a_goes_through_pyav(tmp_path: Path) -> None:
    time = np.arange(48000) / 48000
    mix = 0.5 * np.stack([np.sin(2 * np.pi * 440 * time)] * 2).astype(np.float32)
    write_aac(tmp_path / "a.m4a", mix, 48000)
    got, rate = read(tmp_path / "a.m4a")
    assert rate == 48000 and abs(got.shape[1] - 48000) <= 3 * 1024  # AAC pads to whole frames
    spectrum = np.abs(np.fft.rfft(got[0][2048 : 2048 + 32768] * np.hanning(32768)))
    assert abs(np.argmax(spectrum) * 48000 / 32768 - 440) < 2


def test_pcm_is_read_where_pyav_cannot_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sf.write(tmp_path / "a.wav", noise(100).T, 44100)
    sf.write(tmp_path / "a.mp3", noise(100).T, 44100)
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.delitem(sys.modules, "mdx.audio.ffmpeg", raising=False)
    assert read(tmp_path / "a.wav")[0].shape == (2, 100)
    with pytest.raises(AudioError, match="pip install av"):
        read(tmp_path / "a.mp3")


@pytest.mark.parametrize("suffix", ["wav", "mp3", "flac", "m4a"])
def test_an_empty_file_is_called_empty(
    tmp_path: Path, suffix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"x.{suffix}"
    path.touch()
    with pytest.raises(AudioError, match="got an empty file, expected an audio file"):
        read(path)
    assert capfd.readouterr() == ("", "")


def test_a_file_without_audio_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(b"no audio at all " * 100)
    with pytest.raises(AudioError, match=r"x\.wav: got no audio"):
        read(tmp_path / "x.wav")


def test_a_raw_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.raw").write_bytes(bytes(1000))
    with pytest.raises(AudioError, match="no audio"):
        read(tmp_path / "x.raw")


def test_a_video_without_sound_is_refused(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "x.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(AudioError, match="no audio stream"):
        read(tmp_path / "x.mp4")


def test_missing_file_and_directory(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="no such file"):
        read(tmp_path / "x.wav")
    with pytest.raises(AudioError, match="a directory"):
        read(tmp_path)


def test_zero_samples(tmp_path: Path) -> None:
    sf.write(tmp_path / "x.wav", np.zeros((0, 2)), 44100)
    with pytest.raises(AudioError, match="got 0 samples"):
        read(tmp_path / "x.wav")


@pytest.mark.parametrize("rate", [1, 999, 2**31 - 1])
def test_a_sample_rate_that_no_song_has(tmp_path: Path, rate: int) -> None:
    sf.write(tmp_path / "x.wav", noise(100).T, rate)
    with pytest.raises(AudioError, match=f"sample rate {rate} Hz"):
        read(tmp_path / "x.wav")


@pytest.mark.parametrize("name", ["x.wav", "x.aiff", "x.flac", "x.rf64", "x.w64", "x.au", "x.mp3"])
def test_truncated(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    sf.write(path, noise(50_000).T, 44100)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(AudioError, match=r"truncated|damaged"):
        read(path)


def test_a_wav_from_a_pipe_does_not_count_as_truncated(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    mix = noise(1000)
    sf.write(path, mix.T, 44100, subtype="FLOAT")
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = struct.pack("<I", 0xFFFFFFFF)
    content[4:8] = struct.pack("<I", 0xFFFFFFFF)
    path.write_bytes(content)
    np.testing.assert_array_equal(read(path)[0], mix)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_found_anywhere(tmp_path: Path, value: float) -> None:
    mix = noise(BLOCK + 100)
    mix[1, BLOCK + 50] = value
    sf.write(tmp_path / "x.wav", mix.T, 44100, subtype="FLOAT")
    with pytest.raises(AudioError, match=f"NaN or infinity at sample {BLOCK + 50}"):
        read(tmp_path / "x.wav")


def test_more_than_two_channels_need_downmix(tmp_path: Path) -> None:
    left, right, centre, lfe, back_left, back_right = noise(6 * 100).reshape(12, 100)[:6]
    channels = np.stack([left, right, centre, lfe, back_left, back_right])
    sf.write(tmp_path / "x.wav", channels.T, 44100, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"got 6 channels, .*--downmix"):
        read(tmp_path / "x.wav")
    got, _ = read(tmp_path / "x.wav", downmix=True)
    half = np.sqrt(0.5)
    expected_left = (left + half * centre + half * back_left) / (1 + 2 * half)
    expected_right = (right + half * centre + half * back_right) / (1 + 2 * half)
    np.testing.assert_allclose(got, [expected_left, expected_right], atol=1e-6)


def test_full_scale_on_any_number_of_channels_does_not_clip(tmp_path: Path) -> None:
    for channels in range(3, 11):
        sf.write(tmp_path / "x.wav", np.ones((50, channels)), 44100, subtype="FLOAT")
        got, _ = read(tmp_path / "x.wav", downmix=True)
        np.testing.assert_allclose(got, 1, atol=1e-6, err_msg=str(channels))


def test_resampling_in_blocks_equals_resampling_at_once() -> None:
    audio = np.stack([noise(30_000), noise(30_000, seed=1)])  # (2, 2, n)
    rng = np.random.default_rng(0)
    cuts = np.sort(rng.integers(0, 30_000, 20))
    blocks = np.split(audio, cuts, axis=-1)
    whole = np.concatenate(list(resample([audio], 44100, 48000)), axis=-1)
    parts = np.concatenate(list(resample(blocks, 44100, 48000)), axis=-1)
    assert whole.shape[:2] == (2, 2) and abs(whole.shape[2] - 30_000 * 48000 / 44100) <= 1
    np.testing.assert_allclose(parts, whole, atol=1e-6)
