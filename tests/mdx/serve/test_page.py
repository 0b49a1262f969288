"""The page in a real browser: separating songs, downloads, layout, and a lost server."""

import base64
import io
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from selenium.webdriver.common.by import By

from benchmarks.page_server import serving
from mdx.systems.spec import SOURCES
from tests.browser import console, set_scheme
from tests.mdx.cli.kit import RATE, run, write_song
from tests.mdx.serve.pages import Pages, open_pages, without_web_audio

DROP = """
const bytes = Uint8Array.from(atob(arguments[0]), (letter) => letter.charCodeAt(0));
const transfer = new DataTransfer();
transfer.items.add(new File([bytes], arguments[1]));
const at = document.querySelector('#drop');
for (const kind of ['dragenter', 'dragover', 'drop'])
  at.dispatchEvent(new DragEvent(kind, {dataTransfer: transfer, bubbles: true, cancelable: true}));
"""


@pytest.fixture(scope="module")
def pages(tiny_system: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """The page of a fresh server in a browser, and three files to separate."""
    folder = tmp_path_factory.mktemp("page")
    write_song(folder / "short.wav", 8 * RATE)
    write_song(folder / "long.wav", 60 * RATE)
    (folder / "broken.wav").write_bytes(b"no audio " * 99)
    with open_pages(tiny_system, folder) as pages:
        yield pages


def test_a_song_is_dropped_and_separated(pages: Pages) -> None:
    content = (pages.folder / "long.wav").read_bytes()[: 44 + 4 * 30 * RATE]
    buffer = io.BytesIO()
    sf.write(buffer, np.frombuffer(content[44:], "<i2").reshape(-1, 2), RATE, format="WAV")
    assert pages.run("return document.querySelector('#empty').hidden") is False
    pages.run(DROP, base64.b64encode(buffer.getvalue()).decode(), "dropped.wav")
    pages.card("dropped.wav", "working")
    seen = pages.run("""
        return new Promise((resolve) => {
          const card = document.querySelector('.song'), values = [], words = new Set();
          const timer = setInterval(() => {
            values.push(card.querySelector('progress').value);
            words.add(card.querySelector('.state').textContent);
            if (card.classList.contains('working')) return;
            clearInterval(timer);
            resolve([values, [...words]]);
          }, 10);
        });""")
    values, words = seen
    busy = [value for value in values if value < 1]
    assert busy == sorted(busy) and len(set(busy)) > 5
    assert any(" left" in word and "%" in word for word in words), words
    pages.card("dropped.wav", "done")
    assert "Done: 0:30 of music" in pages.browser.find_element(By.CSS_SELECTOR, ".state").text
    assert console(pages.browser) == []


def test_what_is_downloaded_is_what_the_command_line_writes(
    pages: Pages, tiny_system: Path, tmp_path: Path
) -> None:
    pages.choose(pages.folder / "short.wav")
    pages.click(".listen", pages.card("short.wav", "done"))
    pages.click(".player .zip")
    pages.click(".player .vocals a")
    assert run(tiny_system, pages.folder / "short.wav", "-o", tmp_path, "--threads", "1") == 0
    with zipfile.ZipFile(io.BytesIO(pages.downloaded("short.zip"))) as archive:
        for source in SOURCES:
            expected = (tmp_path / "short" / f"{source}.wav").read_bytes()
            assert archive.read(f"short/{source}.wav") == expected
    assert pages.downloaded("short - vocals.wav") == expected
    for selector in (".bass .mute", ".other .mute"):
        pages.click(f".player {selector}")
    pages.run("""
        const fader = document.querySelector('.player .drums input');
        fader.value = -20; fader.dispatchEvent(new Event('input', {bubbles: true}));""")
    pages.click(".player .mix")
    mix = sf.read(io.BytesIO(pages.downloaded("short - mix.wav")))[0]
    parts = [sf.read(tmp_path / "short" / f"{stem}.wav")[0] for stem in ("drums", "vocals")]
    expected_mix = 0.1 * parts[0] + parts[1]
    gain = 1 / max(1, np.abs(expected_mix).max())
    assert np.abs(mix - gain * expected_mix).max() < 1e-3


def test_folders_are_understood(pages: Pages) -> None:
    paths = [
        "a.wav", "notes.txt", "M/one/mixture.wav", "M/one/bass.wav", "M/one/Vocals.wav",
        "M/two/x.mp3", "M/two/cover.jpg", "M/.hidden/x.wav", "M/bass.wav",
    ]  # fmt: skip
    found = pages.run(
        """
        const { songsOf } = await import('/page/drop.js');
        const named = (path) => new File([], path.replaceAll("/", ":"));
        const files = arguments[0].map((path) => ({ path, file: named(path) }));
        return songsOf(files).map((it) => [it.name, it.file.name, Object.keys(it.truth)]);""",
        paths,
    )
    # A folder in MUSDB's layout is one song; files chosen directly are tried whatever they are.
    assert sorted(found) == [
        ["M:bass.wav", "M:bass.wav", []], ["M:two:x.mp3", "M:two:x.mp3", []],
        ["a.wav", "a.wav", []], ["notes.txt", "notes.txt", []],
        ["one", "M:one:mixture.wav", ["bass", "vocals"]],
    ]  # fmt: skip


def test_two_songs_a_broken_one_and_a_cancelled_one(pages: Pages) -> None:
    pages.choose(*(pages.folder / f"{name}.wav" for name in ("long", "broken")))
    pages.card("long.wav", "working")
    pages.choose(pages.folder / "short.wav")
    pages.card("short.wav", "queued")
    pages.browser.refresh()  # in the middle
    pages.click(".cancel", pages.card("long.wav", "working"))
    pages.card("long.wav", "cancelled")
    failed = pages.card("broken.wav", "failed").find_element(By.CSS_SELECTOR, ".state").text
    assert failed.startswith("broken.wav: got no audio")
    pages.card("short.wav", "done")
    pages.wait("return document.querySelectorAll('.song.done').length === 3")
    assert not [line for line in console(pages.browser) if "favicon" not in line["message"]]


def test_everything_has_a_name_and_fits(pages: Pages) -> None:
    pages.click(".listen", pages.card("short.wav", "done"))
    pages.run("document.querySelector('.research').open = true")
    nameless = pages.run("""
        return [...document.querySelectorAll('button, input, select, a, progress')]
          .filter((it) => it.checkVisibility() || it.type === 'file')
          .filter((it) => !(it.textContent.trim() || it.ariaLabel || it.labels?.length))
          .map((it) => it.outerHTML)""")
    assert nameless == []
    for scheme in ("dark", "light"):
        set_scheme(pages.browser, scheme)
        for width in (360, 1280, 3840):
            size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
            pages.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            pages.wait("return innerWidth === arguments[0]", width)
            assert pages.run("return document.documentElement.scrollWidth") <= width
    pages.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_server_may_die_and_come_back(pages: Pages, tiny_system: Path) -> None:
    port = pages.server.port
    pages.server.stop(signal.SIGKILL)
    pages.wait("return !document.querySelector('#connection').hidden")
    before = pages.run("return document.querySelectorAll('.song').length")
    with serving(tiny_system, pages.folder / "folder", "--port", str(port)) as pages.server:
        pages.wait("return document.querySelector('#connection').hidden")
        assert pages.run("return document.querySelectorAll('.song').length") == before
        console(pages.browser)  # lost requests
        without_web_audio(pages)
        pages.click("#clear")
        pages.wait("return document.querySelectorAll('.song').length === 0")
        assert pages.server.jobs() == {}
