"""Tiny versions of the paper's systems: their own YAML against the published procedure."""

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import yaml

import mdx.separator
from mdx.errors import ConfigError, NetworkError
from mdx.separator import Separator
from mdx.systems.spec import SAMPLE_RATE
from predict import main
from tests.mdx.published_procedures import LEAST, expected, order
from tests.mdx.published_shelf import FRAMES, HOP, SYSTEMS, Shelved, shelve
from tests.tiny import noise

TOLERANCE = 1e-4  # of the peak


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Shelved]:
    """Tiny systems by name, made on demand."""
    return functools.cache(lambda name: shelve(name, tmp_path_factory.mktemp(name)))


@functools.cache
def loaded(path: Path) -> Separator:
    return Separator.load(path, threads=1)


def check(shelved: Shelved, samples: int) -> None:
    """Assert that a system equals its published procedure on noise of this length."""
    song = noise(samples) + np.float32(0.05)
    got = loaded(shelved.path).separate(song, SAMPLE_RATE)
    names = order(shelved.values)
    assert sorted(got) == sorted(names)
    for stem, made in zip(names, expected(shelved, song), strict=True):
        error = np.abs(got[stem] - made).max(axis=0)
        worst, peak = int(error.argmax()), np.abs(made).max()
        assert peak > 0
        assert error[worst] < TOLERANCE * peak, (stem, samples, worst, error[worst] / peak)


def boundaries(values: dict[str, Any]) -> list[int]:
    """The lengths at which a song gets another segment, or fills its first one."""
    part = values["estimators"][0]
    if part["kind"] == "magnitude":
        kept, around = part["segment"] * HOP, 2 * part["context"] * HOP
        return [LEAST, kept, around, kept + around, 2 * kept + around]
    if part["kind"] == "waveform":
        return [220, 441, 661, 882, 1323, 1764, 2646]
    chunk = HOP * (FRAMES - 1)
    if values["name"] == "tfc_tdf_v3":
        return [chunk // 8, chunk, 2 * chunk]
    return [chunk - 2 * part["trim"], chunk, 2 * (chunk - 2 * part["trim"])]


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_is_its_published_procedure(name: str, shelf: Callable[[str], Shelved]) -> None:
    shelved = shelf(name)
    around = [size + more for size in boundaries(shelved.values) for more in (-1, 0, 1)]
    # With two samples all covariances have rank 1, and D3Net's filter amplifies rounding.
    shortest = (50,) if name == "d3net" else (1, 2, 50)
    for samples in (*shortest, *around, 5_003):
        check(shelved, samples)


@pytest.mark.parametrize("name", SYSTEMS)
def test_blocks_do_not_matter(
    name: str, shelf: Callable[[str], Shelved], monkeypatch: pytest.MonkeyPatch
) -> None:
    song, separator = noise(4_000), loaded(shelf(name).path)
    whole = separator.separate(song, SAMPLE_RATE)
    monkeypatch.setattr(mdx.separator, "BLOCK", 301)
    for stem, part in separator.separate(song, SAMPLE_RATE).items():
        assert np.abs(part - whole[stem]).max() < 1e-6 * np.abs(whole[stem]).max()


@pytest.mark.parametrize("name", SYSTEMS)
def test_it_runs_from_the_command_line_and_down_its_ladder(
    name: str, shelf: Callable[[str], Shelved], tmp_path: Path
) -> None:
    shelved = shelf(name)
    song = tmp_path / "song.wav"
    sf.write(song, noise(SAMPLE_RATE // 4)[0], SAMPLE_RATE)  # mono
    for limit in ("600", "1e-9"):
        out = tmp_path / limit
        options = ["--system", str(shelved.path), "-o", str(out), "--float32", "--limit", limit]
        assert main([str(song), *options]) == 0
        for stem in order(shelved.values):
            samples, _ = sf.read(out / "song" / f"{stem}.wav")
            assert samples.shape == (SAMPLE_RATE // 4, 2) and np.isfinite(samples).all()
    levels = json.loads((out / "song" / "quality.json").read_text())["levels"]
    labels = [level["label"] for level in levels]
    ladder = [
        ", ".join([level["precision"], *level.get("estimators", [])])
        for level in shelved.values["ladder"]
    ]
    few = [label for label in [*ladder, "scaled mixture"] if label != "bf16"]  # not of every CPU
    assert [label for label in labels if label != "bf16"] == few


@pytest.mark.parametrize("name", SYSTEMS)
def test_silence_is_silent(name: str, shelf: Callable[[str], Shelved]) -> None:
    stems = loaded(shelf(name).path).separate(np.zeros((2, 3_000), np.float32), SAMPLE_RATE)
    for stem in stems.values():
        assert stem.shape == (2, 3_000) and not stem.any()


def test_stems_behind_a_filter_add_up_to_the_song(shelf: Callable[[str], Shelved]) -> None:
    shelved = shelf("tfc_tdf_v3")
    step = {"kind": "wiener", "n_fft": 256, "hop": 64, "segment": 17}
    song = noise(3_000)
    for combine in ([], [step]):
        path = shelved.path.with_name(f"{len(combine)} steps.yaml")
        path.write_text(yaml.safe_dump({**shelved.values, "combine": combine}))
        left = song - sum(loaded(path).separate(song, SAMPLE_RATE).values())
        assert (np.abs(left).max() < 0.05 * np.abs(song).max()) == bool(combine)


@pytest.mark.parametrize("name", ["d3net", "x_umx"])
@pytest.mark.parametrize("samples", [1, 2, 2_000])
def test_covariances_of_rank_1_are_filtered(
    name: str, samples: int, shelf: Callable[[str], Shelved]
) -> None:
    mono = noise(samples)[0]
    for stem in loaded(shelf(name).path).separate(mono, SAMPLE_RATE).values():
        assert stem.shape == (2, samples)
        assert np.isfinite(stem).all() and np.abs(stem).max() < 10


def test_a_stem_that_a_system_cannot_make_is_named(shelf: Callable[[str], Shelved]) -> None:
    with pytest.raises(ConfigError, match=r"got \['drums'\], expected some of \['vocals', 'accom"):
        Separator.load(shelf("resunet_decouple").path, sources=["drums"])


def test_both_polarities_of_magnitudes_are_one(shelf: Callable[[str], Shelved]) -> None:
    shelved = shelf("x_umx")
    twice = shelved.path.with_name("twice.yaml")
    twice.write_text(yaml.safe_dump({**shelved.values, "both_polarities": True}))
    song = noise(1_000)
    for path in (shelved.path, twice):
        assert loaded(path).separate(song, SAMPLE_RATE)["bass"].any()
    got, once = (loaded(path).separate(song, SAMPLE_RATE) for path in (twice, shelved.path))
    np.testing.assert_array_equal(got["bass"], once["bass"])


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("d3net", {"context": 27}, "context: got 27 frames, expected at least 28"),
        ("d3net", {"segment": 32}, "segment: got 32, expected a multiple of 12 frames"),
        ("d3net", {"overlap": 0.25}, r"overlap: got 0\.25, expected 0 or 0\.5"),
        ("d3net", {"wiener": "magic"}, "wiener: got 'magic', expected one of none, wiener"),
        ("open_unmix", {"hop": 0}, "hop: got 0, expected samples, at least 1"),
        ("open_unmix", {"window": 7}, "window: got 7, expected a part of the segment of 24"),
        ("open_unmix", {"weights": {"bass": "x.onnx"}}, "expected one file for each of bass"),
        ("open_unmix", {"weights": {"bass": 1}}, "expected the name of a file for each stem"),
        ("open_unmix", {"kind": "spectrogram"}, "expected one file with kind spectrogram|unknown"),
        ("x_umx", {"n_fft": 128}, r"expected float32 \(b, 2, 65, T\) in, \(b, 4, 2, 65, T\) out"),
        ("x_umx", {"makes": ["bass", "drums"]}, r"none for|\(b, 2, 2, 33, T\) out"),
        ("resunet_decouple", {"segment": 0.03}, "got inputs of 882 samples, .* expected 1323"),
    ],
)
def test_what_does_not_fit_is_refused(
    name: str, changes: dict[str, Any], message: str, shelf: Callable[[str], Shelved]
) -> None:
    shelved = shelf(name)
    part, *others = shelved.values["estimators"]
    changed = shelved.path.with_name("changed.yaml")
    values = {**shelved.values, "estimators": [{**part, **changes}, *others]}
    changed.write_text(yaml.safe_dump(values))
    with pytest.raises((ConfigError, NetworkError), match=message):
        Separator.load(changed, threads=1)
