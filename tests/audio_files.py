"""Songs in any format, encoded with PyAV or soundfile."""

import struct
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile as sf

from mdx.audio.read import SongReader
from mdx.systems.spec import Audio

RATE = 44100


def tone(seconds: float, *, rate: int = RATE, frequency: float = 440.0) -> Audio:
    """A stereo sine of half of full scale. Shape: (2, samples)."""
    time = np.arange(round(seconds * rate)) / rate
    wave = 0.5 * np.sin(2 * np.pi * frequency * time)
    return np.stack([wave, wave]).astype(np.float32)


def encode(
    path: Path, *songs: Audio, codec: str, rate: int = RATE, layout: str = "stereo",
    container: str | None = None,
) -> None:  # fmt: skip
    """Write a file with an audio stream for each song. Shape: (channels, samples) each."""
    if codec == "vorbis":  # FFmpeg's own encoder is poor
        (song,) = songs
        sf.write(path, song.T, rate, format="OGG")
        return
    with av.open(str(path), "w", format=container) as file:
        streams: list[Any] = [file.add_stream(codec, rate=rate, layout=layout) for _ in songs]
        for stream in streams:
            stream.bit_rate = 128_000
        for stream, song in zip(streams, songs, strict=True):
            kind = stream.codec_context.codec.audio_formats[0].name
            resampler = av.AudioResampler(kind, layout, rate, stream.codec_context.frame_size or 0)
            whole = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(song, dtype=np.float32), format="fltp", layout=layout
            )
            whole.sample_rate, whole.pts = rate, 0
            for frame in [*resampler.resample(whole), *resampler.resample(None), None]:
                for packet in stream.encode(frame):
                    file.mux(packet)


def cut(path: Path, share: float) -> None:
    """Cut off the end of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])


def vbr_without_xing(path: Path, song: Audio) -> None:
    """Write an MP3 of variable bit rate that does not state its length."""
    options = {"bitrate_mode": "VARIABLE", "compression_level": 0.3}
    sf.write(path, song.T, RATE, format="MP3", **options)
    content = path.read_bytes()
    for tag in (b"Xing", b"Info"):
        content = content.replace(tag, bytes(4), 1)
    path.write_bytes(content)


def extensible_wav(path: Path, channels: Audio, mask: int) -> None:
    """Write a 16-bit WAV with a channel mask. Shape: (channels, samples)."""
    count = len(channels)
    guid = b"\1\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
    sizes = (0xFFFE, count, RATE, RATE * 2 * count, 2 * count, 16, 22, 16, mask)
    head = struct.pack("<HHIIHHHHI", *sizes) + guid
    pcm = (channels.T * 32767).astype("<i2").tobytes()
    body = b"WAVEfmt " + struct.pack("<I", len(head)) + head
    body += b"data" + struct.pack("<I", len(pcm)) + pcm
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)


def read(path: Path, stream: int | None = None) -> Audio:
    """The whole song, whose length must equal the counted one."""
    with SongReader(path, stream=stream) as song:
        counted = song.count()
        audio = np.concatenate(list(song.blocks()), axis=1)
    assert audio.shape[1] == counted
    return audio
