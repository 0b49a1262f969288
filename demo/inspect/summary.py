"""Measures all songs one by one, and tabulates their medians with a verdict."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from demo.inspect.bands import JUDGED, REFERENCES, RealStem, hertz, judge
from demo.inspect.measure import HERTZ, Measures, measure
from demo.inspect.pitch import Contour, Errors, PitchTracker, compare
from demo.inspect.songs import FILES, Song
from evaluator.excerpts import MIXTURE
from evaluator.tables import markdown_table
from mdx.errors import AudioError
from mdx.systems.spec import SOURCES

VOICES = ("one voice", "doubled", "harmony")
SINGER = "vocals"
DASH = "-"
HEADER = ["dB at Hz", *(hertz(value).removesuffix(" Hz").replace(" kHz", "k") for value in HERTZ),
          "L/R", "crest", "LUFS", "active", "pitch"]  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """One song and all of its measures."""

    song: Song
    files: dict[str, Measures | None]  # of the mixture and the stems; None if silent
    contour: Contour  # of the vocals
    errors: Errors | None  # of the contour; None without a score of sung notes or without a voice


@dataclass(frozen=True)
class Table:
    """The measures of one stem, or of the mixture, over all songs."""

    stem: str
    songs: int  # in which it is not silent
    silent: int  # songs left out
    median: Measures | None  # None if it is silent in all songs
    rows: tuple[tuple[str, ...], ...]  # with the columns of HEADER
    findings: dict[int, str]  # from `judge`: what is outside the accepted range

    @property
    def verdict(self) -> str:
        """The findings in one line."""
        if self.stem == MIXTURE:
            return "no bands for a mixture"
        if self.median is None:
            return "silent in all songs"
        return "; ".join(self.findings.values()) or "in the bands"


def measure_songs(songs: Iterable[Song]) -> Iterator[Measured]:
    """Measure songs one by one; raises AudioError and ConfigError."""
    tracker = PitchTracker()
    for song in songs:
        files = {}
        contour = Contour(np.zeros(0), np.zeros(0))
        lengths = set()
        for file in FILES:
            audio = song.read(file)
            lengths.add(audio.shape[1])
            files[file] = measure(audio)
            if file == SINGER and files[file]:
                contour = tracker.track(audio)
        if len(lengths) > 1:
            got = f"files of {min(lengths)} to {max(lengths)} samples"
            raise AudioError(song.folder, got=got, expected="one length")
        errors = compare(contour, song.read_notes()) if song.voices else None
        yield Measured(song, files, contour, errors if errors and len(errors.cents) else None)


def make_tables(measured: list[Measured]) -> dict[str, Table]:
    """A table for every stem and one for the mixture."""
    return {file: _table(file, measured) for file in (*SOURCES, MIXTURE)}


def pitch_lines(measured: list[Measured]) -> list[str]:
    """How close the sung pitch is to the score, in one line for each kind of voices."""
    lines = []
    for voices in VOICES:
        found = [
            (one.errors, one.song.name)
            for one in measured
            if one.song.voices == voices and one.errors
        ]
        if not found:
            continue
        every = Errors(np.concatenate([errors.cents for errors, _ in found]))
        worst, name = min(((errors.near, name) for errors, name in found), key=lambda pair: pair[0])
        lines.append(
            f"{voices}, {count(len(found))}: {100 * every.near:.1f} % of {len(every.cents)} voiced "
            f"frames within 50 cents of the score, {100 * every.octaves:.2f} % an octave off, "
            f"median error {every.median:.0f} cents; least in {name}, {100 * worst:.1f} %"
        )
    return lines or ["no song has a score of sung notes to compare the pitch with"]


def text_report(measured: list[Measured]) -> str:
    """All tables, verdicts and pitch figures as text."""
    parts = []
    for table in make_tables(measured).values():
        silent = f", {table.silent} silent left out" if table.silent else ""
        parts.append(f"{table.stem}: {count(table.songs)}{silent}; {table.verdict}")
        parts.append(markdown_table(HEADER, [list(row) for row in table.rows]) + "\n")
    return "\n".join([*parts, "pitch of the vocals against the score:", *pitch_lines(measured)])


def count(songs: int) -> str:
    """A number of songs as text."""
    return f"{songs} song" + "s" * (songs != 1)


def _table(file: str, measured: list[Measured]) -> Table:
    found = [one.files[file] for one in measured]
    sounding = [measures for measures in found if measures]
    median = _median(sounding) if sounding else None
    rows = []
    if median:
        pitch = _pitch_range(measured) if file == SINGER else DASH
        rows.append(("median", *_cells(median), pitch))
    if file in REFERENCES:
        rows += [_real_row(real) for real in REFERENCES[file].real] + [_accepted_row(file)]
    findings = judge(file, median.levels, median.correlation) if median and file in SOURCES else {}
    return Table(file, len(sounding), len(found) - len(sounding), median, tuple(rows), findings)


def _median(measures: list[Measures]) -> Measures:
    loudness = [one.loudness for one in measures if one.loudness is not None]
    return Measures(
        curve=np.median([one.curve for one in measures], axis=0),
        levels=np.median([one.levels for one in measures], axis=0),
        correlation=float(np.median([one.correlation for one in measures])),
        crest=float(np.median([one.crest for one in measures])),
        loudness=float(np.median(loudness)) if loudness else None,
        active=float(np.median([one.active for one in measures])),
    )


def _cells(measures: Measures) -> list[str]:
    return [
        *(f"{level:.0f}" for level in measures.levels),
        f"{measures.correlation:.2f}",
        f"{measures.crest:.0f}",
        DASH if measures.loudness is None else f"{measures.loudness:.1f}",
        f"{100 * measures.active:.0f} %",
    ]


def _real_row(real: RealStem) -> tuple[str, ...]:
    levels = (str(level) for level in real.levels)
    return (f"real: {real.source}", *levels, f"{real.correlation:.2f}", str(real.crest),
            DASH, DASH, DASH)  # fmt: skip


def _accepted_row(file: str) -> tuple[str, ...]:
    # Values in brackets are recommended, not judged.
    reference = REFERENCES[file]
    low, high = reference.span
    levels = [f"{low[i]:.0f}..{high[i]:.0f}" if i < JUDGED else DASH for i in range(len(HERTZ))]
    correlation, crest, loudness = (
        f"{least:g}..{most:g}" if least < most else f"{least:g}"
        for least, most in (reference.correlation, reference.crest, reference.loudness)
    )
    return ("accepted", *levels, correlation, f"({crest})", f"({loudness})", DASH, DASH)


def _pitch_range(measured: list[Measured]) -> str:
    # Medians of the songs' 5th and 95th percentiles.
    ranges = [one.contour.range for one in measured if one.contour.range]
    if not ranges:
        return DASH
    low, high = np.median(ranges, axis=0)
    return f"{low:.0f}..{high:.0f}"
