"""The lines of a description that all networks have."""

from pathlib import Path

from mdx.estimators.stft import StftSpec
from mdx.systems.manifest import WeightsEntry
from mdx.systems.spec import SAMPLE_RATE

KARAOKE = "karaoke     the vocals are the lead alone: backing vocals stay with the rest"


def file_lines(path: Path, found: WeightsEntry, uvr_hash: str) -> list[str]:
    """How a file is recognised."""
    return [
        f"file        {path} ({found.bytes} bytes)",
        f"sha256      {found.sha256}",
        f"UVR hash    {uvr_hash}",
    ]


def shape_line(dim_f: int, dim_t: int) -> str:
    """The network's input and output."""
    return f"shape       (batch, 4, {dim_f}, {dim_t}): {dim_f} bins, {dim_t} frames"


def chunk_lines(stft: StftSpec, how: str) -> list[str]:
    """The sizes of its chunks, and `how` they are put together."""
    return [
        f"n_fft       {stft.n_fft}, hop {stft.hop}",
        f"cut-off     {cut_off(stft.dim_f, stft.n_fft)}",
        f"chunk       {stft.chunk} samples ({stft.chunk / SAMPLE_RATE:.2f} s), {how}",
    ]


def cut_off(dim_f: int, n_fft: int) -> str:
    """The frequency above which a network makes nothing."""
    return f"{dim_f / n_fft * SAMPLE_RATE:.0f} Hz"
