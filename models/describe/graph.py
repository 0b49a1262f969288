"""Reads the description of a network from its ONNX file."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from mdx.errors import NetworkError
from mdx.estimators.spectrogram import check_layout
from mdx.runtimes.onnx import OnnxNetwork
from mdx.systems.file_kinds import check_whole
from mdx.systems.protobuf import fields

TAIL = 10_000 * 1024  # bytes at a file's end by which UVR identifies it
# Fields of the file's outermost message, by number; source: onnx.proto.
PRODUCER, PRODUCER_VERSION, OPSETS = 2, 3, 8
DOMAIN, VERSION = 1, 2  # of an opset


@dataclass(frozen=True)
class Graph:
    """The sizes and the origin of one network."""

    dim_f: int  # frequency bins
    dim_t: int  # frames
    precision: str  # float32 or int8
    opset: int | None  # of ONNX's standard operators
    producer: str  # empty if the file does not say


def read_content(path: Path) -> bytes:
    """All bytes of a network's file; raises NetworkError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise NetworkError(path, got=error.strerror, expected="an ONNX file") from error


def uvr_hash(content: bytes) -> str:
    """MD5 of a file's last 10,240,000 bytes, or of all where it has fewer, in hex digits.

    Source: Ultimate Vocal Remover, which finds a model's settings by it.
    """
    return hashlib.md5(content[-TAIL:], usedforsecurity=False).hexdigest()


def read_graph(content: bytes, path: Path) -> Graph:
    """Read a network from its file's bytes.

    Raises NetworkError where it is no MDX-Net, WeightsError where its weights are in another file.
    """
    if content.startswith(b"ORTM", 4):
        raise NetworkError(
            path, got="a network in onnxruntime's own format", expected="an ONNX file"
        )
    check_whole(path, memoryview(content))
    network = OnnxNetwork(content, str(path), threads=1)
    opset, producer = None, ["", ""]
    for number, value in fields(memoryview(content)):
        if isinstance(value, int):
            continue
        if number in (PRODUCER, PRODUCER_VERSION):
            producer[number - PRODUCER] = bytes(value).decode(errors="replace")
        elif number == OPSETS:
            imported = dict(fields(value))
            domain, version = imported.get(DOMAIN, b""), imported.get(VERSION)
            if domain in (b"", b"ai.onnx") and isinstance(version, int):
                opset = version
    origin = " ".join(" ".join(producer).split())  # one line, whatever it contains
    if len(network.output.shape) == 5:
        raise NetworkError(
            path, got="a network of several stems", expected="one stem, as UVR's have",
            hint="docs/own-networks.md describes how to write the system of another",
        )  # fmt: skip
    dim_f, dim_t = check_layout(str(path), network)
    return Graph(dim_f, dim_t, network.precision, opset, origin)
