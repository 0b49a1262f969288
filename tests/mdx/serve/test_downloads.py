"""The player's downloads: of which version, and what happens to one that is refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from benchmarks.page_server import serving
from tests.mdx.cli.kit import RATE, write_song
from tests.mdx.serve.pages import Pages, open_pages

# What the links of the rows lead to, and those of the bar; null where they lead nowhere.
LINKS = """
const path = (it) => it.href ? new URL(it.href).pathname + new URL(it.href).search : null;
return Object.fromEntries([...document.querySelectorAll('.player a[download]')]
  .filter((it) => it.checkVisibility())
  .map((it) => [it.classList.contains('quiet') ? it.closest('.track').dataset.track
                                               : it.classList[1], path(it)]));
"""
OTHER = {"system": "tiny", "precision": "float32", "two_stems": "vocals"}


@pytest.fixture(scope="module")
def pages(tiny_system: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """The page of a fresh server, with the open player of a song in two versions."""
    folder = tmp_path_factory.mktemp("downloads")
    write_song(folder / "song.wav", 4 * RATE)
    with open_pages(tiny_system, folder) as pages:
        pages.choose(folder / "song.wav")
        pages.click(".listen", pages.card("song.wav", "done"))
        (job,) = pages.server.jobs()
        content = (folder / "song.wav").read_bytes()
        assert pages.server.ask("PUT", f"/api/jobs/{job}/truth/bass", content)[0] == 204
        assert pages.server.ask("POST", f"/api/jobs/{job}/again", OTHER)[0] == 201
        pages.wait("return document.querySelectorAll('.side').length === 3")
        yield pages


def test_they_are_of_the_version_that_plays(pages: Pages) -> None:
    first, second = pages.server.jobs()

    def links(side: int) -> Any:
        pages.click(f".side:nth-child({side})")
        return pages.run(LINKS)

    pages.click(".player .bass .mute")
    found = links(1)
    assert found["bass"] == f"/api/jobs/{first}/stem/bass?format=wav"
    gains = [f"&gain={name}%3A1.0000" for name in ("drums", "other", "vocals")]
    assert found["mix"] == f"/api/jobs/{first}/mix?format=wav{''.join(gains)}"
    found = links(2)
    assert found == {
        "bass": None, "drums": None, "other": None,
        "vocals": f"/api/jobs/{second}/stem/vocals?format=wav",
        "zip": f"/api/jobs/{second}/zip?format=wav",
        "mix": f"/api/jobs/{second}/mix?format=wav&gain=vocals%3A1.0000",
        "karaoke": f"/api/jobs/{second}/mix?format=wav&gain=instrumental%3A1.0000",
    }  # fmt: skip
    nothing = dict.fromkeys(found)
    assert links(3) == nothing  # the true stems
    pages.click(".player .blind input")
    assert [links(side) for side in (1, 2, 3)] == [nothing] * 3
    pages.click(".player .blind input")
    zips = {links(side)["zip"] for side in (1, 2, 3)}  # in the order that was drawn
    assert zips == {None, *(f"/api/jobs/{job}/zip?format=wav" for job in (first, second))}


def test_a_refused_one_says_why(pages: Pages, tiny_system: Path) -> None:
    def choose(kind: str) -> None:
        Select(pages.browser.find_element(By.CSS_SELECTOR, ".downloads select")).select_by_value(
            kind
        )

    pages.run("""
        [...document.querySelectorAll('.side')].find((it) => it.innerText === 'tiny, float32')
          .click()""")
    port = pages.server.port
    pages.server.stop()
    folder = pages.folder / "folder"
    with serving(tiny_system, folder, "--port", str(port), "--min-free", "1e9") as pages.server:
        pages.wait("return document.querySelector('#connection').hidden")
        choose("flac")
        pages.run("""
            const link = document.querySelector('.player .drums a');
            window.busy = [];
            new MutationObserver(() => window.busy.push(link.ariaBusy))
              .observe(link, { attributes: true, attributeFilter: ['aria-busy'] });""")
        pages.click(".player .drums a")
        told = pages.wait(
            "return document.querySelector('.player .alarm:not([hidden])')?.innerText"
        )
        assert told.startswith("disk: got ") and told.endswith("make room")
        pages.wait("return window.busy.join() === 'true,false'")
        choose("wav")
        pages.click(".player .drums a")  # there is no need of room for it
        assert len(pages.downloaded("song - drums.wav")) > 4 * 4 * RATE
        assert pages.run("return document.querySelector('.player .alarm').hidden")
