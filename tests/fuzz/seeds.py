"""Small sound files of each kind, from which mutation starts."""

import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import soundfile as sf
import yaml

from mdx.systems.spec import MODELS, SOURCES
from models.export import export_network
from tests.audio_files import encode, extensible_wav, tone, vbr_without_xing
from tests.tiny import TINY, tiny_network

ENCODED = (
    ("m4a", "aac", None), ("aac", "aac", "adts"), ("mp3", "libmp3lame", None),
    ("opus", "libopus", None), ("webm", "libopus", None), ("mka", "ac3", None),
    ("wma", "wmav2", None), ("ac3", "ac3", None), ("mp2", "mp2", None), ("alac", "alac", "ipod"),
    ("wv", "wavpack", None), ("tta", "tta", None), ("mkv", "flac", "matroska"),
    ("avi", "libmp3lame", "avi"), ("ts", "aac", "mpegts"), ("oga", "flac", "ogg"),
)  # fmt: skip
WRITTEN = (
    ("WAV", "PCM_16"), ("WAV", "IMA_ADPCM"), ("RF64", "PCM_24"), ("W64", "FLOAT"),
    ("AIFF", "PCM_16"), ("AU", "ULAW"), ("CAF", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"),
    ("VOC", "PCM_16"), ("SVX", "PCM_16"), ("NIST", "PCM_16"),
)  # fmt: skip


def songs(folder: Path) -> Iterator[bytes]:
    """A fifth of a second in every format."""
    song = tone(0.2, rate=48000)
    for number, (suffix, codec, container) in enumerate(ENCODED):
        path = folder / f"{number}.{suffix}"
        encode(path, song, codec=codec, container=container, rate=48000)
        yield path.read_bytes()
    for kind, subtype in WRITTEN:
        buffer = io.BytesIO()
        sf.write(buffer, song.T[:, :1], 22050, subtype=subtype, format=kind)
        yield buffer.getvalue()
    vbr_without_xing(folder / "vbr.mp3", song)
    extensible_wav(folder / "six.wav", np.concatenate([song] * 3), 0x3F)
    for name in ("vbr.mp3", "six.wav"):
        yield (folder / name).read_bytes()


def networks(folder: Path) -> Iterator[bytes]:
    """Two small networks."""
    for source in SOURCES[:2]:
        size = TINY[source]
        export_network(tiny_network(source), folder / "net.onnx", shape=(4, size.dim_f, size.dim_t))
        yield (folder / "net.onnx").read_bytes()


def systems(_: Path) -> Iterator[bytes]:
    """Our systems, the manifest, and a network of UVR's."""
    for path in (MODELS / "systems").glob("*.yaml"):
        yield path.read_bytes()
    yield (MODELS / "weights" / "manifest.yaml").read_bytes()[:3000]
    two = {"weights": "a.onnx", "n_fft": 6144, "primary": "Vocals", "secondary": "Instrumental"}
    yield yaml.safe_dump({"name": "a", "profile": "uvr", "two_stems": two}).encode()


def records(_: Path) -> Iterator[bytes]:
    """Records of UVR's model_data.json."""
    record = {
        "compensate": 1.035, "mdx_dim_f_set": 2048, "mdx_dim_t_set": 8, "mdx_n_fft_scale_set": 6144,
        "primary_stem": "Vocals",
    }  # fmt: skip
    yield json.dumps({"0" * 32: record, "1" * 32: {"config_yaml": "a.yaml"}}).encode()


SEEDS: Mapping[str, Callable[[Path], Iterator[bytes]]] = MappingProxyType({
    "audio": songs, "onnx": networks, "yaml": systems, "json": records,
})  # fmt: skip
