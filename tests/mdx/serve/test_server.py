"""A whole server: its stems equal those of `mdx separate`."""

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from benchmarks.page_server import Server
from mdx.systems.spec import SOURCES
from tests.mdx.cli.kit import RATE, run, write_song
from tests.tiny import noise

NASTY = "../../etc/<b>pass\nwd\u202e.wav"


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """One second of noise as a WAV file."""
    return write_song(tmp_path_factory.mktemp("song") / "song.wav", RATE).read_bytes()


@pytest.fixture(scope="module")
def done(server: Server, song: bytes) -> dict[str, Any]:
    """The finished job of that song."""
    job = server.separate(song)
    assert job["state"] == "done", job
    return job


def samples(content: bytes) -> Any:
    """The integer samples of a WAV or FLAC file."""
    return sf.read(io.BytesIO(content), dtype="int16")[0]


def test_stems_are_those_of_the_command_line(
    server: Server, done: dict[str, Any], song: bytes, tiny_system: Path, tmp_path: Path
) -> None:
    (tmp_path / "song.wav").write_bytes(song)
    assert run(tiny_system, tmp_path / "song.wav", "-o", tmp_path, "--threads", "1") == 0
    with zipfile.ZipFile(io.BytesIO(server.get(f"/api/jobs/{done['id']}/zip"))) as archive:
        assert archive.testzip() is None
        for source in SOURCES:
            expected = (tmp_path / "song" / f"{source}.wav").read_bytes()
            assert server.get(f"/api/jobs/{done['id']}/stem/{source}") == expected
            assert archive.read(f"song/{source}.wav") == expected
            flac = server.get(f"/api/jobs/{done['id']}/stem/{source}?format=flac")
            assert np.array_equal(samples(flac), samples(expected))


def test_what_is_played_is_what_is_downloaded(server: Server, done: dict[str, Any]) -> None:
    root = f"/api/jobs/{done['id']}"
    for kind, name in (("stem", "bass"), ("original", "mixture")):
        whole = samples(server.get(f"{root}/sound/{kind}/{name}"))
        pieces = [
            server.get(f"{root}/samples/{kind}/{name}?start={start}&count=20000")
            for start in range(0, RATE + 20000, 20000)
        ]
        assert np.array_equal(np.frombuffer(b"".join(pieces), "<i2").reshape(-1, 2), whole)
        peaks = np.frombuffer(server.get(f"{root}/peaks/{kind}/{name}"), np.int8)
        assert np.abs(peaks).max() == round(np.abs(whole.astype(int)).max() / 32768 * 127)
        assert len(server.get(f"{root}/spectrum/{kind}/{name}")) % 96 == 0


def test_a_mix_is_the_sum_of_the_faders(server: Server, done: dict[str, Any]) -> None:
    root = f"/api/jobs/{done['id']}"
    bass, drums = (samples(server.get(f"{root}/stem/{stem}")) / 32768 for stem in ("bass", "drums"))
    quiet = samples(server.get(f"{root}/mix?gain=bass:0.05&gain=drums:0.1&gain=vocals:0"))
    assert np.abs(quiet / 32768 - (0.05 * bass + 0.1 * drums)).max() < 3 / 32768
    loud = samples(server.get(f"{root}/mix?gain=bass:4&gain=drums:4")) / 32768
    expected = 4 * (bass + drums)
    assert np.abs(expected).max() > 1  # it is turned down as a whole
    assert np.abs(loud - expected / np.abs(expected).max()).max() < 3 / 32768
    mp3 = server.get(f"{root}/mix?gain=bass:1&format=mp3")
    assert sf.info(io.BytesIO(mp3)).format == "MP3"


@pytest.mark.parametrize("query", [
    "gain=bass:5", "gain=bass:-1", "gain=bass:nan", "gain=bass:inf", "gain=bass", "gain=tuba:1",
    "gain=bass:0", "", "gain=bass:1&format=exe", "gain=bass:1&format=../wav",
])  # fmt: skip
def test_an_invalid_mix_is_refused(server: Server, done: dict[str, Any], query: str) -> None:
    status, _, body = server.ask("GET", f"/api/jobs/{done['id']}/mix?{query}")
    assert status == 400 and json.loads(body)["error"].count("\n") == 0


def test_two_stems_add_up(server: Server, song: bytes) -> None:
    job = server.separate(song, two_stems="vocals")
    assert job["stems"] == ["vocals", "instrumental"]
    root = f"/api/jobs/{job['id']}/stem"
    total = sum(samples(server.get(f"{root}/{stem}")).astype(int) for stem in job["stems"])
    assert np.abs(total - samples(song)).max() <= 3  # each is rounded


def test_a_name_is_text_and_never_a_path(server: Server, song: bytes) -> None:
    job = server.separate(song, NASTY)
    assert job["name"] == "<b>passwd.wav"
    _, headers, body = server.ask("GET", f"/api/jobs/{job['id']}/zip")
    assert headers["content-disposition"].startswith("attachment; filename*=utf-8''")
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert all(".." not in name and name.count("/") == 1 for name in archive.namelist())


BROKEN = {
    "text.wav": b"no audio " * 99,
    "zip.wav": b"PK\x03\x04" + bytes(5000),
    "half.wav": b"RIFF" + bytes(100),
    "list.m3u8": b"#EXTM3U\nhttp://127.0.0.1:9/song.mp3\n",
    "image.png": b"\x89PNG\r\n\x1a\n" + bytes(100),
}


def test_broken_songs_fail_with_a_reason_and_the_others_continue(
    server: Server, song: bytes
) -> None:
    broken = {name: server.send(content, name) for name, content in BROKEN.items()}
    good = server.send(song)
    for name, job in broken.items():
        failed = server.wait(job)
        assert failed["state"] == "failed" and name in failed["error"], failed
        assert "/" not in failed["error"].replace("http://", "").split(":")[0]
    assert server.wait(good)["state"] == "done"


def test_cancelled_songs_leave_the_queue(server: Server) -> None:
    buffer = io.BytesIO()
    sf.write(buffer, noise(40 * RATE).T, RATE, format="WAV")
    first, second = (server.send(buffer.getvalue(), f"{number}.wav") for number in (1, 2))
    server.wait(first, ("working",))
    assert server.ask("POST", f"/api/jobs/{second}/cancel")[0] == 204
    assert server.wait(second)["state"] == "cancelled"
    assert server.ask("DELETE", f"/api/jobs/{first}")[0] == 409
    assert server.ask("POST", f"/api/jobs/{first}/cancel")[0] == 204
    assert server.wait(first)["state"] == "cancelled" and not server.jobs()[first]["stems"]
    assert server.ask("DELETE", f"/api/jobs/{second}")[0] == 204
    assert second not in server.jobs()
    again = json.loads(server.ask("POST", f"/api/jobs/{first}/again", {
        "system": "tiny", "precision": "float32", "two_stems": "bass",
    })[2])  # fmt: skip
    assert server.wait(again["id"])["stems"] == ["bass", "no_bass"]


def test_a_worker_that_dies_takes_only_its_song(server: Server, song: bytes) -> None:
    buffer = io.BytesIO()
    sf.write(buffer, noise(40 * RATE, seed=1).T, RATE, format="WAV")
    victim, next_one = server.send(buffer.getvalue()), server.send(song)
    server.wait(victim, ("working",))
    for pid in server.workers:
        os.kill(pid, 9)
    failed = server.wait(victim)
    assert failed["state"] == "failed" and "SIGKILL" in failed["error"]
    assert server.wait(next_one)["state"] == "done"
    assert server.ask("POST", f"/api/jobs/{victim}/cancel")[0] == 204  # nothing left to cancel
    assert server.jobs()[victim]["state"] == "failed"


def test_true_stems_are_scored(server: Server, test_set: Path) -> None:
    folder = test_set / "song 1"
    job = server.separate((folder / "mixture.wav").read_bytes(), "song 1")
    root = f"/api/jobs/{job['id']}"
    for source in SOURCES:
        content = (folder / f"{source}.wav").read_bytes()
        assert server.ask("PUT", f"{root}/truth/{source}", content)[0] == 204
    assert server.jobs()[job["id"]]["truth"] == list(SOURCES)
    status, _, body = server.ask("POST", f"{root}/scores")
    assert status == 200, body
    scores = json.loads(body)
    for metric in ("sdr", "sdr_median_of_frames"):
        assert set(scores[metric]) == {"song", *SOURCES}
    true = sf.read(folder / "bass.wav")[0]
    found = samples(server.get(f"{root}/stem/bass")) / 32768
    expected = 10 * np.log10((true**2).sum() / ((true - found) ** 2).sum())
    assert scores["sdr"]["bass"] == pytest.approx(expected, abs=1e-3)
    assert server.jobs()[job["id"]]["scores"] == scores
    heard = samples(server.get(f"{root}/sound/truth/bass")) / 32768
    assert np.abs(heard - true).max() < 2 / 32768
    picture = server.get(f"{root}/spectrum/truth/bass")
    vocals = (folder / "vocals.wav").read_bytes()
    assert server.ask("PUT", f"{root}/truth/bass", vocals)[0] == 204
    assert server.get(f"{root}/spectrum/truth/bass") != picture
    assert server.ask("POST", f"{root}/scores")[0] == 200
    assert server.ask("PUT", f"{root}/truth/tuba", vocals)[0] == 404  # which changes nothing
    assert server.jobs()[job["id"]]["scores"]
    assert server.ask("PUT", f"{root}/truth/bass", b"no audio")[0] == 400
    assert server.jobs()[job["id"]]["scores"] is None


def test_true_stems_that_do_not_fit_are_refused(
    server: Server, done: dict[str, Any], tmp_path: Path
) -> None:
    short = write_song(tmp_path / "short.wav", RATE - 1).read_bytes()
    root = f"/api/jobs/{done['id']}"
    status, _, body = server.ask("PUT", f"{root}/truth/bass", short)
    assert status == 400 and "44099 samples" in json.loads(body)["error"]
    assert server.ask("PUT", f"{root}/truth/tuba", short)[0] == 404
    assert server.ask("PUT", f"{root}/truth/bass", b"no audio")[0] == 400
    assert server.ask("POST", f"{root}/scores")[0] == 409
    assert server.jobs()[done["id"]]["truth"] == []


@pytest.mark.parametrize("wish", [
    {"system": "nothing"}, {"system": "../tiny.yaml"}, {"system": 3}, {"precision": "int4"},
    {"two_stems": "tuba"}, {"two_stems": ["bass"]}, {"bytes": 0}, {"bytes": -1}, {"bytes": 1 << 60},
    {"bytes": "many"}, {"bytes": True}, {"bytes": None},
])  # fmt: skip
def test_invalid_requests_are_refused(server: Server, wish: dict[str, Any]) -> None:
    before = set(server.jobs())
    asked = {"system": "tiny", "precision": "float32", "name": "a.wav", "bytes": 10} | wish
    status, _, body = server.ask("POST", "/api/jobs", asked)
    assert status in (400, 413) and "\n" not in json.loads(body)["error"]
    assert set(server.jobs()) == before
