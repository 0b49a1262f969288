"""A process that writes one download: a stem in another format, a mix, a true stem, a spectrum.

echo '{"kind": "stem", ...}' | python -m mdx.serve.export
"""

import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from mdx.audio.encode import encode
from mdx.audio.formats import Encoding
from mdx.audio.soundfiles import open_sound
from mdx.audio.tags import read_tags
from mdx.audio.write import StemWriter
from mdx.errors import MdxError
from mdx.files import replacing
from mdx.serve.originals import write_original
from mdx.serve.peaks import write_peaks
from mdx.serve.spectra import write_spectrum
from mdx.systems.spec import Audio

BLOCK = 1 << 16  # samples at a time


def main() -> None:
    """Run the request from standard input."""
    request = json.load(sys.stdin)
    try:
        answer = KINDS[request["kind"]](request)
    except MdxError as error:
        answer = {"error": str(error)}
    except Exception as error:
        answer = {"error": f"got {type(error).__name__} {error}, expected a file to download"}
    print(json.dumps(answer))


def export_stem(request: Mapping[str, Any]) -> dict[str, Any]:
    """Encode the WAV of a stem, with the tags of its song: `wav`, `song`, `target`, `format`."""
    encoding = Encoding(request["format"])
    with replacing(Path(request["target"])) as draft:
        encode(Path(request["wav"]), draft, encoding, tags=read_tags(Path(request["song"])))
    return {}


def export_mix(request: Mapping[str, Any]) -> dict[str, Any]:
    """Add stems up as the faders have them: `tracks` are (path, gain), `target`, `format`, `song`.

    A mix beyond full scale is scaled down as a whole.
    """
    encoding = Encoding(request["format"], rescale=True)
    with ExitStack() as stack:
        tracks = [
            (stack.enter_context(open_sound(Path(path))), np.float32(gain))
            for path, gain in request["tracks"]
        ]
        first = tracks[0][0]
        writer = StemWriter(
            {"mix": Path(request["target"])}, sample_rate=first.samplerate, frames=first.frames,
            encoding=encoding,
            tags=None if encoding.format == "wav" else read_tags(Path(request["song"])),
        )  # fmt: skip
        with writer:
            for block in _sums(tracks):
                writer.append(block[np.newaxis])
    return {}


def convert_truth(request: Mapping[str, Any]) -> dict[str, Any]:
    """Decode a true stem for playback: `upload`, `target`, `most_seconds`."""
    target = Path(request["target"])
    original = write_original(
        Path(request["upload"]), target,
        most_seconds=request["most_seconds"], cancel=threading.Event(),
    )  # fmt: skip
    write_peaks(target)
    return original._asdict()


def draw_spectrum(request: Mapping[str, Any]) -> dict[str, Any]:
    """Write the pictures of a WAV next to it: `wav`."""
    write_spectrum(Path(request["wav"]))
    return {}


KINDS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = MappingProxyType({
    "stem": export_stem,
    "mix": export_mix,
    "truth": convert_truth,
    "spectrum": draw_spectrum,
})  # fmt: skip


def _sums(tracks: list[tuple[Any, np.float32]]) -> Iterator[Audio]:
    # Shape: (2, n) each
    while True:
        blocks = [
            gain * file.read(BLOCK, dtype="float32", always_2d=True).T for file, gain in tracks
        ]
        if not blocks[0].shape[1]:
            return
        yield np.sum(blocks, axis=0)


if __name__ == "__main__":
    main()
