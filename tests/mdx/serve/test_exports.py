"""Downloads that are made before they are sent."""

import json
from pathlib import Path

from benchmarks.page_server import serving
from tests.mdx.cli.kit import RATE, write_song


def test_a_post_makes_what_a_get_sends(tiny_system: Path, tmp_path: Path) -> None:
    song = write_song(tmp_path / "song.wav", RATE).read_bytes()
    with serving(tiny_system, tmp_path / "folder") as server:
        job = server.separate(song)["id"]
        folder, root = tmp_path / "folder" / "jobs" / job, f"/api/jobs/{job}"
        for rest, made in (
            ("stem/bass?format=flac", "exports/bass.flac"), ("zip?format=flac", "exports/*.flac"),
            ("mix?gain=bass:0.5", "mix-*/mix.wav"), ("mix?gain=bass:0.25", "mix-*/mix.wav"),
        ):  # fmt: skip
            assert server.ask("POST", f"{root}/{rest}")[::2] == (204, b"")
            times = {path: path.stat().st_mtime_ns for path in folder.glob(made)}
            assert len(times) == (4 if rest.startswith("zip") else 1)  # of mixes, the latest one
            assert len(server.get(f"{root}/{rest}")) > 1000
            assert {path: path.stat().st_mtime_ns for path in folder.glob(made)} == times
        assert server.ask("POST", f"{root}/mix?gain=bass:9")[0] == 400
    with serving(tiny_system, tmp_path / "folder", "--min-free", "1e9") as server:
        for rest in ("stem/bass?format=mp3", "zip?format=mp3", "mix?gain=bass:1"):
            status, _, body = server.ask("POST", f"{root}/{rest}")
            assert status == 507 and "make room" in json.loads(body)["error"]
        assert server.ask("POST", f"{root}/stem/bass?format=wav")[0] == 204  # it is there
