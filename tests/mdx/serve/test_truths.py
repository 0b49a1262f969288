"""True stems: replaced ones, of a song that is removed meanwhile, or with unreadable files."""

import asyncio
import contextlib
import json
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from benchmarks.page_server import Client, serving
from mdx.serve.jobs import Job, Wish
from mdx.serve.refusals import Refused
from mdx.serve.settings import Settings
from mdx.serve.shelf import Shelf
from mdx.serve.truths import Truths
from tests.mdx.cli.kit import RATE, write_song
from tests.mdx.serve.pages import open_pages


@pytest.mark.parametrize("chunk", [0, 1])
def test_a_song_that_is_removed_meanwhile(tmp_path: Path, chunk: int) -> None:
    async def body() -> AsyncIterator[bytes]:
        for number in range(2):
            if number == chunk:
                shelf.remove(job, with_song=True)
            yield b"x"

    with contextlib.closing(Shelf(tmp_path / "folder")) as shelf:
        job = Job("1" * 16, "2" * 16, "a.wav", 1, Wish("demo"), time.time())
        truths = Truths(Settings(folder=shelf.root, reserve=0), shelf)
        with pytest.raises(Refused, match="true bass: its song was removed") as refusal:
            asyncio.run(truths.take(job, "bass", 2, body()))
        assert refusal.value.status == 410
        assert not list((shelf.root / "songs").iterdir())


def test_errors_name_files_without_their_folders(tiny_system: Path, tmp_path: Path) -> None:
    def error(client: Client, method: str, path: str, body: bytes | None = None) -> str:
        status, _, answer = client.ask(method, path, body)
        assert status >= 400, path
        return str(json.loads(answer)["error"])

    song = write_song(tmp_path / "song.wav", 4000).read_bytes()
    with serving(tiny_system, tmp_path / "folder with spaces") as server:
        job = server.separate(song)["id"]
        root = f"/api/jobs/{job}"
        assert error(server, "PUT", f"{root}/truth/bass", b"no audio").startswith("bass.upload: ")
        assert server.ask("PUT", f"{root}/truth/drums", song)[0] == 204
        stems = tmp_path / "folder with spaces" / "jobs" / job / "stems"
        (stems / "bass.wav").write_bytes(b"no audio")
        shutil.rmtree(stems.parent / "exports", ignore_errors=True)
        (stems / "drums.wav").unlink()
        found = [
            error(server, "GET", f"{root}/{rest}")
            for rest in ("stem/bass?format=flac", "stem/drums?format=flac", "spectrum/stem/bass",
                         "mix?gain=bass:1", "samples/stem/bass?start=0&count=1", "zip?format=mp3")
        ]  # fmt: skip
        found.append(error(server, "POST", f"{root}/scores"))
        assert all(str(tmp_path) not in text and "/" not in text for text in found), found


def test_one_that_was_replaced_is_drawn_anew(tiny_system: Path, tmp_path: Path) -> None:
    drawn = (
        "return performance.getEntriesByType('resource')"
        ".filter((it) => it.name.endsWith('/peaks/truth/bass')).length === {}"
    )
    song = write_song(tmp_path / "song.wav", RATE)
    bass = write_song(tmp_path / "bass.wav", RATE, seed=1)
    with open_pages(tiny_system, tmp_path) as pages:
        pages.choose(song)
        pages.click(".listen", pages.card("song.wav", "done"))
        pages.run("document.querySelector('.research').open = true")
        truth = pages.browser.find_element(By.CSS_SELECTOR, ".player input.truth")
        truth.send_keys(str(bass))
        pages.wait("return document.querySelectorAll('.side').length === 2")
        pages.click(".side:nth-child(2)")
        pages.wait(drawn.format(1))
        write_song(bass, RATE, seed=2)
        truth.send_keys(str(bass))
        pages.wait(drawn.format(2))
