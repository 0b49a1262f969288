"""A browser that shows a server's page, and what a person does there."""

from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from benchmarks.page_server import PATIENCE, Server
from tests.browser import wait


class Pages:
    """A browser that shows a server's page, and what a person does there."""

    def __init__(self, browser: webdriver.Chrome, server: Server, folder: Path) -> None:
        self.browser, self.server, self.folder = browser, server, folder
        self.downloads = folder / "downloads"

    def run(self, script: str, *arguments: object) -> Any:
        """What a script returns."""
        return self.browser.execute_script(script, *arguments)

    def wait(self, script: str, *arguments: object) -> Any:
        """Wait until a script returns what is true."""
        return wait(self.browser, script, *arguments, patience=PATIENCE)

    def open(self) -> None:
        """Load the page."""
        self.browser.get(f"http://localhost:{self.server.port}/")
        self.wait("return document.querySelector('#system').value")

    def choose(self, *paths: Path) -> None:
        """Choose files by the button."""
        self.browser.find_element(By.ID, "files").send_keys("\n".join(map(str, paths)))

    def card(self, name: str, state: str) -> Any:
        """The card of a song, once it is in a state."""
        return self.wait(
            "return [...document.querySelectorAll(`.song.${arguments[1]}`)]"
            ".find((it) => it.ariaLabel === arguments[0])", name, state,
        )  # fmt: skip

    def click(self, selector: str, within: Any = None) -> None:
        """Click what is shown."""
        element = (within or self.browser).find_element(By.CSS_SELECTOR, selector)
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def press(self, *keys: str) -> None:
        """Press keys, held together."""
        self.run("document.activeElement?.blur()")
        chain = ActionChains(self.browser)
        for key in keys[:-1]:
            chain.key_down(key)
        chain.send_keys(keys[-1])
        for key in keys[:-1]:
            chain.key_up(key)
        chain.perform()

    def downloaded(self, name: str) -> bytes:
        """A file that the browser has saved."""
        path = self.downloads / name
        wait_for = iter(range(int(PATIENCE / 0.1)))
        while not path.is_file() and next(wait_for, None) is not None:
            self.run("return new Promise((resolve) => setTimeout(resolve, 100))")
        return path.read_bytes()
