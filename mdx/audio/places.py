"""Where the stems of a song are written."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mdx.errors import ConfigError, OutputError
from mdx.systems.spec import SOURCES


def stem_paths(
    folder: Path, sources: Sequence[str] = SOURCES, suffix: str = ".wav"
) -> dict[str, Path]:
    """The paths of a song's stems in its folder: `<folder>/<source>.wav`."""
    return {source: folder / f"{source}{suffix}" for source in sources}


def places_of(
    out: str | Path | Mapping[str, Path], song: Path, stems: Sequence[str], suffix: str
) -> dict[str, Path]:
    """A path for each stem, in order; `out` is a folder, or a mapping with a path for each.

    Raises ConfigError if it names other stems, OutputError if a stem would replace the song.
    """
    paths = dict(out) if isinstance(out, Mapping) else stem_paths(Path(out), stems, suffix)
    if set(paths) != set(stems) or len(set(stems)) != len(stems):
        raise ConfigError("stems", got=list(paths), expected=f"{', '.join(stems)}, each once")
    if song.resolve() in {path.resolve() for path in paths.values()}:
        raise OutputError(song, got="the song itself as a stem's place", expected="another folder")
    return {stem: paths[stem] for stem in stems}
