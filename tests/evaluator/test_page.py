"""report.html: its content, escaping, self-containment, and display in a browser."""

import html
import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from plotly.offline import get_plotlyjs
from selenium import webdriver
from selenium.webdriver.common.by import By

from evaluator.page import write_page
from evaluator.scores import COLUMNS, METRICS
from evaluator.tables import timing_lines
from mdx.errors import ConfigError
from tests.browser import console, open_browser, set_scheme, wait
from tests.evaluator.page_report import ERROR, NASTY, STATES, make_report, write_files


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a report with songs in every state."""
    root = tmp_path_factory.mktemp("page")
    songs, stems = write_files(root)
    write_page(make_report(), songs, stems, root / "report.html", excerpt=1.0)
    return root / "report.html"


@pytest.fixture(scope="module")
def text(page: Path) -> str:
    """The page without plotly's own code."""
    return page.read_text(encoding="utf-8").replace(get_plotlyjs(), "")


def bare(tmp_path: Path, report: dict[str, Any]) -> str:
    """The page of a report without audio, without plotly's own code."""
    write_page(report, {}, tmp_path, tmp_path / "bare.html", excerpt=0)
    return (tmp_path / "bare.html").read_text(encoding="utf-8").replace(get_plotlyjs(), "")


def test_names_and_errors_are_text(text: str) -> None:
    assert "<img" not in text and "<script>alert" not in text
    assert html.escape(NASTY, quote=False).split('"')[0] in text
    assert html.escape(ERROR, quote=False) in text
    assert text.count("</script>") == text.count("<script")
    for figure in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', text, re.S):
        json.loads(figure)
        assert "<" not in figure


def test_nothing_is_loaded_from_anywhere(text: str) -> None:
    assert "http:" not in text and "https:" not in text and "//cdn" not in text
    assert all(uri.startswith("data:") for uri in re.findall(r"\bsrc=\"([^\"]*)", text))
    assert not re.findall(r"\bhref=(?!.#)|url\(|@import", text)
    assert "default-src 'none'" in text


def test_it_shows_the_run_and_its_errors(text: str) -> None:
    assert "5 songs of &#39;mine&#39;" in text and "PCM_16" in text
    for words in ("Unfinished run", "2 of 10 separations", "Failed songs", "a contradiction"):
        assert words in text
    assert text.count('<span class="mark">trained on test</span>') == 6  # cards and two tables
    assert "38.2 %" in text and "107.5 %" in text and "late" in text


def test_published_figures_stay_apart(text: str) -> None:
    tables = re.findall(r"<table>.*?</table>", text, re.S)
    (board,) = (table for table in tables if "somebody" in table)
    assert "7.12" in board and "a book" in board and 'class="ours"' not in board
    assert "for orientation, another test set: not comparable" in text


def test_the_paper_s_verdicts(text: str) -> None:
    (paper,) = (t for t in re.findall(r"<table>.*?</table>", text, re.S) if "Verdict" in t)
    assert "reproduced" in paper and "not comparable: other weights" in paper
    assert "<td>7.50 → 7.55</td>" in paper and '<td class="bad">7.50 → 8.00</td>' in paper
    assert "not comparable: another training" in paper and "<td>6.50 → 4.50</td>" in paper


def test_songs_in_every_state(text: str) -> None:
    songs = re.findall(r"<details(?: open)?>.*?</details>", text, re.S)
    assert len(songs) == len(STATES)
    assert [song.count("<audio") for song in songs] == [13, 13, 9, 5, 0]  # none where no system was
    assert "no true stems" in songs[2] and "failed" in songs[3] and "not reached" in songs[4]
    assert not any("Cannot be read" in song for song in songs)
    assert songs[0].startswith("<details open") and songs[1].startswith("<details>")


def test_missing_stems_are_reported(tmp_path: Path) -> None:
    songs, stems = write_files(tmp_path)
    shutil.rmtree(stems / "last")
    (stems / "first" / "second" / "bass.wav").write_bytes(b"no audio")
    (songs["third"] / "mixture.wav").unlink()
    (songs[NASTY] / "drums.wav").unlink()
    write_page(make_report(), songs, stems, tmp_path / "report.html", excerpt=0.5)
    text = (tmp_path / "report.html").read_text(encoding="utf-8").replace(get_plotlyjs(), "")
    gaps = re.findall(r"nothing to hear: ([^<]*)\.<", text)
    assert gaps == ["true stems, stems of last", "stems of first, stems of last", "the mixture"]
    shown = re.findall(r"<details(?: open)?>.*?</details>", text, re.S)
    assert [song.count("<audio") for song in shown] == [1 + 3 + 4, 1 + 4 + 3, 0, 5, 0]


def test_without_audio(tmp_path: Path) -> None:
    text = bare(tmp_path, make_report())
    assert "<audio" not in text and "spectrogram-" not in text and "Cannot be read" not in text


def test_a_run_without_scores_or_times(tmp_path: Path) -> None:
    report = make_report()
    report["complete"] = True
    report["tables"] = report["tables"][2:]
    for entry in (report["baseline"], *report["systems"]):
        entry["mean"] = None
        entry["warnings"] = []
        for row in entry["songs"]:
            row.update(state="unscored", error=None, sdr=None, sdr_median_of_frames=None)
    for timing in report["timing"]["systems"]:
        timing.update(songs=[], worst=None, projection=None)
    text = bare(tmp_path, report)
    assert "No song was scored" in text and "No song was timed" in text
    assert not re.search(r'class="(alarm|plot)"><h2', text) and "Plotly.react" in text


def test_an_entry_without_all_stems_is_not_called_unscored(tmp_path: Path) -> None:
    report = make_report()
    report["systems"][0]["mean"]["sdr"] = dict.fromkeys(COLUMNS, None) | {"vocals": 7.0}
    text = bare(tmp_path, report)
    assert "no mean SDR: not every song has all four stems" in text
    assert "no song was scored" not in text


def test_the_machines_of_a_cluster_are_named(tmp_path: Path) -> None:
    report = make_report()
    assert "workers of a cluster" not in bare(tmp_path, report)
    for song in report["timing"]["systems"][0]["songs"]:
        song["machine"] = {"cpu": "another CPU"}
    text = bare(tmp_path, report)
    assert text.count("on other machines: another CPU.</li>") == 1


def test_the_same_report_makes_the_same_bytes(page: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        songs = {NASTY: page.parent / "songs" / "0"}
        write_page(make_report(), songs, page.parent / "stems", tmp_path / name, excerpt=0.5)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("package", ["plotly", "jinja2"])
def test_missing_packages_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    for module in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=rf"got no {package}.*pip install -e '.\[report\]'"):
        write_page(make_report(), {}, tmp_path, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


@pytest.fixture(scope="module")
def driver(page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """A browser that has opened the page."""
    with open_browser(tmp_path_factory.mktemp("profile")) as browser:
        set_scheme(browser, "light")
        browser.get(page.as_uri())
        wait(browser, "return document.querySelectorAll('#spectrogram-1 .main-svg').length > 0")
        yield browser
        assert console(browser) == []


def count(browser: webdriver.Chrome, selector: str) -> int:
    """The number of elements that match a selector."""
    return len(browser.find_elements(By.CSS_SELECTOR, selector))


def test_a_browser_draws_the_plots(driver: webdriver.Chrome) -> None:
    assert console(driver) == []
    for metric in METRICS:  # songs, columns, systems with the baseline
        assert count(driver, f"#boxes-{metric} path.point") == 2 * 5 * 3
    assert count(driver, "#limits .bars .point") == 4 * 2
    assert count(driver, "#stages-1 .bars .point") == 3 * 3
    assert count(driver, "#stages-2 .bars .point") == 3
    assert count(driver, "#spectrogram-1 .heatmaplayer image") == 9
    labels = driver.find_elements(By.CSS_SELECTOR, "#stages-1 .ytick text")
    assert labels[0].text.startswith("<img src=x onerror=")
    assert driver.execute_script("return performance.getEntriesByType('resource').length") == 0


def test_a_song_is_drawn_when_it_is_opened(driver: webdriver.Chrome) -> None:
    assert count(driver, "#spectrogram-2 .main-svg") == 0
    summary = driver.find_elements(By.CSS_SELECTOR, "details > summary")[1]
    driver.execute_script("arguments[0].scrollIntoView()", summary)
    summary.click()
    wait(driver, "return document.querySelectorAll('#spectrogram-2 image').length === 9")


def test_players_play_one_at_a_time_and_stop_when_closed(driver: webdriver.Chrome) -> None:
    driver.find_element(By.TAG_NAME, "h1").click()  # browsers play sound only after a click
    play = "arguments[0].muted = true; arguments[0].loop = true; arguments[0].play().catch(() => 0)"
    first, second = driver.find_elements(By.CSS_SELECTOR, "details[open] audio")[:2]
    for player in (first, second):
        driver.execute_script(play, player)
        wait(driver, "return arguments[0].currentTime > 0", player)
    assert driver.execute_script("return arguments[0].paused", first)
    assert driver.execute_script("return arguments[0].duration", first) == pytest.approx(1, abs=0.1)
    driver.execute_script("arguments[0].closest('details').open = false", second)
    wait(driver, "return arguments[0].paused && !arguments[0].readyState", second)
    driver.execute_script("arguments[0].closest('details').open = true", second)


def test_dark_and_light(driver: webdriver.Chrome) -> None:
    page = "return getComputedStyle(document.body).backgroundColor"
    tick = "return getComputedStyle(document.querySelector('#boxes-sdr .xtick text')).fill"
    light = [driver.execute_script(script) for script in (page, tick)]
    set_scheme(driver, "dark")
    wait(driver, f"return (() => {{ {tick} }})() !== arguments[0]", light[1])
    assert driver.execute_script(page) != light[0]
    set_scheme(driver, "light")
    wait(driver, f"return (() => {{ {tick} }})() === arguments[0]", light[1])


def test_a_phone_need_not_scroll_sideways(driver: webdriver.Chrome) -> None:
    phone = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    plots = "[...document.querySelectorAll('.plot .main-svg')]"
    wait(driver, f"return {plots}.every((plot) => plot.getBoundingClientRect().width <= 390)")
    assert driver.execute_script("return document.documentElement.scrollWidth") <= 390
    driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("late", [1, 2])
def test_late_runs_of_an_audit_are_told(tmp_path: Path, late: int) -> None:
    report = make_report()
    rows = report["timing"]["audit"]
    report["timing"]["audit"] = rows = [rows[1]] * late + rows[:1] * (2 - late)
    text = bare(tmp_path, report)
    assert f"{late} of 2 runs were late or failed" in text
    assert html.escape(rows[0]["error"], quote=False) in text
    assert ("Scatter plot: SDR against" in text) == (late < 2)
    report["timing"]["audit"] = [row for row in rows if not row["error"]]
    assert ("None of 1 runs was late" in bare(tmp_path, report)) == (late < 2)


def test_stems_of_an_earlier_run_are_not_played(tmp_path: Path) -> None:
    songs, stems = write_files(tmp_path)
    players = {}
    for state in ("as they are", "pending", "failed"):
        report = make_report()
        for row in [row for entry in report["systems"] for row in entry["songs"]]:
            row["state"] = row["state"] if state == "as they are" else state
        write_page(report, songs, stems, tmp_path / "report.html", excerpt=1.0)
        players[state] = (tmp_path / "report.html").read_text(encoding="utf-8").count("<audio")
    assert players["pending"] == 0 < players["failed"]  # mixtures and true stems
    assert players["failed"] < players["as they are"]


def test_songs_that_failed_leave_no_projection(tmp_path: Path) -> None:
    report = make_report()
    for timing in report["timing"]["systems"]:
        timing.update(failed=2, projection=None)
    text = bare(tmp_path, report)
    assert "not projected: 2 songs failed" in text and "not counting <b>2 songs</b>" in text
    assert "would take" not in text
    lines = timing_lines(report, "first")
    assert any("no projection" in line and "2 songs failed" in line for line in lines)
