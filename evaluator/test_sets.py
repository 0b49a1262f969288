"""Finding the songs of a test set in the usual layouts.

These are MUSDB18-HQ's `<root>/{train,test}/<track>/mixture.wav`, the challenge's
`<root>/<track>/mixture.wav`, and MUSDB18's `<root>/{train,test}/<track>.stem.mp4`, which is decoded
first. True stems, if there are any, are beside the mixture.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from evaluator.audio_files import duration
from evaluator.stem_mp4 import SUFFIX
from mdx.errors import AudioError
from mdx.systems.spec import MUSDB18_TEST, SOURCES

SUBSETS = ("test", "train")
DEMO_SONGS = Path("out/demo/songs/test")
LAYOUTS = f"<track>/mixture.wav, or test/<track>{SUFFIX}, in it or in its folder test"
MUSDB18_TESTS = ("MUSDB18 test", MUSDB18_TEST)  # both editions of the same songs
DEMO = "demo songs"
MUSDB18_TEST_SONGS = 50
MUSDB18_TEST_SECONDS = 3 * 3600  # at least; it has 3.5 hours
KNOWN_SHARE = 0.9  # fraction of the names that must be MUSDB18's; the rest may be spelt differently


@dataclass(frozen=True)
class Song:
    """One song: `<folder>/mixture.wav` and, if there are any, the four true stems."""

    name: str
    folder: Path
    archive: Path | None = None  # the .stem.mp4 that is to be decoded into the folder

    @property
    def has_references(self) -> bool:
        """Whether any true stem exists; it is an error if only some do."""
        return any((self.folder / f"{source}.wav").exists() for source in SOURCES)

    @property
    def missing_references(self) -> list[str]:
        """The true stems that are missing where others exist."""
        there = [source for source in SOURCES if (self.folder / f"{source}.wav").exists()]
        return [source for source in SOURCES if source not in there] if there else []

    @property
    def duration(self) -> float:
        """Seconds; 0 if the mixture cannot be read, which the submission will report."""
        return duration(self.folder / "mixture.wav")


@dataclass(frozen=True)
class TestSet:
    """Songs in order of their names, and the test set that they are from."""

    __test__ = False  # otherwise pytest would collect it

    name: str  # MUSDB18-HQ test, MUSDB18 test, demo songs, or the folder's own
    songs: tuple[Song, ...]
    whole: bool  # all songs of the set in full length, as published figures require

    @property
    def is_musdb18_test(self) -> bool:
        """Whether these are songs of MUSDB18's test split, in either edition."""
        return self.name in MUSDB18_TESTS

    @property
    def description(self) -> str:
        """The number of songs and the test set, in words."""
        count = f"{len(self.songs)} song" + "s" * (len(self.songs) != 1)
        if self.is_musdb18_test and not self.whole:
            return f"{count} of {self.name}, not comparable with figures on all 50 in full length"
        if self.name == DEMO:
            return f"{count} composed by this repository, not comparable with MUSDB18"
        return f"{count} of {self.name}" if self.is_musdb18_test else f"{count} of '{self.name}'"


def find_test_set(
    root: Path | None, decoded: Path, *, subset: str = "test", tracks: Sequence[str] = ()
) -> TestSet:
    """Find the songs below `root`; None is $MUSDB_PATH, or the demo songs if that is not set.

    `subset` applies if the root has folders `train` or `test`; `tracks` are names, or patterns
    with `*`, `?` and `[]`; a .stem.mp4 is decoded into `decoded` later. Raises AudioError for no
    song, two of one name, or a name that no song has.
    """
    root = root or Path(os.environ.get("MUSDB_PATH") or DEMO_SONGS)
    if not root.is_dir():
        raise AudioError(root, got="no such folder", expected=f"one with {LAYOUTS}")
    songs = _list_songs(_folder_of(root, subset), decoded / subset)
    if not songs:
        raise AudioError(root, got="no song", expected=LAYOUTS)
    name = _name(root, songs, subset)
    chosen = _choose(songs, tracks)
    whole = len(chosen) == len(songs)
    if name in MUSDB18_TESTS:
        whole = len(chosen) == MUSDB18_TEST_SONGS
    return TestSet(name, tuple(chosen), whole)


def recognise_excerpts(test_set: TestSet) -> TestSet:
    """The same set, but not whole if its songs, once decoded, are too short for MUSDB18's.

    The samples that musdb downloads are the first seconds of songs of the same names.
    """
    seconds = sum(song.duration for song in test_set.songs)
    short = test_set.is_musdb18_test and seconds < MUSDB18_TEST_SECONDS
    return replace(test_set, whole=test_set.whole and not short)


def _folder_of(root: Path, subset: str) -> Path:
    # A folder "test" may also be a song with that name.
    for name in SUBSETS:
        if (root / name).is_dir() and not (root / name / "mixture.wav").exists():
            if not (root / subset).is_dir():
                raise AudioError(root, got=f"only the folder '{name}'", expected=f"'{subset}'")
            return root / subset
    return root


def _list_songs(folder: Path, decoded: Path) -> list[Song]:
    if not folder.is_dir():
        return []
    songs: dict[str, Song] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir() and any(path.glob("*.wav")):
            song = Song(path.name, path)
        elif path.name.endswith(SUFFIX):
            name = path.name.removesuffix(SUFFIX)
            song = Song(name, decoded / name, path)
        else:
            continue
        # Stems are kept in folders with these names, and some file systems ignore case.
        key = song.name.casefold()
        if key in songs:
            raise AudioError(
                folder, got=f"'{songs[key].name}' and '{path.name}'",
                expected="tracks of different names",
                hint="their stems would overwrite each other: move one of them away",
            )  # fmt: skip
        songs[key] = song
    return sorted(songs.values(), key=lambda song: song.name)


def _choose(songs: list[Song], tracks: Sequence[str]) -> list[Song]:
    if not tracks:
        return songs
    chosen = set()
    for track in tracks:
        names = [song.name for song in songs]
        # A name may contain what would be a pattern.
        found = {track} if track in names else {name for name in names if fnmatchcase(name, track)}
        if not found:
            raise AudioError(
                "tracks",
                got=f"'{track}', which matches no song",
                expected=f"a name or a pattern of {len(songs)} songs, the first '{songs[0].name}'",
            )
        chosen |= found
    return [song for song in songs if song.name in chosen]


def _name(root: Path, songs: list[Song], subset: str) -> str:
    if all((song.folder / "song.json").is_file() for song in songs):
        return DEMO
    known = Path(__file__).with_name("musdb18_test.txt").read_text(encoding="utf-8").splitlines()
    share = len({song.name for song in songs} & set(known)) / len(songs)
    if subset == "test" and share >= KNOWN_SHARE:
        return "MUSDB18 test" if songs[0].archive else "MUSDB18-HQ test"
    name = root.resolve().name
    # Songs are known by their names: a folder's own name must not make others comparable.
    return f"folder {name}" if name in (*MUSDB18_TESTS, DEMO) else name
