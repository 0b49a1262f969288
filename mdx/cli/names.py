"""The names of stems: a template, and a unique name for every song."""

import os
import re
import string
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from mdx.audio.spool import STDIN
from mdx.cli.inputs import Song
from mdx.errors import ConfigError

TEMPLATE = "{folder}/{song}/{stem}"
FIELDS = ("folder", "song", "stem", "system")


class Names:
    """The paths of stems, all of them different."""

    def __init__(self, out: Path, template: str, system: str, suffix: str) -> None:
        """`template` is the path of a stem below `out`, without its suffix.

        Raises ConfigError if it has fields other than FIELDS, gives two stems the same name, or
        leads out of `out`.
        """
        self._out, self._template, self._suffix = out, template, suffix
        self._system = system
        self._taken: dict[str, Path] = {}
        parts = _parse(template)
        fields = [field for _, field, _, _ in parts if field is not None]
        fields += [spec for _, _, spec, _ in parts if spec and "{" in spec]  # a field in a field
        unknown = [field for field in fields if field not in FIELDS]
        if unknown:
            expected = ", ".join(f"{{{field}}}" for field in FIELDS)
            raise ConfigError("--name", got=f"'{{{unknown[0]}}}'", expected=expected)
        if "stem" not in fields:
            raise ConfigError("--name", got=f"'{template}'", expected="{stem} in it",
                              hint="all stems of a song would have one name")  # fmt: skip
        if template.endswith(("/", suffix)):
            expected = f"a file's name at its end, without {suffix}"
            raise ConfigError("--name", got=f"'{template}'", expected=expected)
        if template.startswith("/") or Path(template).is_absolute():
            raise self._leading_out()
        self._fill("", "song", "stem")  # a song of the command line itself has no folder

    def places(self, song: Song, stems: Sequence[str]) -> tuple[dict[str, Path], str | None]:
        """The path of each stem, and the song's new name if its own was taken, otherwise None.

        Raises ConfigError for a song whose name cannot be a folder's.
        """
        name = song_name(song.path)
        number, before = 1, None
        while True:
            called = name if number == 1 else f"{name} ({number})"
            paths = {stem: self._place(song.folder, called, stem) for stem in stems}
            if paths == before:  # the number is not in them
                raise ConfigError(
                    song.path, got=f"a second song for {next(iter(paths.values()))}",
                    expected="the whole {song} in --name",
                )  # fmt: skip
            keys = {_key(path): path for path in paths.values()}
            if not keys.keys() & self._taken.keys():
                self._taken |= keys
                return paths, None if number == 1 else called
            number, before = number + 1, paths

    def _place(self, folder: Path, song: str, stem: str) -> Path:
        below = "" if folder == Path() else str(folder)
        return self._out / f"{self._fill(below, song, stem).lstrip('/')}{self._suffix}"

    def _fill(self, folder: str, song: str, stem: str) -> str:
        try:
            filled = self._template.format(folder=folder, song=song, stem=stem, system=self._system)
        except ValueError as error:  # a format or conversion that text does not have
            raise _invalid(self._template, error) from error
        # `Path` knows what separates folders on this system, and what a drive is.
        path = Path(filled.lstrip("/"))
        if ".." in path.parts or path.anchor:
            raise self._leading_out()
        return filled

    def _leading_out(self) -> ConfigError:
        return ConfigError("--name", got=f"'{self._template}'", expected="a path below --out")


def song_name(path: Path) -> str:
    """The name of a song: its file's name without the suffix; a link keeps its own name.

    Raises ConfigError for one that cannot name a folder.
    """
    name = "stdin" if path == STDIN else Path(os.path.abspath(path)).stem  # noqa: PTH100
    if name in ("", ".", "..") or "\0" in name:
        raise ConfigError("track name", got=repr(name), expected="the name of one folder")
    return name


def base_name(path: Path) -> str:
    """A song's name for comparisons, without numbers like those that `places` adds."""
    return re.sub(r"( \(\d+\))+$", "", _key(Path(path.stem)))


def _parse(template: str) -> list[tuple[str, str | None, str | None, str | None]]:
    try:
        return list(string.Formatter().parse(template))
    except ValueError as error:
        raise _invalid(template, error) from error


def _invalid(template: str, error: ValueError) -> ConfigError:
    return ConfigError("--name", got=f"'{template}' ({error})", expected=TEMPLATE)


def _key(path: Path) -> str:
    # Some file systems treat two spellings as the same name.
    return unicodedata.normalize("NFC", str(path)).casefold()
