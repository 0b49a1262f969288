"""The player in a real browser: keys, synchronisation, scores, and two versions of a song."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from mdx.systems.spec import SOURCES
from tests.browser import console
from tests.mdx.cli.kit import RATE, write_song
from tests.mdx.serve.pages import LOUDNESS, POSITION, Pages, open_pages


@pytest.fixture(scope="module")
def pages(tiny_system: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """The page of a fresh server in a browser, with a song of half a minute that is separated."""
    folder = tmp_path_factory.mktemp("player")
    write_song(folder / "song.wav", 30 * RATE)
    with open_pages(tiny_system, folder) as pages:
        pages.run("performance.setResourceTimingBufferSize(10000)")  # of 250, which are soon made
        pages.choose(folder / "song.wav")
        pages.card("song.wav", "done")
        yield pages


def test_it_plays_and_the_keys_work(pages: Pages) -> None:
    pages.click(".listen")
    pages.press(" ")
    first = pages.wait(POSITION)
    assert pages.wait(f"return (() => {{ {POSITION} }})() > arguments[0]", first + 0.5)
    pages.wait(f"return (() => {{ {LOUDNESS} }})() > 0.05")
    pages.press("2")
    assert pages.run("return document.querySelector('.drums .mute').ariaPressed") == "true"
    for key in "134":
        pages.press(key)
    pages.wait(f"return (() => {{ {LOUDNESS} }})() < 1e-4")  # all are muted
    pages.press("2")
    pages.wait(f"return (() => {{ {LOUDNESS} }})() > 0.01")
    pages.press(Keys.SHIFT, "1")  # bass alone, which is muted
    pages.wait(f"return (() => {{ {LOUDNESS} }})() < 1e-4")
    pages.press("0")
    pages.wait(f"return (() => {{ {LOUDNESS} }})() > 0.05")  # the original
    pages.press("0")
    pages.press(Keys.SHIFT, "1")
    for key in "134":
        pages.press(key)
    pages.press(" ")
    assert pages.run("return document.querySelector('.play').textContent") == "Play"
    still = pages.run(POSITION)
    assert pages.run(POSITION) == still


def test_a_fader_leaves_most_keys_to_the_player(pages: Pages) -> None:
    fader = pages.browser.find_element(By.CSS_SELECTOR, ".drums input")

    def press(key: str) -> None:
        pages.run("arguments[0].focus()", fader)
        ActionChains(pages.browser).send_keys(key).perform()

    press(" ")
    pages.wait("return document.querySelector('.play').textContent === 'Pause'")
    press(" ")
    pages.wait("return document.querySelector('.play').textContent === 'Play'")
    press("1")
    assert pages.run("return document.querySelector('.bass .mute').ariaPressed") == "true"
    press("1")
    still = pages.run(POSITION)
    press(Keys.ARROW_LEFT)
    assert pages.run("return arguments[0].value", fader) == "-0.5"
    press(Keys.ARROW_RIGHT)
    assert pages.run(POSITION) == still


def test_it_stays_in_sync_after_seeking(pages: Pages) -> None:
    view = pages.browser.find_element(By.CSS_SELECTOR, ".vocals .view")
    pages.run("arguments[0].scrollIntoView({block: 'center'})", view)
    ActionChains(pages.browser).move_to_element(view).click().perform()
    assert pages.run(POSITION) == pytest.approx(15, abs=0.2)
    pages.press(Keys.ARROW_LEFT)
    assert pages.run(POSITION) == pytest.approx(10, abs=0.2)
    pages.press(" ")
    pages.wait(f"return (() => {{ {POSITION} }})() > 12")  # across the boundary of two pieces
    # All tracks are cut at the same frames and start together.
    assert (
        pages.run("""
        const audio = document.querySelector('.player').parentElement.player.audio;
        return audio.tracks.length""")
        == 5
    )
    pages.press(Keys.ARROW_RIGHT)
    assert pages.wait(f"return (() => {{ {POSITION} }})() > 17")
    pages.run("document.querySelector('.player').parentElement.player.seek(29.5)")
    pages.wait("return document.querySelector('.play').textContent === 'Play'")  # the end
    pages.press(" ")
    pages.wait(f"const at = (() => {{ {POSITION} }})(); return at > 0.1 && at < 20")
    pages.press(" ")
    assert console(pages.browser) == []


def test_it_reaches_its_end_after_pauses_and_seeks(pages: Pages) -> None:
    stopped = "return document.querySelector('.play').textContent === 'Play'"
    seek = "document.querySelector('.player').parentElement.player.seek(arguments[0])"
    for place in (27.1234, 28.0001, 28.7):  # between two samples when it pauses
        pages.run(seek, place)
        pages.press(" ")
        pages.wait(f"return (() => {{ {POSITION} }})() > {place + 0.05}")
        pages.press(" ")
        pages.wait(stopped)
    pages.press(" ")
    pages.wait(f"return (() => {{ {POSITION} }})() > 29")
    pages.press(Keys.ARROW_RIGHT)  # beyond the end
    pages.wait(stopped)
    assert pages.run(POSITION) == pytest.approx(30, abs=0.01)
    told = pages.run("return [...document.querySelectorAll('#connection, [role=alert]')]"
                     ".map((it) => it.textContent).join('')")  # fmt: skip
    assert told == ""
    assert console(pages.browser) == []


def test_quick_pauses_leave_the_clock_running(pages: Pages) -> None:
    # A browser's clock may stand still for good once it is stopped and started in quick succession.
    stops = pages.run("""
        const { audio } = document.querySelector('.player').parentElement.player;
        const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
        let stops = 0;
        audio.context.suspend = async () => { stops += 1; };
        for (let round = 0; round < 20; round += 1) {
          audio.play();
          await pause(5 * round);
          audio.pause();
          await pause(0);
        }
        delete audio.context.suspend;
        audio.seek(0);
        audio.play();
        return stops;""")
    pages.wait(f"return (() => {{ {POSITION} }})() > 0.2")
    pages.press(" ")
    assert stops == 0


def test_a_long_pause_releases_the_sound_card(pages: Pages) -> None:
    state = "document.querySelector('.player').parentElement.player.audio.context.state"
    pages.press(" ")
    pages.wait(f"return {state} === 'running'")
    pages.run("""
        window.later = window.setTimeout;
        window.setTimeout = (run, wait) => window.later(run, wait / 50);""")
    pages.press(" ")
    pages.wait(f"return {state} === 'suspended'")
    pages.run("window.setTimeout = window.later")
    before = pages.run(POSITION)
    pages.press(" ")
    pages.wait(f"return (() => {{ {POSITION} }})() > {before + 0.2}")
    pages.press(" ")
    assert console(pages.browser) == []


def test_pieces_join_without_a_gap(pages: Pages) -> None:
    # The player's own code in an offline context, with a ramp as track.
    pieces, worst = pages.run("""
        const { WebAudio } = await import('/page/audio.js');
        const rate = 8000, frames = 8 * rate;
        const ramp = async (track, start, count) => {
          const samples = new Int16Array(2 * count);
          return samples.map((_, index) => (start + (index >> 1)) % 16000).buffer;
        };
        const audio = new WebAudio({ tracks: ['ramp'], rate, frames, fetchPiece: ramp,
          onState() {}, onError(error) { throw error; } });
        await audio.context.close();
        const offline = new OfflineAudioContext(2, frames, rate);
        const pieces = [];
        audio.context = { sampleRate: rate, currentTime: 0, resume: async () => {}, close() {},
          createBuffer: (...sizes) => offline.createBuffer(...sizes),
          createBufferSource: () => pieces[pieces.push(offline.createBufferSource()) - 1] };
        const { connect } = AudioNode.prototype;
        AudioNode.prototype.connect = function () {
          return connect.call(this, offline.destination);
        };
        audio.play();
        for (let round = 0; round < 100 && pieces.length < 3; round += 1) {
          audio.context.currentTime += 0.1;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        AudioNode.prototype.connect = connect;
        const found = (await offline.startRendering()).getChannelData(0);
        const first = found.findIndex((sample) => sample) - 1;  // the ramp begins with 0
        let worst = 0;
        for (let index = 0; index < 6 * rate; index += 1)
          worst = Math.max(worst, Math.abs(found[first + index] - (index % 16000) / 32768));
        return [pieces.length, worst];
    """)
    assert pieces >= 2 and worst < 1e-6, worst


def test_scores_and_two_versions_blind(pages: Pages, test_set: Path) -> None:
    folder = test_set / "song 1"
    pages.choose(folder / "mixture.wav")
    card = pages.card("mixture.wav", "done")
    pages.click(".listen", card)
    pages.run("document.querySelector('.research').open = true")
    truth = pages.browser.find_element(By.CSS_SELECTOR, ".player input.truth")
    truth.send_keys("\n".join(str(folder / f"{source}.wav") for source in SOURCES))
    pages.wait("return document.querySelectorAll('.side').length === 2")
    pages.wait("return !document.querySelector('.score').disabled")
    pages.click(".player .score")
    cells = pages.wait("""
        const cells = [...document.querySelectorAll('.player td')].map((cell) => cell.textContent);
        return cells.length === 10 && cells""")
    job = next(it for it in pages.server.jobs().values() if it["name"] == "mixture.wav")
    assert cells[0] == f"{job['scores']['sdr']['song']:.2f}"
    pages.click(".player .again")  # another system; here it is the same one
    pages.wait("return document.querySelectorAll('.side').length === 3")
    pages.click(".player .blind input")
    names = pages.run("return [...document.querySelectorAll('.side')].map((it) => it.textContent)")
    assert names == ["A", "B", "C"]
    assert pages.run("return document.querySelectorAll('.player td').length") == 0
    pages.press(" ")
    pages.wait(f"return (() => {{ {LOUDNESS} }})() > 0.01")
    before = pages.run(POSITION)
    pages.click(".side:nth-child(3)")
    assert before <= pages.run(POSITION) < before + 2  # it continues at the same position
    pages.click(".player .blind input")
    names = pages.run("return [...document.querySelectorAll('.side')].map((it) => it.textContent)")
    assert "true stems" in names and "A" not in names
    pages.click(".player .spectrograms")
    pages.wait("return performance.getEntriesByType('resource')"
               ".filter((it) => it.name.includes('/spectrum/')).length >= 5")  # fmt: skip


def test_nothing_comes_from_elsewhere(pages: Pages) -> None:
    names = pages.run("return performance.getEntriesByType('resource').map((it) => it.name)")
    own = (f"http://localhost:{pages.server.port}/", "data:", "blob:")
    assert len(names) > 20 and all(name.startswith(own) for name in names)
