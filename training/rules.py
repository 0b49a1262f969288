"""The data sets of a training, and whether the challenge's rules allow them."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mdx.errors import ConfigError
from mdx.systems.spec import MUSDB18_TRAIN
from training.musdb18 import ROOT, TEST_LIST, find_training_tracks, read_keys
from training.songs import Song, group_tracks

DEMO_SONGS = "demo songs of the train split (python -m demo)"
RECORDED_SONGS = "demo songs of the train split with the recordings of NOTICE (python -m demo)"
SOUNDFONT_SONGS = "demo songs of the train split with the SoundFont {font} (python -m demo)"
SUBMISSION = ROOT / "aicrowd.json"
FACTS = "song.json"  # beside the stems of a composed song


@dataclass(frozen=True)
class TrainingData:
    """The data sets of a training, named as in a system's `training_data`."""

    songs: Mapping[str, int]  # number of songs by data set
    attribution: tuple[str, ...] = ()  # of recordings in the songs, whose licences ask for it

    @property
    def leaderboard(self) -> str:
        """The first leaderboard that allows them: A for MUSDB18-HQ train alone, otherwise B."""
        return "A" if set(self.songs) == {MUSDB18_TRAIN} else "B"

    @property
    def attributed(self) -> str | None:
        """The attribution in one line, for a manifest."""
        return "; ".join(self.attribution) or None

    def __str__(self) -> str:
        return ", ".join(f"{name}: {count} songs" for name, count in self.songs.items())


def describe_data(songs: Sequence[Song]) -> TrainingData:
    """Name the data sets of these songs, including those for validation.

    MUSDB18's tracks are recognised by name, other songs are named after their folder. Raises
    ConfigError for a test song of MUSDB18 or of the demo songs, which must not be trained on.
    """
    of_musdb18 = find_training_tracks(group_tracks(songs).values())
    for_tests = read_keys(TEST_LIST)
    counts: Counter[str] = Counter()
    attribution: dict[str, None] = {}  # an ordered set
    for song in songs:
        demo = _demo_song(song.folder)
        if song.track in for_tests or (demo and demo.split == "test"):
            raise ConfigError(
                song.folder, got=f"the test song '{song.name}' in the training data",
                expected="songs of the training part", hint="no result on it would mean anything",
            )  # fmt: skip
        name = demo.data_set if demo else _folder_name(song.folder.parent)
        counts[MUSDB18_TRAIN if song.track in of_musdb18 else name] += 1
        attribution |= dict.fromkeys(demo.attribution if demo else ())
    return TrainingData(dict(sorted(counts.items())), tuple(attribution))


def check_rules(data: TrainingData, submission: Path = SUBMISSION) -> None:
    """Raise ConfigError for data that a submission to leaderboard A must not use.

    `submission` is aicrowd.json, whose `external_dataset_used` is false for leaderboard A.
    Leaderboard B allows any data.
    """
    try:
        external = json.loads(submission.read_text(encoding="utf-8"))["external_dataset_used"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            submission, got=f"{type(error).__name__}: {error}",
            expected="JSON with the key external_dataset_used",
        ) from error  # fmt: skip
    if external is not True and data.leaderboard != "A":
        raise ConfigError(
            "training data", got=str(data),
            expected=f"{MUSDB18_TRAIN} alone, which is all that leaderboard A allows",
            hint=f"for leaderboard B set external_dataset_used to true in {submission.name}",
        )  # fmt: skip


class _DemoSong(NamedTuple):
    split: str
    data_set: str
    attribution: tuple[str, ...]


def _demo_song(folder: Path) -> _DemoSong | None:
    # Of a song composed by python -m demo.
    path = folder / FACTS
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        name = RECORDED_SONGS if facts.get("packs") else DEMO_SONGS
        if font := facts.get("soundfont"):  # of the user: name and sha256
            name = SOUNDFONT_SONGS.format(font=font)
        return _DemoSong(str(facts["split"]), name, tuple(facts.get("attribution", ())))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        got = f"{type(error).__name__}: {error}"
        raise ConfigError(path, got=got, expected="JSON with the key split") from error


def _folder_name(folder: Path) -> str:
    whole = folder.resolve()
    return whole.parent.name if whole.name == "train" else whole.name
