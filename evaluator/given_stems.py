"""Stems made by other tools: finding the song and the stem of each file by its name.

There may be a folder per song (`<song>/vocals.flac`), one per stem (`vocals/<song>.wav`), or one
for everything (`1_<song>_(Vocals)_model.wav`, `<song> - vocals.wav`), at any depth.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mdx.errors import AudioError
from mdx.systems.spec import folder_name

SUFFIXES = (".wav", ".flac")
NAMES = {
    "bass": "bass", "drums": "drums", "drum": "drums", "other": "other", "others": "other",
    "vocals": "vocals", "vocal": "vocals", "voice": "vocals",
}  # fmt: skip
NEGATIONS = ("no", "non", "not", "without", "minus")  # no_vocals.wav holds everything else
MIXTURE = "mixture"  # some tools write it beside the stems
SHOWN = 3  # names in a warning


@dataclass(frozen=True)
class GivenStems:
    """An entry of a report whose stems already exist."""

    name: str  # of its folder
    folder: Path
    files: Mapping[str, Mapping[str, tuple[Path, ...]]]  # by song, then by source
    unknown: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)  # by the stem's name
    not_in_set: tuple[Path, ...] = ()  # of no song of the test set

    @property
    def warnings(self) -> list[str]:
        """One warning for each kind of files that are not scored."""
        found = {f"the stem '{stem}', which is unknown": it for stem, it in self.unknown.items()}
        if self.not_in_set:
            found["no song of the test set"] = self.not_in_set
        return [
            f"{self.folder}: got {len(paths)} file{'s' * (len(paths) != 1)} of {what}; not scored: "
            f"{_some(path.relative_to(self.folder) for path in paths)}"
            for what, paths in found.items()
        ]


def find_given_stems(folder: Path, songs: Sequence[str]) -> GivenStems:
    """Find the stems of these songs below a folder; raises AudioError where there is no file."""
    paths = [path for path in sorted(folder.rglob("*")) if _is_audio(path.relative_to(folder))]
    if not paths:
        raise AudioError(
            folder, got="no audio file", expected=f"stems as {' or '.join(SUFFIXES)}",
            hint="name the folder that the other tool wrote into",
        )  # fmt: skip
    known = {_plain(song): song for song in songs}
    files: dict[str, dict[str, tuple[Path, ...]]] = {}
    unknown: dict[str, tuple[Path, ...]] = {}
    not_in_set: list[Path] = []
    for path in paths:
        parts = [_plain(part) for part in path.relative_to(folder).with_suffix("").parts]
        song = _song_of(parts, known)
        stem = _stem_of(parts, song)
        if song is None:
            not_in_set.append(path)
        elif stem in NAMES:
            stems = files.setdefault(known[song], {})
            stems[NAMES[stem]] = (*stems.get(NAMES[stem], ()), path)
        elif stem != MIXTURE:
            unknown[stem] = (*unknown.get(stem, ()), path)
    name = folder_name("track name", folder.resolve().name)
    return GivenStems(name, folder, files, unknown, tuple(not_in_set))


def _song_of(parts: Sequence[str], songs: Iterable[str]) -> str | None:
    # By the name of a folder, innermost first; otherwise as a part of the file's own name.
    for part in reversed(parts):
        if part in songs:
            return part
    return max((song for song in songs if _whole(song).search(parts[-1])), key=len, default=None)


def _stem_of(parts: Sequence[str], song: str | None) -> str:
    # The stem that a file's name states, in NAMES or not, once the song's name is removed.
    rests = [_whole(song).sub(" ", part) if song else part for part in reversed(parts)]
    rest = next((rest for rest in rests if _words(rest)), "")
    brackets = [words for text in re.findall(r"\(([^()]+)\)", rest) if (words := _words(text))]
    if brackets:  # tools put the stem's name in brackets; browsers, the number of a copy
        return " ".join(brackets[-1])
    words = _words(rest)
    named = {NAMES[word]: index for index, word in enumerate(words) if word in NAMES}
    if len(named) != 1:
        return " ".join(words)
    ((source, index),) = named.items()
    before = words[index - 1] if index else ""
    return f"{before} {source}" if before in NEGATIONS else source


def _whole(name: str) -> re.Pattern[str]:
    # Matches the name as a whole, with no letter or digit next to it.
    return re.compile(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])")


def _words(text: str) -> list[str]:
    # Without the numbers that tools give to their files.
    return [word for word in re.split(r"[\W_]+", text) if word and not word.isdecimal()]


def _plain(name: str) -> str:
    # The same form on every file system: some decompose letters, some ignore case.
    return unicodedata.normalize("NFC", name).casefold()


def _is_audio(path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.parts)
    return path.suffix.lower() in SUFFIXES and not hidden


def _some(paths: Iterable[Path]) -> str:
    names = [str(path) for path in paths]
    more = [f"and {len(names) - SHOWN} more"] if len(names) > SHOWN else []
    return ", ".join([*names[:SHOWN], *more])
