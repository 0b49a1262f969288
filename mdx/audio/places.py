"""Where the stems of a song are written."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mdx.errors import ConfigError, OutputError
from mdx.systems.spec import SOURCES


def stem_paths(
    folder: Path, sources: Sequence[str] = SOURCES, suffix: str = ".wav"
) -> dict[str, Path]:
    """The paths of a song's stems in its folder: `<folder>/<source>.wav`."""
    return {source: folder / f"{source}{suffix}" for source in sources}


def places_of(
    out: str | Path | Mapping[str, str | Path], song: Path, stems: Sequence[str], suffix: str
) -> dict[str, Path]:
    """A path for each stem, in order; `out` is a folder, or a mapping with a path for each.

    Raises ConfigError if it names other stems, or one file for two; OutputError if a stem would
    replace the song.
    """
    if isinstance(out, Mapping):
        paths = {stem: Path(place) for stem, place in out.items()}
    else:
        paths = stem_paths(Path(out), stems, suffix)
    if set(paths) != set(stems) or len(set(stems)) != len(stems):
        raise ConfigError("stems", got=list(paths), expected=f"{', '.join(stems)}, each once")
    if len(set(paths.values())) != len(paths):
        got = sorted(map(str, paths.values()))
        raise ConfigError("stems", got=got, expected="a file of its own for each")
    if set(real_paths([song])) & set(real_paths(paths.values())):
        raise OutputError(song, got="the song itself as a stem's place", expected="another folder")
    return {stem: paths[stem] for stem in stems}


def real_paths(paths: Iterable[Path]) -> list[str]:
    """Each path with its links followed; one that cannot be a file's stays as it is.

    Whatever is wrong with a song's path is an error of its reader.
    """
    found = []
    for path in paths:
        try:  # not by Path.resolve, which raises for a link to itself
            found.append(os.path.realpath(path))
        except ValueError:  # a zero byte
            found.append(str(path))
    return found
