"""demo.html: spectra, tables and players for songs, on one page that works offline."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from demo.inspect.figures import COLOURS, HEIGHT, spectrum_figure
from demo.inspect.measure import Measures
from demo.inspect.pitch import Errors
from demo.inspect.songs import FILES, Song, spread
from demo.inspect.summary import HEADER, Measured, Table, count, make_tables, pitch_lines
from evaluator.excerpts import cut_excerpt, mp3_uri
from evaluator.page import get_tools
from evaluator.spectrograms import spectrogram_figure
from mdx.files import write_atomically
from mdx.systems.spec import SOURCES

TEMPLATES = Path(__file__).with_name("html")
# The facts of a song in the order of its line, with the units of some.
LINE = {
    "genre": "", "tempo": " bpm", "key": "", "meter": "", "progression": "", "bass": " bass",
    "drums": " drums", "instruments": "", "singer": "",
}  # fmt: skip


class Page:
    """The page's tools, checked before the long measurement starts."""

    def __init__(self) -> None:
        """Load them; raises ConfigError if plotly or Jinja2 is missing."""
        # page.css and page.js are shared with the report.
        self._template, self._plotlyjs = get_tools("demo.html.jinja", TEMPLATES, page="demo.html")

    def write(
        self, path: Path, title: str, measured: list[Measured], *, songs: int, excerpt: float
    ) -> None:
        """Write the page; the same songs give the same bytes.

        `songs` is how many of them have players, `excerpt` the seconds of each. Raises OutputError.
        """
        tables = make_tables(measured)
        chosen = {song.name for song in spread([one.song for one in measured], songs)}
        text = self._template.render(
            title=title,
            plotlyjs=self._plotlyjs,
            colours=COLOURS,
            height=HEIGHT,
            header=HEADER,
            tables=tables,
            count=count,
            measured=len(measured),
            spectra={stem: _spectrum(tables[stem], measured) for stem in SOURCES},
            pitch=pitch_lines(measured),
            # One song at a time, to hold the samples of only one in memory.
            songs=(_song(one, excerpt) for one in measured if one.song.name in chosen),
        )
        write_atomically(path, text)


def facts_line(facts: Mapping[str, Any]) -> str:
    """The facts of a song.json in one line; empty if there are none."""
    words = [(_words(facts.get(name)), unit) for name, unit in LINE.items()]
    return ", ".join(word + unit for word, unit in words if word)


def caption(measures: Measures | None) -> str:
    """The measures of one stem as text."""
    if not measures:
        return "silent"
    loudness = "" if measures.loudness is None else f"{measures.loudness:.1f} LUFS, "
    return (
        f"{loudness}L/R {measures.correlation:.2f}, crest {measures.crest:.0f} dB, "
        f"active {100 * measures.active:.0f} %"
    )


def _words(value: Any) -> str:
    # Facts come from a file; a later version may write some that this one does not know.
    if isinstance(value, list):
        return " + ".join(filter(None, map(_words, value)))
    if isinstance(value, dict):
        named = ((name if part is True else _words(part)) for name, part in value.items())
        return ", ".join(filter(None, named))
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value in (None, False) else str(value)


def _spectrum(table: Table, measured: list[Measured]) -> str | None:
    if not table.median:
        return None
    stem = table.stem
    found = {one.song.name: measures for one in measured if (measures := one.files[stem])}
    return spectrum_figure(stem, found, table.median)


def _song(one: Measured, seconds: float) -> dict[str, Any]:
    excerpt = cut_excerpt(one.song.folder, {}, seconds)
    return {
        "name": one.song.name,
        "facts": facts_line(one.song.facts),
        "pitch": _pitch(one.song, one.errors),
        "excerpt": excerpt,
        "captions": {file: caption(one.files[file]) for file in FILES},
        "players": {clip.source: mp3_uri(clip.audio, excerpt.rate) for clip in excerpt.clips}
        if excerpt
        else {},
        "spectrogram": spectrogram_figure(excerpt, None) if excerpt else None,
    }


def _pitch(song: Song, errors: Errors | None) -> str:
    if not errors:
        return ""
    return (
        f"Pitch ({song.voices}): {100 * errors.near:.1f} % of the voiced frames within 50 cents of "
        f"the score, {100 * errors.octaves:.1f} % an octave off."
    )
