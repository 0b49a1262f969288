"""What a file in the place of a weights file is: a complete network, or something else."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from mdx.errors import WeightsError
from mdx.systems.onnx_file import external_tensor

HEAD = 512  # first bytes that identify files other than weights
STAND_INS: Mapping[str, tuple[bytes, ...]] = MappingProxyType({
    "a git-lfs pointer, which stands for the file": (b"version https://git-lfs.github.com/",),
    "an HTML page": (b"<!doctype html", b"<html"),
})  # fmt: skip


def kind_of(head: bytes) -> str | None:
    """What a file in the place of a weights file is, by its first bytes; None: unknown."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return next((kind for kind, marks in STAND_INS.items() if start.startswith(marks)), None)


def check_whole(path: Path, content: memoryview) -> None:
    """Raise WeightsError for an ONNX file that keeps weights in another file.

    The manifest knows this file only: the other one would not be verified. A file that is not ONNX
    at all is left to the runtime, which reports it.
    """
    if path.suffix != ".onnx":
        return
    try:
        name = external_tensor(content)
    except ValueError:
        return
    if name is not None:
        raise WeightsError(
            path, got=f"a network that keeps its weights in another file (tensor '{name}')",
            expected="one file that holds all of them",
            hint="onnx.save_model(onnx.load(FILE), FILE) puts them inside",
        )  # fmt: skip
