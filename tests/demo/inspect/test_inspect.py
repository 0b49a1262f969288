"""`python -m demo.inspect`: its output, its page and its errors."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from plotly.offline import get_plotlyjs

from demo.inspect.__main__ import main
from demo.inspect.page import Page, caption, facts_line
from demo.inspect.songs import FILES, find_songs
from demo.inspect.summary import HEADER, make_tables, measure_songs, pitch_lines
from mdx.errors import ConfigError
from tests.demo.inspect.kit import facts_of, write_song

NASTY = '<img src=x onerror="alert(1)">'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five songs in both splits: one voice, doubled, harmony, rap; one without song.json."""
    root = tmp_path_factory.mktemp("inspect")
    write_song(root / "train" / "train-000", facts=facts_of(NASTY))
    write_song(root / "train" / "train-001", facts=facts_of("funk", doubled=True))
    write_song(root / "train" / "train-002", facts=facts_of("funk", harmony="third"),
               silent=("drums",))  # fmt: skip
    write_song(root / "test" / "test-000", facts=facts_of("rap", sung="rap"))
    write_song(root / "test" / "real", silent=("vocals",))
    return root


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    """The page, with four of the songs and without plotly's code."""
    assert main([str(folder), "--songs", "4", "--excerpt", "0.5"]) == 0
    page = (folder / "demo.html").read_text(encoding="utf-8")
    assert len(page) < 8_000_000
    return page.replace(get_plotlyjs(), "")


def test_the_printed_tables(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "deep" / "page.html"
    assert main([str(folder), "--page", str(page), "--songs", "1", "--excerpt", "0.2"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    (drums,) = (line for line in lines if line.startswith("drums: "))
    assert "4 songs, 1 silent left out" in drums and "12 kHz is" in drums  # white noise is bright
    assert sum(line.startswith("| median") for line in lines) == 5
    assert sum(line.startswith("| real: song 1") for line in lines) == 4
    assert all(line.count("|") == len(HEADER) + 1 for line in lines if line.startswith("|"))
    pitch = lines[lines.index("pitch of the vocals against the score:") + 1 : -1]
    assert [line.split(":")[0] for line in pitch] == [
        "one voice, 1 song", "doubled, 1 song", "harmony, 1 song",
    ]  # fmt: skip
    near = [float(share) for line in pitch for share in re.findall(r": ([\d.]+) % of", line)]
    assert len(near) == 3 and min(near) > 95 and all(" 0.00 % an octave off" in x for x in pitch)
    assert lines[-1] == f"wrote {page}" and page.is_file() and not err


def test_medians_over_the_songs_that_sound(folder: Path) -> None:
    measured = list(measure_songs(find_songs(folder)))
    tables = make_tables(measured)
    assert [(table.songs, table.silent) for table in tables.values()] == [
        (5, 0), (4, 1), (5, 0), (4, 1), (5, 0),
    ]  # fmt: skip
    bass = tables["bass"].median
    assert bass and bass.active == 1 and bass.correlation == pytest.approx(1)
    assert bass.loudness is not None and -22 < bass.loudness < -14
    vocals = tables["vocals"]
    assert vocals.median and 0.7 < vocals.median.active < 0.95
    assert vocals.rows[0][-1] == "57..64"
    assert (
        tables["mixture"].verdict == "no bands for a mixture" and len(tables["mixture"].rows) == 1
    )


def test_a_stem_that_no_song_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    song = write_song(tmp_path / "song", silent=("vocals", "bass"), facts=facts_of("ambient"))
    measured = list(measure_songs(find_songs(song)))
    assert make_tables(measured)["vocals"].verdict == "silent in all songs"
    assert pitch_lines(measured) == ["no song has a score of sung notes to compare the pitch with"]
    assert main([str(song), "--excerpt", "0.2"]) == 0
    text = (song / "demo.html").read_text(encoding="utf-8").replace(get_plotlyjs(), "")
    assert "silent in all songs" in text and 'id="spectrum-vocals"' not in text
    assert 'id="spectrum-drums"' in text and text.count("<audio") == 5


def test_the_page_shows_the_songs(text: str) -> None:
    songs = re.findall(r"<details.*?</details>", text, re.S)
    assert len(songs) == 4 and songs[0].startswith("<details open")
    assert all(song.count("<audio") == len(FILES) for song in songs)
    names = re.findall(r"<h3>([^<]*/[^<]*)</h3>", text)
    assert sorted(names) == ["test/real", "test/test-000", "train/train-000", "train/train-001"]
    assert "96.5 bpm, A minor, 4/4, piano + nylon guitar, it, alto, sung" in text
    assert text.count("Pitch (one voice):") == 1 and text.count("Pitch (doubled):") == 1


def test_the_page_shows_the_spectra(text: str) -> None:
    figures = re.findall(r'id="(spectrum-\w+)-figure">(.*?)</script>', text, re.S)
    assert [name for name, _ in figures] == [
        "spectrum-bass", "spectrum-drums", "spectrum-other", "spectrum-vocals",
    ]  # fmt: skip
    for name, content in figures:
        traces = {trace["name"]: trace for trace in json.loads(content)["data"]}
        assert {"accepted", "every song", "median", "real: song 1"} <= set(traces)
        assert traces["real: song 1"]["line"]["dash"] == "dash"
        gaps = traces["every song"]["y"].count(None)
        assert gaps == {"spectrum-drums": 4, "spectrum-vocals": 4}.get(name, 5)


def test_the_page_is_self_contained_and_facts_are_escaped(text: str) -> None:
    assert "http:" not in text and "https:" not in text and "default-src 'none'" in text
    assert all(uri.startswith("data:") for uri in re.findall(r"\bsrc=\"([^\"]*)", text))
    assert "<img" not in text and "&lt;img src=x" in text
    assert text.count("</script>") == text.count("<script")


def test_the_same_songs_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    pages = [tmp_path / "a.html", tmp_path / "b.html"]
    for page in pages:
        assert main([str(folder / "test"), "--page", str(page), "--excerpt", "0.3"]) == 0
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_where_songs_may_lie(folder: Path, tmp_path: Path) -> None:
    names = [song.name for song in find_songs(folder)]
    assert names == ["test/real", "test/test-000", "train/train-000", "train/train-001",
                     "train/train-002"]  # fmt: skip
    assert find_songs(folder / "train")[0].name == "train-000"
    assert [song.name for song in find_songs(folder / "test" / "real")] == ["real"]
    write_song(tmp_path / ".demo-draft" / "test-007")
    write_song(tmp_path / "test" / "test-007")
    assert [song.name for song in find_songs(tmp_path)] == ["test/test-007"]


def test_facts_of_another_version_are_shown_as_they_are() -> None:
    facts: dict[str, Any] = {
        "genre": "folk", "tempo": 120, "mode": None, "bass": {"kind": "fretless", "odd": True},
        "instruments": [{"name": "harp"}, "oboe"], "singer": {"doubled": True, "sung": False},
        "more": 1,
    }  # fmt: skip
    assert facts_line(facts) == "folk, 120 bpm, fretless, odd bass, harp + oboe, doubled"
    assert facts_line({}) == "" and caption(None) == "silent"


@pytest.mark.parametrize("option", [["--songs", "-1"], ["--excerpt", "0"], ["--excerpt", "nan"],
                                    ["--songs", "few"]])  # fmt: skip
def test_bad_options_are_one_line(option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["somewhere", *option])
    assert stop.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("python -m demo.inspect: ") and err.count("\n") == 1


@pytest.mark.parametrize("module", ["jinja2", "plotly.offline"])
def test_without_the_page_s_tools(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError, match=r"demo\.html: got no .*\[report\]"):
        Page()
