"""The songs of a command line: files, folders, patterns and lists of them."""

import codecs
import glob
import itertools
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mdx.audio.spool import STDIN
from mdx.errors import AudioError, ConfigError, MdxError

# Suffixes searched for in folders; a file that is named is read whatever its suffix.
AUDIO = """
wav wave flac mp3 mp2 m4a m4b mp4 m4v mov aac ac3 eac3 dts ogg oga ogv opus spx webm mkv mka
wma wmv asf avi aif aiff aifc au snd caf w64 rf64 bwf ape wv tta tak mpc amr 3gp mpg mpeg ts
m2ts flv voc
""".split()  # noqa: SIM905


@dataclass(frozen=True)
class Song:
    """A song to separate."""

    path: Path
    folder: Path = Path()  # relative to the folder that was searched; empty for a file


class Inputs:
    """The songs of a command line, and the arguments that match none."""

    def __init__(self, out: Path) -> None:
        """Results below `out` are never taken as songs."""
        self.songs: list[Song] = []
        self._errors: list[MdxError] = []
        self._results: Path | None = None  # as named among the songs, for instance by a shell's *
        self._out = _real(out)

    @property
    def errors(self) -> list[MdxError]:
        """What is wrong with the arguments."""
        if self._results is None or self.songs:
            return self._errors
        return [*self._errors, ConfigError(
            self._results, got="the same folder for songs and results", expected="another one",
            hint="name one with -o",
        )]  # fmt: skip

    def add(self, argument: str) -> None:
        """Add a file, a folder with everything below it, a pattern, or `-` for a pipe."""
        if not argument:
            self._errors.append(AudioError("''", got="an empty name", expected="a song"))
            return
        if "://" in argument and not os.path.lexists(argument):
            self._errors.append(
                AudioError(argument, got="a URL", expected="a file", hint="download it first")
            )
            return
        path = Path(argument)
        if argument == str(STDIN) or os.path.lexists(path) or not glob.has_magic(argument):
            self._add_path(path)
            return
        matches = sorted(glob.glob(argument, recursive=True))  # noqa: PTH207 - it may be absolute
        before = len(self.songs), len(self._errors)
        for path in _songs_of(it for it in matches if not self._is_result(Path(it), argument)):
            self._add_path(path, required=False)
        if (len(self.songs), len(self._errors)) == before:
            self._errors.append(
                AudioError(argument, got="a pattern that matches no file", expected="songs")
            )

    def add_list(self, argument: str) -> None:
        """Add the files and folders listed in a file, one per line or separated by zero bytes.

        `-` is standard input. Empty lines are skipped, and lines that begin with # and name no
        file. Raises ConfigError if the list cannot be read, or is none.
        """
        if argument == str(STDIN) and any(song.path == STDIN for song in self.songs):
            raise ConfigError("-", got="both a song and a list", expected="one standard input")
        if argument == str(STDIN) and sys.stdin is None:
            raise ConfigError("list -", got="no standard input", expected="one song per line")
        try:
            content = sys.stdin.buffer.read() if argument == "-" else Path(argument).read_bytes()
        except OSError as error:
            raise ConfigError(
                f"list {argument}", got=error.strerror, expected="a file with one song per line"
            ) from error
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):  # as PowerShell writes
            content = content.decode("utf-16", errors="replace").encode()
        content = content.removeprefix(codecs.BOM_UTF8)
        separated = b"\0" in content
        # Audio has zero bytes too, and between them names of folders, such as `/` and `.`. But in
        # no list are two of them together.
        if b"\0\0" in content:
            raise ConfigError(
                f"list {argument}", got="a binary file", expected="a file with one song per line",
                hint="a song needs no --list",
            )  # fmt: skip
        named = False
        for line in content.split(b"\0") if separated else content.splitlines():
            path = os.fsdecode(line)
            comment = line.startswith(b"#") and not separated and not os.path.lexists(path)
            if line.strip() and not comment:
                named = True
                self._add_path(Path(path))
        if not named:  # perhaps of a search that found nothing
            self._errors.append(
                AudioError(f"list {argument}", got="no song", expected="one song per line")
            )

    def _is_result(self, path: Path, pattern: str) -> bool:
        # As in a folder that is searched: below `out`, if that is below the pattern's fixed part.
        fixed = itertools.takewhile(lambda part: not glob.has_magic(part), Path(pattern).parts)
        root = _real(Path(*fixed))
        real = _real(path)
        return root in self._out.parents and self._out in (real, *real.parents)

    def _add_path(self, path: Path, *, required: bool = True) -> None:
        # Path.is_dir raises for a name that is too long, or below a folder that may not be entered:
        # whatever is wrong with one song, it is reported where that song is read.
        if not os.path.isdir(path):  # noqa: PTH112
            self.songs.append(Song(path))
            return
        if _real(path) == self._out:
            self._results = path
            return
        found = list(self._walk(path))
        if required and not found:
            self._errors.append(AudioError(path, got="a folder without audio", expected="songs"))
        self.songs += found

    def _walk(self, root: Path) -> Iterator[Song]:
        seen: set[Path] = set()
        for place, folders, names in os.walk(root, followlinks=True, onerror=self._unreadable):
            real = _real(Path(place))
            if real in seen or real == self._out:  # a link that forms a loop, or our own stems
                folders.clear()
                continue
            seen.add(real)
            folders[:] = sorted(_visible(folders))
            for name in sorted(_visible(names)):
                path = Path(place, name)
                if _is_audio(path):
                    yield Song(path, Path(place).relative_to(root))

    def _unreadable(self, error: OSError) -> None:
        self._errors.append(
            AudioError(error.filename, got=error.strerror, expected="a readable folder")
        )


def _songs_of(names: Iterable[str]) -> list[Path]:
    # Of a pattern's matches: folders, but not once more what is in them, and audio files; or all
    # files, if the pattern asks for others.
    paths = [Path(name) for name in names]
    folders = {path for path in paths if os.path.isdir(path)}  # noqa: PTH112
    paths = [path for path in paths if folders.isdisjoint(path.parents)]
    return [path for path in paths if path in folders or _is_audio(path)] or paths


def _is_audio(path: Path) -> bool:
    return path.suffix.lower().removeprefix(".") in AUDIO


def _visible(names: Iterable[str]) -> Iterator[str]:
    return (name for name in names if not name.startswith("."))


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
