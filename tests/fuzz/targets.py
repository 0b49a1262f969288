"""What is done with a mutated file: nothing but one of our own errors may come of it."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

from mdx.audio.read import SongReader
from mdx.audio.tags import read_tags
from mdx.errors import MdxError
from mdx.runtimes.onnx import OnnxNetwork
from mdx.systems.find import read_system
from mdx.systems.manifest import MANIFEST, read_manifest
from mdx.systems.onnx_file import external_tensor
from models.describe.records import find_record


def read_song(content: bytes, folder: Path) -> None:
    """Count a song's samples, and read its tags."""
    path = folder / "song"
    path.write_bytes(content)
    with suppress(MdxError), SongReader(path, downmix=True) as song:
        song.count()
    with read_tags(path).cover():
        pass


def load_network(content: bytes, _: Path) -> None:
    """Look for weights that lie elsewhere, and load what is there."""
    with suppress(ValueError):
        external_tensor(memoryview(content))
    with suppress(MdxError):
        OnnxNetwork(content, "network", threads=1)


def read_yaml(content: bytes, folder: Path) -> None:
    """Take a file for a system's description, and for a manifest."""
    for name in ("system.yaml", MANIFEST):
        (folder / name).write_bytes(content)
    with suppress(MdxError):
        read_system(folder / "system.yaml")
    with suppress(MdxError):
        read_manifest(folder)


def read_records(content: bytes, folder: Path) -> None:
    """Look a network up in a file of records."""
    path = folder / "model_data.json"
    path.write_bytes(content)
    for number in ("0", "1"):
        with suppress(MdxError):
            find_record(path, number * 32)


TARGETS: Mapping[str, Callable[[bytes, Path], None]] = MappingProxyType({
    "audio": read_song, "onnx": load_network, "yaml": read_yaml, "json": read_records,
})  # fmt: skip
