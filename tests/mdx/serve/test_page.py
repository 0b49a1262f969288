"""The page in a real browser: separating songs and playing their stems."""

import base64
import io
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from benchmarks.page_server import serving
from mdx.systems.spec import SOURCES
from tests.browser import console, open_browser, set_scheme
from tests.mdx.cli.kit import RATE, run, write_song
from tests.mdx.serve.pages import LOUDNESS, POSITION, Pages, without_web_audio

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
    """The page of a fresh server in a browser."""
    folder = tmp_path_factory.mktemp("page")
    write_song(folder / "short.wav", 8 * RATE)
    write_song(folder / "long.wav", 60 * RATE)
    (folder / "broken.wav").write_bytes(b"no audio " * 99)
    with (
        serving(tiny_system, folder / "folder", "--threads", "1") as server,
        open_browser(folder / "profile") as browser,
    ):
        pages = Pages(browser, server, folder)
        behaviour = {"behavior": "allow", "downloadPath": str(pages.downloads)}
        browser.execute_cdp_cmd("Browser.setDownloadBehavior", behaviour)
        pages.open()
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
    pages.wait("return document.querySelector('.song.queued .state')?.textContent")
    pages.browser.refresh()  # in the middle
    pages.click(".cancel", pages.card("long.wav", "working"))
    pages.card("long.wav", "cancelled")
    failed = pages.card("broken.wav", "failed").find_element(By.CSS_SELECTOR, ".state").text
    assert failed.startswith("broken.wav: got no audio")
    pages.card("short.wav", "done")
    pages.wait("return document.querySelectorAll('.song.done').length === 3")
    assert not [line for line in console(pages.browser) if "favicon" not in line["message"]]


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


def test_everything_has_a_name_and_fits(pages: Pages) -> None:
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
