"""The names of data sets in a manifest, and the challenge's rules."""

import json
import re
from pathlib import Path

import pytest

from mdx.errors import ConfigError
from mdx.systems.spec import MUSDB18_TRAIN
from training import musdb18
from training.rules import DEMO_SONGS, RECORDED_SONGS, SOUNDFONT_SONGS, check_rules, describe_data
from training.songs import Song

TRAIN = musdb18.TRAIN_LIST.read_text(encoding="utf-8").splitlines()


def named(folder: Path, *names: str) -> list[Song]:
    return [Song(name, folder / name, 1000) for name in names]


def submission(folder: Path, content: str) -> Path:
    path = folder / "aicrowd.json"
    path.write_text(content)
    return path


def test_musdb18_alone_is_leaderboard_a(tmp_path: Path) -> None:
    whole = named(tmp_path / "musdb18hq" / "train", *TRAIN, "The One That Is Not Listed")
    variants = named(tmp_path / "more", f"{TRAIN[0]} [pitch+1 tempo-20]")
    for songs in (whole, whole[:20], whole + variants):
        data = describe_data(songs)
        assert data.songs == {MUSDB18_TRAIN: len(songs)} and data.leaderboard == "A"
        for external in (True, False):
            check_rules(data, submission(tmp_path, json.dumps({"external_dataset_used": external})))
    assert str(describe_data(whole)) == "MUSDB18-HQ train: 100 songs"


def test_any_other_song_is_leaderboard_b(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    for more in (named(mine, "x"), named(mine / "train", "x")):
        data = describe_data(named(tmp_path / "musdb18hq", *TRAIN) + more)
        assert str(data) == "MUSDB18-HQ train: 99 songs, mine: 1 songs"
        assert data.leaderboard == "B"
        check_rules(data, submission(tmp_path, '{"external_dataset_used": true}'))
        with pytest.raises(ConfigError, match=r"leaderboard A allows; .* to true in aicrowd\.json"):
            check_rules(data, submission(tmp_path, '{"external_dataset_used": false}'))


def test_a_song_among_the_hundred_is_leaderboard_b(tmp_path: Path) -> None:
    data = describe_data(named(tmp_path / "train", *TRAIN, "the hundredth", "mine"))
    assert data.songs[MUSDB18_TRAIN] == 99 and data.leaderboard == "B"


@pytest.mark.parametrize(
    "name",
    ["BKS - Too Much", "BKS - Too Much [pitch-1 tempo+0]", "angels in amplifiers - im alright"],
)
def test_a_test_song_is_an_error_whatever_the_board(tmp_path: Path, name: str) -> None:
    songs = named(tmp_path / "train", *TRAIN[:50], name)
    with pytest.raises(ConfigError, match=re.escape(f"got the test song '{name}'")):
        describe_data([*songs[:5], songs[-1]])
    full = named(tmp_path / "train", *TRAIN, name)  # a hundred, nearly all of them listed
    with pytest.raises(ConfigError, match="the test song"):
        describe_data(full)


def test_demo_songs_state_their_split_and_packs(tmp_path: Path) -> None:
    (song,) = named(tmp_path / "train", "train-000")
    song.folder.mkdir(parents=True)
    facts = song.folder / "song.json"
    facts.write_text('{"split": "train"}')
    data = describe_data([song])
    assert data.songs == {DEMO_SONGS: 1} and data.leaderboard == "B" and data.attributed is None
    facts.write_text('{"split": "train", "soundfont": "mine.sf2 00"}')
    assert describe_data([song]).songs == {SOUNDFONT_SONGS.format(font="mine.sf2 00"): 1}
    packs = '"packs": {"kit": "00", "strums": "01"}, "attribution": ["Kit by Me", "Strums by You"]'
    facts.write_text(f'{{"split": "train", {packs}}}')
    (other,) = named(tmp_path / "train", "train-001")
    other.folder.mkdir()
    (other.folder / "song.json").write_text(
        '{"split": "train", "packs": {"strums": "01"}, "attribution": ["Strums by You"]}'
    )
    data = describe_data([song, other])
    assert data.songs == {RECORDED_SONGS: 2}
    assert data.attributed == "Kit by Me; Strums by You", "each once"
    facts.write_text('{"split": "test"}')
    with pytest.raises(ConfigError, match="the test song 'train-000'"):
        describe_data([song])
    for broken in ("{", "[]", "{}"):
        facts.write_text(broken)
        with pytest.raises(ConfigError, match=r"song\.json: got .*expected JSON with the key"):
            describe_data([song])


@pytest.mark.parametrize("content", ["", "{}", "[1]"])
def test_a_broken_aicrowd_json_is_named(tmp_path: Path, content: str) -> None:
    data = describe_data(named(tmp_path, "x"))
    with pytest.raises(ConfigError, match=r"aicrowd\.json: got .*external_dataset_used"):
        check_rules(data, submission(tmp_path, content))
    with pytest.raises(ConfigError, match=r"nowhere\.json"):
        check_rules(data, tmp_path / "nowhere.json")
