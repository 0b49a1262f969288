"""The names of MUSDB18's tracks: training, validation and test."""

import unicodedata
from collections.abc import Collection, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TRAIN_LIST = ROOT / "training" / "musdb18_train.txt"  # 99 of the 100 names
VALIDATION_LIST = ROOT / "training" / "validation_tracks.txt"  # the 14 of the package musdb
TEST_LIST = ROOT / "evaluator" / "musdb18_test.txt"

TRAIN_TRACKS = 100
OTHER_SPELLINGS = 5  # of the hundred tracks, how many may have a name that is not on the list


def track_key(name: str) -> str:
    """A track's name reduced to lower-case letters and digits, which all editions share."""
    plain = unicodedata.normalize("NFKD", name.replace("&", " and ")).casefold()
    return "".join(letter for letter in plain if letter.isalnum()) or name


def read_keys(path: Path) -> frozenset[str]:
    """The keys of a list of tracks, one name per line."""
    return frozenset(map(track_key, path.read_text(encoding="utf-8").splitlines()))


def find_training_tracks(folders: Iterable[Collection[str]]) -> frozenset[str]:
    """Which of these tracks belong to MUSDB18's training part.

    A folder of a hundred tracks counts as the whole training part if nearly all of its names are on
    the list; otherwise each track is recognised by its name.

    Args:
        folders: the keys of the tracks in each folder.
    """
    listed = read_keys(TRAIN_LIST)
    found: set[str] = set()
    for keys in map(set, folders):
        known = keys & listed
        whole = len(keys) == TRAIN_TRACKS and len(known) >= TRAIN_TRACKS - OTHER_SPELLINGS
        found |= keys - read_keys(TEST_LIST) if whole else known
    return frozenset(found)
