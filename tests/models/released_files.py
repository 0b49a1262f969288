"""The released files of a small system, and the folder to which they are fetched."""

import hashlib
import zipfile
from io import BytesIO
from pathlib import Path

from mdx.systems.spec import SOURCES

NETS = {source: f"the network of {source}".encode() * 9000 for source in SOURCES}
MIXER, CHECKPOINT = b"a mixer", b"a companion" * 1000


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def files_of(folder: Path) -> set[str]:
    paths = {path for path in folder.rglob("*") if path.is_file()}
    return {str(path.relative_to(folder)) for path in paths} - {"mine.yaml", "manifest.yaml"}


WHOLE = {*(f"mine/{source}.onnx" for source in NETS), "mine/mixer.ckpt", "other/demucs.th"}
