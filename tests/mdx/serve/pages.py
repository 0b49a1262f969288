"""A browser that shows a server's page, and what a person does there."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from benchmarks.page_server import PATIENCE, Server, serving
from tests.browser import console, open_browser, wait

# The current level: the peak of the analyser's samples.
LOUDNESS = """
const data = new Float32Array(2048);
const audio = document.querySelector('.player').parentElement.player.audio;
audio.analyser.getFloatTimeDomainData(data);
return Math.max(...data.map(Math.abs));
"""
POSITION = "return document.querySelector('.player').parentElement.player.audio.position"


class Pages:
    """A browser that shows a server's page, and what a person does there."""

    def __init__(self, browser: webdriver.Chrome, server: Server, folder: Path) -> None:
        self.browser, self.server, self.folder = browser, server, folder
        self.downloads = folder / "downloads"

    def run(self, script: str, *arguments: object) -> Any:
        """Run a script; returns its result."""
        return self.browser.execute_script(script, *arguments)

    def wait(self, script: str, *arguments: object) -> Any:
        """Wait until a script returns a true value."""
        return wait(self.browser, script, *arguments, patience=PATIENCE)

    def open(self) -> None:
        """Load the page."""
        self.browser.get(f"http://localhost:{self.server.port}/")
        self.wait("return document.querySelector('#system').value")

    def choose(self, *paths: Path) -> None:
        """Choose files with the button."""
        self.browser.find_element(By.ID, "files").send_keys("\n".join(map(str, paths)))

    def card(self, name: str, state: str) -> Any:
        """The card of a song, once it is in a state."""
        return self.wait(
            "return [...document.querySelectorAll(`.song.${arguments[1]}`)]"
            ".find((it) => it.ariaLabel === arguments[0])", name, state,
        )  # fmt: skip

    def click(self, selector: str, within: Any = None) -> None:
        """Click an element once it is visible."""
        element = (within or self.browser).find_element(By.CSS_SELECTOR, selector)
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def press(self, *keys: str) -> None:
        """Press keys together."""
        self.run("document.activeElement?.blur()")
        chain = ActionChains(self.browser)
        for key in keys[:-1]:
            chain.key_down(key)
        chain.send_keys(keys[-1])
        for key in keys[:-1]:
            chain.key_up(key)
        chain.perform()

    def slow_down(self) -> None:
        """Make the browser send 100 kB/s."""
        self.browser.execute_cdp_cmd("Network.enable", {})
        self.browser.execute_cdp_cmd("Network.emulateNetworkConditions", {
            "offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 100_000,
        })  # fmt: skip

    def downloaded(self, name: str) -> bytes:
        """The content of a file that the browser has saved."""
        path = self.downloads / name
        wait_for = iter(range(int(PATIENCE / 0.1)))
        while not path.is_file() and next(wait_for, None) is not None:
            self.run("return new Promise((resolve) => setTimeout(resolve, 100))")
        return path.read_bytes()


def without_web_audio(pages: Pages) -> None:
    """Test playback in a browser without WebAudio."""
    script = {"source": "delete window.AudioContext; delete window.webkitAudioContext;"}
    pages.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", script)
    pages.open()
    pages.click(".listen", pages.card("short.wav", "done"))
    pages.press(" ")
    pages.wait(f"return (() => {{ {POSITION} }})() > 0.2")
    apart = pages.run("""
        const { players } = document.querySelector('.player').parentElement.player.audio;
        const times = [...players.values()].map((it) => it.currentTime);
        return [players.size, Math.max(...times) - Math.min(...times)]""")
    assert apart[0] == 5 and apart[1] < 0.5
    pages.press("1")
    volumes = pages.run("""
        const { players } = document.querySelector('.player').parentElement.player.audio;
        return [...players.values()].map((it) => it.volume)""")
    assert volumes == [0, 1, 1, 1, 0]
    pages.press(" ")
    assert json.dumps(console(pages.browser)) == "[]"


@contextmanager
def open_pages(system: Path, folder: Path) -> Iterator[Pages]:
    """The page of a fresh server in a browser, which saves downloads without asking."""
    with (
        serving(system, folder / "folder", "--threads", "1") as server,
        open_browser(folder / "profile") as browser,
    ):
        pages = Pages(browser, server, folder)
        behaviour = {"behavior": "allow", "downloadPath": str(pages.downloads)}
        browser.execute_cdp_cmd("Browser.setDownloadBehavior", behaviour)
        pages.open()
        yield pages
