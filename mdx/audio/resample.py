"""Resampling a stream of blocks, and the samples that it gains or loses."""

from collections.abc import Iterable, Iterator

import numpy as np
import soxr

from mdx.audio.read import SongReader
from mdx.systems.spec import CHANNELS, Audio


def resample(blocks: Iterable[Audio], source_rate: int, target_rate: int) -> Iterator[Audio]:
    """Resample a stream of blocks with soxr, high quality and without delay.

    Shape: (..., n) -> (..., m), with the same leading axes in all blocks.
    """
    if source_rate == target_rate:
        yield from blocks
        return
    stream: soxr.ResampleStream | None = None
    lead: tuple[int, ...] = ()
    channels = 0
    for block in blocks:
        if stream is None:
            lead = block.shape[:-1]
            channels = int(np.prod(lead))
            stream = soxr.ResampleStream(source_rate, target_rate, channels, dtype="float32")
        frames = stream.resample_chunk(np.ascontiguousarray(block.reshape(channels, -1).T))
        yield frames.T.reshape(*lead, -1)
    if stream is not None:
        frames = stream.resample_chunk(np.zeros((0, channels), np.float32), last=True)
        yield frames.T.reshape(*lead, -1)


def fit_to(parts: Iterable[Audio], song: SongReader, stems: int) -> Iterator[Audio]:
    """Cut a song's stems, or pad them with silence, to the number of samples that were read.

    Resampled there and back, a song may differ from itself by a sample. Shape: (stems, 2, n) each
    """
    done = 0
    for part in parts:
        fitting = part[:, :, : song.position - done]
        done += fitting.shape[2]
        yield fitting
    yield np.zeros((stems, CHANNELS, song.position - done), dtype=np.float32)
