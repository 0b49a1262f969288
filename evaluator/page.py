"""report.html: a report as one page that needs no network, with plots, players and spectrograms."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tqdm import tqdm

from evaluator.curves import TITLES as CURVE_TITLES
from evaluator.curves import Curves, curve_lines
from evaluator.excerpts import Clip, Excerpt, cut_excerpt, mp3_uri
from evaluator.figures import (
    clock,
    limit_bars,
    limit_points,
    score_boxes,
    stage_bars,
    system_colours,
)
from evaluator.given_stems import GivenStems
from evaluator.scores import BASELINE, COLUMNS
from evaluator.spectrograms import spectrogram_figure
from evaluator.tables import HEADER, TITLES, decibels
from mdx.errors import ConfigError
from mdx.files import write_atomically
from mdx.machine import available_cpus
from mdx.systems.spec import SOURCES

TEMPLATES = Path(__file__).with_name("html")
Files = Callable[[str, str], Mapping[str, Path]]  # by source, of a system and a song
REACHED = ("scored", "unscored")  # states of songs whose stems were written


def write_page(
    report: dict[str, Any], songs: Mapping[str, Path], stems: Path, path: Path, *,
    given: Sequence[GivenStems] = (), excerpt: float = 8.0, curves: Curves | None = None,
) -> None:  # fmt: skip
    """Write a report as one HTML file, the same bytes for the same report and files.

    `songs` are the folders of mixtures and true stems by the song's name; `stems` contains
    `<system>/<song>/<source>.wav`, except for the stems of `given`, which are elsewhere; `excerpt`
    is the seconds of audio of every song, 0 for none; `curves` are those of the training.
    Raises ConfigError if plotly or Jinja2 is missing, OutputError if the file cannot be written.
    """
    template, plotlyjs = get_tools("page.html.jinja", page="report.html")
    elsewhere = {entry.name: entry for entry in given}

    def files(system: str, song: str) -> dict[str, Path]:
        """The files of a system's stems of a song, by source."""
        if system in elsewhere:
            found = elsewhere[system].files.get(song, {})
            return {source: paths[0] for source, paths in found.items()}
        return {source: stems / system / song / f"{source}.wav" for source in SOURCES}

    # A generator: otherwise the samples of all songs would be in memory at once.
    shown = (_song(report, name, songs.get(name), files, excerpt) for name in _names(report))
    count = len(_names(report))
    page = template.render(
        report=report,
        plotlyjs=plotlyjs,
        colours=system_colours(report),
        baseline=BASELINE,
        sources=SOURCES,
        header=HEADER,
        titles=TITLES,
        decibels=decibels,
        clock=clock,
        problems=_problems(report),
        pending=_count(report, "pending"),
        timing={entry["system"]: entry for entry in report["timing"]["systems"]},
        boxes={metric: score_boxes(report, metric) for metric in TITLES},
        curves={name: curve_lines(curves or {}, name) for name in CURVE_TITLES},
        curve_titles=CURVE_TITLES,
        limits=limit_bars(report),
        audit=limit_points(report),
        stages={
            entry["system"]: stage_bars(report, entry)
            for entry in report["timing"]["systems"]
            if entry["songs"]
        },
        songs=tqdm(shown, "page", count, unit="song", leave=False, disable=None),
        no_values=dict.fromkeys(COLUMNS),
    )
    write_atomically(path, page.encode(errors="replace"))  # file names need not be UTF-8


def get_tools(template: str, *folders: Path, page: str) -> tuple[Any, str]:
    """A Jinja2 template from `folders` or the report's own folder, and plotly's code.

    Raises ConfigError, which names `page` as what could not be made, if either package is missing.
    """
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise ConfigError(
            page, got=f"no {error.name}", expected="plotly and Jinja2, which draw it",
            hint="pip install -e '.[report]'",
        ) from error  # fmt: skip
    environment = Environment(
        loader=FileSystemLoader([*folders, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = lambda share: f"{100 * share:.1f} %"
    return environment.get_template(template), str(get_plotlyjs())


def _names(report: Mapping[str, Any]) -> list[str]:
    return [row["song"] for row in report["baseline"]["songs"]]


def _count(report: Mapping[str, Any], state: str) -> int:
    return sum(row["state"] == state for entry in report["systems"] for row in entry["songs"])


def _problems(report: Mapping[str, Any]) -> dict[str, list[str]]:
    # The songs that each error affects; a bad reference affects its song in every system.
    found: dict[str, list[str]] = {}
    for entry in (report["baseline"], *report["systems"]):
        for row in entry["songs"]:
            if row["error"]:
                found.setdefault(row["error"], []).append(f"{row['song']} ({entry['system']})")
    return found


def _song(
    report: Mapping[str, Any], name: str, folder: Path | None, files: Files, seconds: float
) -> dict[str, Any]:
    entries = (report["baseline"], *report["systems"])
    rows = {entry["system"]: _row_of(entry["songs"], name) for entry in entries}
    timed = {
        entry["system"]: _row_of(entry["songs"], name) for entry in report["timing"]["systems"]
    }
    names = [entry["system"] for entry in report["systems"]]
    # A song that no system has reached has nothing to compare; after Ctrl-C, cutting all of these
    # would take minutes.
    heard = seconds > 0 and any(rows[system]["state"] != "pending" for system in names)
    cut = None
    if heard and folder:
        # Of a song that this run did not reach, stems of an earlier one may be there.
        made = [system for system in names if rows[system]["state"] in REACHED]
        cut = cut_excerpt(folder, {system: files(system, name) for system in made}, seconds)
    return {
        "name": name,
        "duration": rows[BASELINE]["duration"],
        "rows": rows,
        "timed": {system: row for system, row in timed.items() if row},
        "excerpt": cut,
        "players": _players(cut) if cut else {},
        "spectrogram": spectrogram_figure(cut, names[-1] if names else None) if cut else None,
        "gaps": _gaps(rows, cut) if heard else [],
    }


def _row_of(rows: list[dict[str, Any]], song: str) -> Any:
    return next((row for row in rows if row["song"] == song), None)


def _players(excerpt: Excerpt) -> dict[str, list[tuple[Clip, str]]]:
    # In threads: encoding takes most of the page's time, and releases the GIL.
    with ThreadPoolExecutor(available_cpus()) as pool:
        uris = pool.map(lambda clip: mp3_uri(clip.audio, excerpt.rate), excerpt.clips)
        players: dict[str, list[tuple[Clip, str]]] = {}
        for clip, uri in zip(excerpt.clips, uris, strict=True):
            players.setdefault(clip.source, []).append((clip, uri))
    return players


def _gaps(rows: Mapping[str, Mapping[str, Any]], excerpt: Excerpt | None) -> list[str]:
    # Only what should exist: a song that failed has no stems.
    if not excerpt:
        return ["the mixture"]
    gaps = []
    if None in excerpt.missing and any(row["state"] == "scored" for row in rows.values()):
        gaps.append("true stems")
    written = [system for system in rows if system in excerpt.missing]
    return gaps + [f"stems of {system}" for system in written if rows[system]["state"] in REACHED]
