"""`mdx separate --cluster`: the same stems and the same errors as on one machine."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from mdx.cli.elsewhere import Elsewhere
from mdx.systems.spec import SOURCES
from tests.lab import Lab
from tests.mdx.cli.kit import RATE, events, run, write_song


@pytest.mark.parametrize("shared", [True, False])
def test_a_worker_makes_the_stems_that_this_machine_makes(
    tiny_system: Path, tmp_path: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], shared: bool,
) -> None:  # fmt: skip
    lab.keep("one")
    if not shared:
        for name in ("seen_at", "song_seen_at"):
            monkeypatch.setattr(f"mdx.cluster.dispatch.{name}", lambda path: f"/nowhere{path}")
    songs = tmp_path / "songs"
    write_song(songs / "deep" / "Ölwechsel.flac", RATE // 2, seed=1)
    write_song(songs / "long; $(touch x).wav", RATE, seed=2)
    (songs / "bad.wav").write_bytes(b"no audio")
    (songs / "old.wav").write_bytes(b"")
    options = [songs, "--two-stems", "vocals", "--format", "flac", "--json"]
    found = []
    for out, more in (("here", []), ("there", ["--cluster", lab.address])):
        assert run(tiny_system, *options, "-o", tmp_path / out, *more) == 1
        found.append([event for event in events(capsys) if event["event"] in ("failed", "summary")])
    here, there = tmp_path / "here", tmp_path / "there"
    stems = sorted(path.relative_to(here) for path in here.rglob("*") if path.is_file())
    assert len(stems) == 4
    assert stems == sorted(path.relative_to(there) for path in there.rglob("*") if path.is_file())
    for stem in stems:
        assert (here / stem).read_bytes() == (there / stem).read_bytes()
    reasons = [sorted(str(event.get("reason")) for event in one) for one in found]
    assert reasons[0] == reasons[1] and len(reasons[0]) == 3
    again = [*options, "-o", there, "--skip-existing", "--cluster", lab.address]
    shutil.rmtree(there / "deep")
    assert run(tiny_system, *again) == 1
    done = [Path(event["song"]).name for event in events(capsys) if event["event"] == "done"]
    assert done == ["Ölwechsel.flac"] and len(list((there / "deep").rglob("*.flac"))) == 2


def test_the_song_itself_is_not_overwritten(
    tiny_system: Path, tmp_path: Path, lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    lab.keep("one")
    song = write_song(tmp_path / "vocals.wav", RATE // 2)
    content = song.read_bytes()
    old = {"decisions": [], "sources": list(SOURCES)}
    (tmp_path / "out").mkdir()
    for folder in (tmp_path, tmp_path / "out"):
        (folder / "quality.json").write_text(json.dumps(old))  # of an earlier run with a limit
    options = ("--name", "{stem}", "--cluster", lab.address)
    assert run(tiny_system, song, "-o", tmp_path, *options) == 1
    assert "got the song itself as a stem's place" in capsys.readouterr().err
    assert song.read_bytes() == content and not (tmp_path / "bass.wav").exists()
    assert (tmp_path / "quality.json").exists()
    assert run(tiny_system, song, "-o", tmp_path / "out", *options) == 0
    assert sorted(it.name for it in (tmp_path / "out").iterdir()) == sorted(
        f"{source}.wav" for source in SOURCES
    )


def test_any_exception_in_a_song_leaves_the_others_separated(
    tiny_system: Path, tmp_path: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    lab.keep("one")
    one = Elsewhere._one

    def fail(self: Elsewhere, dispatcher: Any, pack: Any, path: Path, *more: Any) -> float:
        if path.stem == "bad":
            raise FileNotFoundError(2, "No such file or directory")
        return one(self, dispatcher, pack, path, *more)

    monkeypatch.setattr(Elsewhere, "_one", fail)
    songs = [write_song(tmp_path / f"{name}.wav", RATE // 2) for name in ("bad", "good")]
    options = ("-o", tmp_path / "out", "--json", "--cluster", lab.address)
    assert run(tiny_system, *songs, *options) == 1
    told = {event["event"]: event for event in events(capsys) if "song" in event}
    assert told["done"]["song"] == str(songs[1])
    assert told["failed"]["song"] == str(songs[0])
    assert "got FileNotFoundError [Errno 2]" in told["failed"]["reason"]
