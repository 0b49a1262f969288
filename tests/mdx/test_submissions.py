"""Small versions of the submitted systems: original file formats and original procedures."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

import mdx.separator
from benchmarks.memory import peak_memory, write_song
from mdx.separator import Separator
from mdx.systems.spec import SAMPLE_RATE, SOURCES
from tests.mdx.submissions import TOLERANCE, loaded, of_kind, reference, small
from tests.tiny import FLOAT, TINY, noise


# Segments are 17,640 samples long; they start every 8,820 samples, or 13,230 in demucs_v2.
@pytest.mark.parametrize(
    ("name", "samples"),
    [
        *(("leaderboard_a", n) for n in (2, 5_000, 8_821, 17_639, 17_640, 17_641, 26_460, 26_461)),
        ("leaderboard_a", 60_000),  # two calls of two segments each, and further segments
        *(("leaderboard_b", n) for n in (5_000, 17_641, 26_461)),
        *(("demucs_v2", n) for n in (5_000, 13_231, 17_640, 26_460, 26_461, 80_000)),
        *((name, 20_000) for name in ("mdx_net", "mdx_net_no_mixer")),
    ],
)
def test_a_system_is_its_original_procedure(name: str, samples: int, shelf: Path) -> None:
    mix = noise(samples) + np.float32(0.05)
    got = loaded(shelf / f"{name}.yaml").separate(mix, SAMPLE_RATE)
    expected = reference(small(name), mix)
    for index, source in enumerate(SOURCES):
        error = np.abs(got[source] - expected[index]).max(axis=0)
        peak = np.abs(expected[index]).max()
        worst = int(error.argmax())
        assert error[worst] < TOLERANCE * peak, (source, worst, error[worst] / peak)


def test_the_blend_is_that_of_the_paper() -> None:
    shares = {"bass": 0.5, "drums": 0.5, "other": 0.7, "vocals": 0.9}
    for name in ("leaderboard_a", "leaderboard_b"):
        (blend,) = of_kind(small(name)["combine"], "blend")
        assert blend["shares"] == shares


@pytest.mark.parametrize("name", ["leaderboard_a", "leaderboard_b"])
def test_blocks_do_not_matter(name: str, shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mix = noise(30_000)
    whole = loaded(shelf / f"{name}.yaml").separate(mix, SAMPLE_RATE)
    monkeypatch.setattr(mdx.separator, "BLOCK", 1013)
    parts = loaded(shelf / f"{name}.yaml").separate(mix, SAMPLE_RATE)
    for source in SOURCES:
        assert np.abs(parts[source] - whole[source]).max() < 1e-6 * np.abs(whole[source]).max()


@pytest.mark.parametrize("name", ["leaderboard_a", "demucs_v2"])
def test_a_file_gives_what_its_array_gives(name: str, shelf: Path, tmp_path: Path) -> None:
    for rate in (SAMPLE_RATE, 48_000):
        mix = noise(20_000, seed=rate) + np.float32(0.1)
        path = tmp_path / f"{rate}.wav"
        sf.write(path, mix.T, rate, subtype="FLOAT")
        separator = loaded(shelf / f"{name}.yaml")
        stems = separator.separate(mix, rate)
        for source, stem in separator.separate_file(path, tmp_path, encoding=FLOAT).items():
            found = sf.read(stem, dtype="float32")[0].T
            assert np.abs(found - stems[source]).max() < 1e-6 * np.abs(found).max()


@pytest.mark.parametrize("piece", [1, 700, 30_000])
def test_pieces_of_an_answer_may_have_any_size(
    piece: int, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mix = noise(3_000 if piece == 1 else 60_000)
    separator = loaded(shelf / "leaderboard_a.yaml")
    expected = separator.separate(mix, SAMPLE_RATE)
    monkeypatch.setattr("mdx.pipeline.PIECE", piece)
    found = separator.separate(mix, SAMPLE_RATE)
    for source in SOURCES:
        assert (
            np.abs(found[source] - expected[source]).max() <= 1e-6 * np.abs(expected[source]).max()
        )


@pytest.mark.parametrize("name", ["demucs_v2", "leaderboard_a"])
def test_a_longer_song_takes_no_more_memory(name: str, shelf: Path, tmp_path: Path) -> None:
    peaks = []
    for seconds in (5, 35):  # arrays of the long song's stems would take 40 MB more
        song = tmp_path / f"{seconds}.wav"
        write_song(song, seconds)
        peaks.append(peak_memory(str(shelf / f"{name}.yaml"), song, tmp_path / "out"))
    assert peaks[1] - peaks[0] < 10.0, peaks


@pytest.mark.parametrize("name", ["leaderboard_a", "demucs_v2"])
def test_silence_stays_silent(name: str, shelf: Path) -> None:
    stems = loaded(shelf / f"{name}.yaml").separate(0 * noise(20_000), SAMPLE_RATE)
    assert not any(stem.any() for stem in stems.values())


def test_one_source_is_blended_without_the_mixer(shelf: Path) -> None:
    mix = noise(20_000)
    path = shelf / "leaderboard_a.yaml"
    vocals = Separator.load(path, threads=1, sources=["vocals"])
    assert vocals.sources == ("vocals",)
    assert vocals.ladder.levels[0].estimators == ("vocals", "demucs_v2")
    bare = small("leaderboard_a")
    bare["combine"] = of_kind(bare["combine"], "blend")
    expected = reference(bare, mix)[SOURCES.index("vocals")]
    found = vocals.separate(mix, SAMPLE_RATE)
    assert list(found) == ["vocals"]
    assert np.abs(found["vocals"] - expected).max() < TOLERANCE * np.abs(expected).max()


def test_progress_counts_segments_too(shelf: Path) -> None:
    calls: list[tuple[int, int, str]] = []
    mix = noise(40_000)
    separator = loaded(shelf / "leaderboard_a.yaml")
    separator.separate(mix, SAMPLE_RATE, progress=lambda *call: calls.append(call))
    total = sum(-(-40_000 // size.step) for size in TINY.values()) + 5
    assert calls[-1] == (total, total, "done")
    assert {call[1] for call in calls} == {total}
    assert len({call[0] for call in calls if call[2] == "demucs_v2"}) >= 3


def test_both_polarities_are_those_of_demucs_too(shelf: Path) -> None:
    mix = noise(20_000)
    mix -= mix.mean()  # so inverting the song inverts the network's input
    path = shelf / "demucs_v2.yaml"
    once = Separator.load(path, threads=1)
    twice = Separator.load(path, threads=1, spend_budget=True)
    assert twice.ladder.levels[0].both_polarities
    up, down = (once.separate(turned, SAMPLE_RATE)["drums"] for turned in (mix, -mix))
    found = twice.separate(mix, SAMPLE_RATE)["drums"]
    assert np.abs(found - (up - down) / 2).max() < TOLERANCE * np.abs(found).max()
    assert np.abs(found - up).max() > 0.01 * np.abs(found).max()
