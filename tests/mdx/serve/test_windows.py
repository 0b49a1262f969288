"""Several windows of a browser, and links to the page from elsewhere."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from selenium.webdriver.common.by import By

from benchmarks.page_server import serving
from tests.browser import open_browser, wait
from tests.mdx.cli.kit import RATE, write_song
from tests.mdx.serve.pages import Pages, open_pages

COMPLAINT = "return document.querySelector('#connection:not([hidden])')?.innerText"
CONNECTIONS = 6  # of a browser to a server, for all its windows


@pytest.fixture
def pages(tiny_system: Path, tmp_path: Path) -> Iterator[Pages]:
    """The page of a fresh server in a browser."""
    with open_pages(tiny_system, tmp_path) as pages:
        yield pages


def test_any_number_of_windows_may_be_open(pages: Pages, tmp_path: Path) -> None:
    write_song(tmp_path / "song.wav", RATE)
    pages.choose(tmp_path / "song.wav")
    pages.card("song.wav", "done")
    (tmp_path / "empty.wav").touch()
    pages.choose(tmp_path / "empty.wav")
    pages.wait(COMPLAINT)
    first = pages.browser.current_window_handle
    for _ in range(CONNECTIONS):
        pages.browser.switch_to.new_window("tab")
        pages.open()
        pages.card("song.wav", "done")
    job = next(iter(pages.server.jobs()))
    assert pages.server.ask("DELETE", f"/api/jobs/{job}")[0] == 204
    write_song(tmp_path / "next.wav", RATE)
    pages.choose(tmp_path / "next.wav")
    pages.card("next.wav", "done")
    pages.browser.switch_to.window(first)  # which nobody has seen meanwhile
    pages.card("next.wav", "done")
    assert pages.run("return document.querySelectorAll('.song').length") == 1
    assert pages.run(COMPLAINT).startswith("empty.wav: ")


def test_a_window_that_sends_songs_follows_them_unseen(pages: Pages, tmp_path: Path) -> None:
    pages.slow_down()
    (tmp_path / "long.wav").write_bytes(bytes(40_000_000))
    pages.choose(tmp_path / "long.wav")
    pages.card("long.wav", "uploading")
    pages.run("""
        Object.defineProperty(document, 'hidden', { value: true });
        document.dispatchEvent(new Event('visibilitychange'));""")
    job = next(iter(pages.server.jobs()))
    assert pages.server.ask("POST", f"/api/jobs/{job}/cancel")[0] == 204
    pages.card("long.wav", "cancelled")


def test_a_link_from_another_site_opens_the_page(tiny_system: Path, tmp_path: Path) -> None:
    with (
        serving(tiny_system, tmp_path / "folder", "--token", "a secret of 20 letters") as server,
        open_browser(tmp_path / "profile") as browser,
    ):
        address = f"http://localhost:{server.port}/?token={quote('a secret of 20 letters')}"
        browser.get(f"data:text/html,<a href='{address}'>songs</a>")
        browser.find_element(By.TAG_NAME, "a").click()
        wait(browser, "return document.querySelector('#system')?.value", patience=60)
        browser.get(f"data:text/html,<a href='http://localhost:{server.port}/'>songs</a>")
        browser.find_element(By.TAG_NAME, "a").click()
        wait(browser, "return document.querySelector('#system')?.value", patience=60)
