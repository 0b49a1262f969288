"""Small spectrograms of an excerpt, references beside estimates."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluator.excerpts import MIXTURE, Excerpt
from evaluator.figures import figure_json, plain
from mdx.systems.spec import Audio

WINDOW = 4096  # samples; bins of 11 Hz separate the notes of a bass
HOP = 1024  # samples at most, so that the windows cover every sample
ROWS, COLUMNS = 96, 200
LOWEST, HIGHEST = 40.0, 16000.0  # Hz
FLOOR = -80  # dB below the loudest point of the mixture
ROW_HEIGHT = 118  # pixels

EDGES = np.geomspace(LOWEST, HIGHEST, ROWS + 1)  # Hz

Power = npt.NDArray[np.float64]


def spectrogram(audio: Audio, rate: int) -> Power:
    """Mean power over bands of equal width in octaves. Shape: (2, samples) -> (96, columns).

    At most 200 columns, evenly spaced over the audio; rows from 40 Hz to 16 kHz.
    """
    samples = audio.shape[1]
    frames = math.ceil(samples / (COLUMNS * HOP))  # averaged in each column
    columns = min(COLUMNS, math.ceil(samples / frames))
    hop = max(1, samples // (columns * frames))
    # Centres each frame on its hop.
    padded = np.pad(audio, [(0, 0), (WINDOW // 2 - hop // 2, WINDOW)])
    views = np.lib.stride_tricks.sliding_window_view(padded, WINDOW, axis=1)[:, ::hop]
    spectra = np.fft.rfft(views[:, : columns * frames] * np.hanning(WINDOW).astype(np.float32))
    power = np.square(np.abs(spectra), dtype=np.float64).sum(axis=0)
    bands = _bands(power.T, EDGES * WINDOW / rate)
    return np.asarray(bands.reshape(ROWS, columns, frames).mean(axis=2))


def spectrogram_figure(excerpt: Excerpt, system: str | None) -> str:
    """Draw the mixture, then for each source the true stem beside one system's estimate; as JSON.

    Missing files are left out; dB are relative to the loudest point of the mixture.
    """
    from plotly.subplots import make_subplots

    clips = [clip for clip in excerpt.clips if clip.system in (None, system)]
    rows = list(dict.fromkeys(clip.source for clip in clips))  # the mixture comes first
    sides = sorted({clip.system for clip in clips[1:]}, key=bool)
    columns = max(1, len(sides))
    # The mixture is as wide as both sides.
    specs: list[list[dict[str, int] | None]] = [[{"colspan": columns}, *[None] * (columns - 1)]]
    specs += [[{} for _ in sides] for _ in rows[1:]]
    names = ["true stem" if side is None else plain(side) for side in sides]
    figure = make_subplots(
        rows=len(rows), cols=columns, specs=specs, vertical_spacing=0.22 / len(rows),
        horizontal_spacing=0.03,
        subplot_titles=[MIXTURE, *(f"{row}, {name}" for row in rows[1:] for name in names)],
    )  # fmt: skip
    powers = [spectrogram(clip.audio, excerpt.rate) for clip in clips]
    loudest = float(powers[0].max()) or 1.0
    for clip, power in zip(clips, powers, strict=True):
        column = 1 if clip.source == MIXTURE else sides.index(clip.system) + 1
        place = {"row": rows.index(clip.source) + 1, "col": column}
        figure.add_trace(_heatmap(_decibels(power / loudest), excerpt), **place)
    _style(figure, len(rows))
    return figure_json(figure)


def _decibels(power: Power) -> npt.NDArray[np.int8]:
    # Rounded to whole dB, so that each point takes one byte.
    decibels = 10 * np.log10(np.maximum(power, 10 ** (FLOOR / 10)))
    return np.asarray(np.round(np.minimum(decibels, 0)), dtype=np.int8)


def _heatmap(decibels: npt.NDArray[np.int8], excerpt: Excerpt) -> Any:
    import plotly.graph_objects as go

    step = excerpt.seconds / decibels.shape[1]
    return go.Heatmap(
        z=decibels,
        x0=round(excerpt.start + step / 2, 4),
        dx=round(step, 6),
        y=[round(float(hertz), 1) for hertz in np.sqrt(EDGES[:-1] * EDGES[1:])],
        coloraxis="coloraxis",
        hovertemplate="%{x:.2f} s, %{y:.0f} Hz: %{z} dB<extra></extra>",
    )


def _style(figure: Any, rows: int) -> None:
    figure.update_xaxes(
        showgrid=False, zeroline=False, ticksuffix=" s", nticks=5, fixedrange=True,
        showticklabels=False, ticks="",
    )  # fmt: skip
    figure.update_xaxes(row=rows, showticklabels=True, ticks="outside")
    figure.update_yaxes(
        type="log", range=[math.log10(LOWEST), math.log10(HIGHEST)], showgrid=False,
        fixedrange=True, showticklabels=False, ticks="",
    )  # fmt: skip
    figure.update_yaxes(
        col=1, showticklabels=True, ticks="outside", tickvals=[100, 1000, 10000],
        ticktext=["100 Hz", "1 kHz", "10 kHz"],
    )  # fmt: skip
    figure.update_annotations(font_size=12)
    figure.update_layout(
        height=ROW_HEIGHT * rows + 90,
        margin={"l": 48, "r": 8, "t": 24, "b": 80},
        coloraxis={
            "colorscale": "Magma", "cmin": FLOOR, "cmax": 0,
            "colorbar": {
                "orientation": "h", "thickness": 8, "ticksuffix": " dB", "nticks": 5,
                "y": 0, "yanchor": "top", "ypad": 30, "outlinewidth": 0,
            },
        },
    )  # fmt: skip


def _bands(power: Power, edges: npt.NDArray[np.float64]) -> Any:
    # The mean over each band, even if it is narrower than a bin. Shape: (bins, n) -> (bands, n).
    below = np.concatenate([np.zeros((1, power.shape[1])), np.cumsum(power, axis=0)])
    edges = np.minimum(edges + 0.5, len(power))  # bin k covers k - 1/2 to k + 1/2
    whole = np.minimum(edges.astype(int), len(power) - 1)
    integral = below[whole] + (edges - whole)[:, None] * power[whole]
    # Bands above the Nyquist frequency have no width and no power.
    return np.diff(integral, axis=0) / np.maximum(np.diff(edges), 1e-9)[:, None]
