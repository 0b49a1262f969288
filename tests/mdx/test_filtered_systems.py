"""Systems that end with a Wiener filter: at which levels it runs, and what it costs a limit."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import yaml

from mdx.errors import NetworkError
from mdx.limit.policy import Limit
from mdx.separator import Separator
from mdx.systems.spec import LAST_RESORT, SAMPLE_RATE, SOURCES
from tests.tiny import FLOAT, noise

FILTER = {"kind": "wiener", "n_fft": 256, "hop": 64, "segment": 33}


@pytest.fixture
def filtered(stocked: Path) -> Path:
    """The small system without a Mixer, with a filter."""
    system = yaml.safe_load((stocked / "mdx_net_no_mixer.yaml").read_text())
    system["combine"] = [FILTER]
    system["ladder"] = [
        {"precision": "int8"}, {"precision": "int8", "estimators": ["drums", "vocals"]},
    ]  # fmt: skip
    path = stocked / "filtered.yaml"
    path.write_text(yaml.safe_dump(system))
    return path


def test_it_runs_where_all_estimators_do(filtered: Path) -> None:
    ladder = Separator.load(filtered, threads=1, limited=True).ladder
    assert [ladder.filter_of(level) is not None for level in ladder.levels] == [
        True, True, False, False,
    ]  # fmt: skip
    assert ladder.levels[-1] == LAST_RESORT
    for level, filters in zip(ladder.levels, (True, True, False, False), strict=True):
        networks = sum(part.geometry.count(9_000) for part in ladder.running(level))
        last = ladder.filter.geometry.count(9_000) if ladder.filter and filters else 0
        assert ladder.count_segments(level, 9_000) == networks + last


def test_a_stem_alone_is_not_filtered(filtered: Path) -> None:
    song = noise(5_000)
    alone = Separator.load(filtered, threads=1, sources=["vocals"])
    assert alone.ladder.filter is None
    plain = Separator.load(filtered.with_name("mdx_net_no_mixer.yaml"), threads=1)
    got, expected = (it.separate(song, SAMPLE_RATE)["vocals"] for it in (alone, plain))
    np.testing.assert_array_equal(got, expected)
    whole = Separator.load(filtered, threads=1).separate(song, SAMPLE_RATE)["vocals"]
    assert np.abs(whole - got).max() > 0.01


@pytest.mark.parametrize("seconds", [1e-9, 0.001, 60.0])
def test_a_limit_is_kept_with_it(filtered: Path, tmp_path: Path, seconds: float) -> None:
    song, mix = tmp_path / "song.wav", noise(20_000)
    sf.write(song, mix.T, SAMPLE_RATE, subtype="FLOAT")
    separator = Separator.load(filtered, threads=1, limited=True)
    paths = separator.separate_file(
        song, tmp_path / "out", encoding=FLOAT, limit=Limit("fixed", seconds)
    )
    whole = Separator.load(filtered, threads=1).separate(mix, SAMPLE_RATE)
    for source in SOURCES:
        expected = whole[source] if seconds == 60 else mix / 4
        got = sf.read(paths[source])[0].T
        assert np.abs(got - expected).max() < 1e-6


@pytest.mark.filterwarnings("ignore")
def test_what_it_makes_of_an_overflow_is_an_error(filtered: Path, tmp_path: Path) -> None:
    song = tmp_path / "huge.wav"
    sf.write(song, noise(1_000).T * 1e38, SAMPLE_RATE, subtype="FLOAT")  # one segment, the last
    with pytest.raises(NetworkError, match="NaN or infinity"):
        Separator.load(filtered, threads=1).separate_file(song, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_progress_counts_its_segments(filtered: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    separator = Separator.load(filtered, threads=1)
    separator.separate(noise(9_000), SAMPLE_RATE, progress=lambda *it: seen.append(it))
    assert "wiener" in {stage for _, _, stage in seen}
    assert seen[-1] == (seen[0][1], seen[0][1], "done")
