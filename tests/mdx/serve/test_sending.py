"""What the page sends, and what it says of files that are not songs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mdx.cli.kit import RATE, write_song
from tests.mdx.serve.pages import Pages, open_pages

TOLD = "return document.querySelector('#connection:not([hidden])')?.innerText"
DROP_FOLDER = """
const file = new File(["x"], "notes.txt");
const entry = { isFile: true, fullPath: "/folder/notes.txt", file: (resolve) => resolve(file) };
let entries = [entry];
const folder = { isFile: false, createReader: () => ({
  readEntries: (resolve) => { resolve(entries); entries = []; },
}) };
const event = new Event('drop', { bubbles: true, cancelable: true });
event.dataTransfer = { types: ["Files"], items: [{ webkitGetAsEntry: () => folder }] };
document.querySelector('#drop').dispatchEvent(event);
"""


@pytest.fixture(scope="module")
def pages(tiny_system: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """The page of a fresh server in a browser."""
    folder = tmp_path_factory.mktemp("sending")
    with open_pages(tiny_system, folder) as pages:
        yield pages


def test_all_files_that_are_refused_are_named(pages: Pages) -> None:
    files = [pages.folder / f"{number}.wav" for number in range(12)]
    for path in files:
        path.touch()
    pages.choose(*files[:2], write_song(pages.folder / "fine.wav", RATE))
    assert pages.wait(TOLD).splitlines() == [
        f"{number}.wav: got an empty file, expected up to 2000 MB" for number in range(2)
    ]
    pages.card("fine.wav", "done")
    pages.choose(*files)
    pages.wait(f"return (() => {{ {TOLD} }})()?.endsWith('9.wav: got an empty file, "
               "expected up to 2000 MB\\nand 2 more')")  # fmt: skip


def test_a_folder_without_a_song_is_named(pages: Pages) -> None:
    pages.run("document.querySelector('#connection').hidden = true")
    pages.run(DROP_FOLDER)
    assert pages.wait(TOLD).startswith("No song was found there")


def test_songs_that_are_cancelled_are_not_sent_on(pages: Pages) -> None:
    pages.slow_down()
    for name in ("first", "second", "third"):
        (pages.folder / f"{name}.wav").write_bytes(bytes(40_000_000))
    names = ("first", "second", "third", "fine")
    pages.choose(*(pages.folder / f"{name}.wav" for name in names))
    # Two are sent at a time; without their end, the last one would wait for minutes.
    for name in ("third", "first", "second"):
        pages.click(".cancel", pages.card(f"{name}.wav", "uploading"))
        pages.card(f"{name}.wav", "cancelled")
    pages.wait("return document.querySelectorAll('.song.done').length === 2")
    third = next(key for key, job in pages.server.jobs().items() if job["name"] == "third.wav")
    sent = pages.run("return performance.getEntriesByType('resource').map((it) => it.name)"
                     ".filter((it) => it.endsWith('/file'))")  # fmt: skip
    assert len(sent) >= 2 and not any(third in address for address in sent)
