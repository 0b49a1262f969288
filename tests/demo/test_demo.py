"""The composer and renderer: repeatable, exact, well formed, splits kept apart."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from demo.__main__ import main
from demo.composer import compose
from demo.dsp import SAMPLE_RATE, hertz, pluck, saw
from demo.render import Stems, active_rms, render_song, write_songs
from demo.score import STEMS
from demo.splits import BANDS, PROGRESSIONS, Palette

SECONDS = 4.0
# Levels are drawn from -3..2.5 dB relative to each other; equal up to the final rounding.
LEVEL_SPREAD_DB = 6.0


@pytest.fixture(scope="module")
def songs() -> dict[tuple[str, int], tuple[Stems, dict[str, Any]]]:
    """Three songs of each split."""
    return {
        (split, index): render_song(split, index, seconds=SECONDS, seed=5)
        for split in ("train", "test")
        for index in range(3)
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A written demo of one training and one test song."""
    out = tmp_path_factory.mktemp("demo")
    write_songs(out, train=1, test=1, seconds=SECONDS, seed=5)
    return out


def test_layout_and_format(folder: Path) -> None:
    names = {"mixture.wav", "song.json", *(f"{stem}.wav" for stem in STEMS)}
    for track in (folder / "train" / "train-000", folder / "test" / "test-000"):
        assert {path.name for path in track.iterdir()} == names
        for path in track.glob("*.wav"):
            info = soundfile.info(path)
            assert (info.samplerate, info.channels, info.subtype) == (SAMPLE_RATE, 2, "PCM_16")
            assert info.frames == round(SECONDS * SAMPLE_RATE)
    assert {path.name for path in folder.iterdir()} == {"train", "test"}  # no drafts left


def test_mixture_is_the_exact_sum(folder: Path) -> None:
    for track in folder.glob("*/*"):
        audio = {
            path.stem: soundfile.read(path, dtype="int16")[0].astype(int)
            for path in track.glob("*.wav")
        }
        np.testing.assert_array_equal(audio["mixture"], sum(audio[stem] for stem in STEMS))


def test_same_seed_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write_songs(tmp_path, train=0, test=1, seconds=SECONDS, seed=5)
    for path in (tmp_path / "test" / "test-000").iterdir():
        assert path.read_bytes() == (folder / "test" / "test-000" / path.name).read_bytes()


def test_other_seed_or_index_gives_another_song(songs: dict[tuple[str, int], Any]) -> None:
    other, _ = render_song("test", 0, seconds=SECONDS, seed=6)
    for stem in STEMS:
        assert not np.array_equal(other[stem], songs["test", 0][0][stem])
        assert not np.array_equal(songs["test", 1][0][stem], songs["test", 0][0][stem])


def test_second_run_rewrites_nothing(folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    write_songs(folder, train=1, test=1, seconds=SECONDS, seed=5)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_another_seed_replaces_the_song(tmp_path: Path) -> None:
    for seed in (1, 2):
        (track,) = write_songs(tmp_path, train=1, test=0, seconds=2, seed=seed)
        assert json.loads((track / "song.json").read_text())["seed"] == seed
    assert [path.name for path in tmp_path.iterdir()] == ["train"]


def test_stems_are_heard_and_never_clip(songs: dict[tuple[str, int], Any]) -> None:
    for key, (stems, _) in songs.items():
        levels = [20 * np.log10(active_rms(x)) for x in stems.values()]
        assert max(levels) - min(levels) < LEVEL_SPREAD_DB, key
        for audio in (*stems.values(), sum(x.astype(int) for x in stems.values())):
            assert 500 < np.abs(audio).max() <= 0.95 * 32767 + len(STEMS), key


def test_stereo_is_wide_where_it_should_be(songs: dict[tuple[str, int], Any]) -> None:
    def correlation(stem: str) -> float:
        return float(np.mean([np.corrcoef(song[0][stem])[0, 1] for song in songs.values()]))

    assert correlation("bass") > 0.95
    assert correlation("drums") > 0.7
    assert correlation("other") < correlation("vocals")


def test_splits_share_neither_tempo_key_progression_nor_timbre() -> None:
    facts: dict[str, list[dict[str, Any]]] = {"train": [], "test": []}
    for split, found in facts.items():
        for index in range(40):
            palette = Palette(split, np.random.default_rng([index, 0]))
            centre = palette.draw("centre", 50.0, 69.0)
            rng = np.random.default_rng([index, 1])
            score = compose(palette, rng, seconds=8.0, vocal_centre=centre)
            found.append({"tempo": score.clock.bpm, "tonic": score.tonic,
                          "progression": (score.mode, score.progression)})  # fmt: skip
    for key in ("tempo", "tonic", "progression"):
        train, test = ({song[key] for song in facts[split]} for split in ("train", "test"))
        assert train and test and not train & test, key
    for mode in ("major", "minor"):
        assert not set(PROGRESSIONS["train"][mode]) & set(PROGRESSIONS["test"][mode])


def test_song_json_proves_the_timbres_of_the_split(songs: dict[tuple[str, int], Any]) -> None:
    for (split, _), (_, facts) in songs.items():
        assert facts["tempo"] % 2 == facts["tonic"] % 2 == (split == "test")
        assert {"singer.formant_scale", "drums.kick_hz", "bass.cutoff"} <= set(facts["timbre"])
        for name, drawn in facts["timbre"].items():
            assert any(a <= drawn["place"] <= b for a, b in BANDS[split]), name
    gaps = sorted((a, b, split) for split, bands in BANDS.items() for a, b in bands)
    assert all(first[1] < second[0] for first, second in pairwise(gaps))


def test_form_lets_stems_rest_but_never_vanish() -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        score = compose(Palette("train", rng), rng, seconds=24.0, vocal_centre=60.0)
        assert all(len(section.active) >= len(STEMS) - 1 for section in score.sections)
        assert set().union(*(section.active for section in score.sections)) == set(STEMS)
        starts = [note.start for note in score.vocals]
        assert starts == sorted(starts) and score.bass and score.drums and score.layers[0].notes


@pytest.mark.parametrize("pitch", [40, 60, 76])
def test_strings_and_saws_are_in_tune(pitch: int) -> None:
    n = SAMPLE_RATE
    string = pluck(np.random.default_rng(0), hertz(pitch), n, t60=3.0, bright=0.5)
    for wave in (string, saw(np.full(n, hertz(pitch)))):
        spectrum = np.abs(np.fft.rfft(wave * np.hanning(n)))  # one bin is one hertz
        near = slice(int(hertz(pitch) * 0.9), int(hertz(pitch) * 1.1) + 1)
        assert abs(near.start + int(spectrum[near].argmax()) - hertz(pitch)) <= 1.0


@pytest.mark.parametrize(
    "arguments",
    [["--seconds", "1"], ["--train", "-1"], ["--seed", "-3"], ["--test", "two"], ["--loud"]],
)
def test_bad_arguments_exit_2_with_one_line(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        raise SystemExit(main(["--out", str(tmp_path / "new"), *arguments]))
    assert exit_info.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_out_must_not_be_a_file_or_hold_strangers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "songs" / "test" / "test-000").mkdir(parents=True)
    for name in ("file", "songs"):
        assert main(["--out", str(tmp_path / name), "--test", "1", "--seconds", "2"]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_command_line_prints_one_line_per_song(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--out", str(tmp_path), "--test", "2", "--seconds", "2"]) == 0
    assert capsys.readouterr().out.count("\n") == 2
