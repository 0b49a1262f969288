"""Systems of the UVR community: two stems from one network, against UVR's procedure."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

import mdx.separator
from mdx.errors import ConfigError, MdxError, NetworkError, WeightsError
from mdx.limit.policy import Limit
from mdx.separator import Separator
from mdx.stages import Stages
from mdx.systems.manifest import int8_name, register_weights
from mdx.systems.spec import SAMPLE_RATE, Audio
from predict import Submission, main
from tests.mdx.uvr_procedure import CROP, SIZE, longhand, network, stems_of, system
from tests.tiny import FLOAT, noise

TOLERANCE = 1e-5  # of a stem's peak: float32 rounding through STFT, one layer and the sums


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the network and its manifest."""
    path = tmp_path_factory.mktemp("uvr")
    (path / "net.onnx").write_bytes(network())
    register_weights(path, "net.onnx", made_by="a test")
    return path


def assert_equal(got: dict[str, Audio], expected: dict[str, Audio], where: object) -> None:
    """Both stems, in order, within the tolerance."""
    assert list(got) == list(expected)
    for name, stem in expected.items():
        assert got[name].shape == stem.shape and got[name].dtype == np.float32
        assert np.abs(got[name] - stem).max() < TOLERANCE * np.abs(stem).max(), (where, name)


BOUNDARIES = sorted(
    {size + more for size in (SIZE.step, 2 * SIZE.step, SIZE.chunk) for more in (-1, 0, 1)}
    | {CROP - SIZE.n_fft + more for more in (-1, 0, 1)}
    | {1, 2, SIZE.n_fft // 2, CROP + 1, 20000}
)


def test_streamed_equals_longhand_around_every_boundary(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    separator = Separator.load(system(folder), threads=1)
    for samples in BOUNDARIES:
        mix = noise(samples)
        monkeypatch.setattr(mdx.separator, "BLOCK", 1000 + samples % 777)
        assert_equal(separator.separate(mix, SAMPLE_RATE), stems_of(mix), samples)


@pytest.mark.parametrize("overlap", [None, 0.0, 0.25, 0.75])
@pytest.mark.parametrize("denoise", [False, True])
@pytest.mark.parametrize("match", [False, True])
def test_all_settings_equal_longhand(
    folder: Path, overlap: float | None, denoise: bool, match: bool
) -> None:
    path = system(folder, overlap=overlap, denoise=denoise, match=match)
    mix = noise(9000, seed=1)
    got = Separator.load(path, threads=1).separate(mix, SAMPLE_RATE)
    assert_equal(got, stems_of(mix, overlap=overlap, denoise=denoise, match=match), overlap)


def test_both_stems_add_up_to_the_mixture_or_to_its_crop(folder: Path) -> None:
    mix = noise(9000)
    for match in (True, False):
        path = system(folder, match=match)
        stems = Separator.load(path, threads=1).separate(mix, SAMPLE_RATE)
        both = stems["vocals"] + stems["instrumental"]
        of = longhand(mix, frames=256, overlap=0.02, denoise=None) if match else mix
        assert np.abs(both - of).max() < TOLERANCE * np.abs(mix).max()
        lost = float(np.abs(both - mix).max())  # noise has much beyond the cut-off
        assert lost > 0.01 if match else lost < 1e-6


def test_files_have_the_names_of_the_stems(folder: Path, song: Path, tmp_path: Path) -> None:
    path = system(folder, stems=("no_crowd", "crowd"))
    stems = Separator.load(path, threads=1).separate_file(song, tmp_path / "out", encoding=FLOAT)
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"no_crowd.wav", "crowd.wav"}
    mix = sf.read(song, dtype="float32", always_2d=True)[0].T
    for name, expected in zip(("no_crowd", "crowd"), stems_of(mix).values(), strict=True):
        got = sf.read(stems[name], dtype="float32")[0].T
        assert np.abs(got - expected).max() < TOLERANCE * np.abs(expected).max()


def test_one_stem_alone_from_the_command_line(
    folder: Path, song: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, options = system(folder), ["--threads", "1", "--float32", "-o"]
    both = [str(song), "--system", str(path), *options, str(tmp_path / "both")]
    assert main(both) == 0
    alone = [str(song), "--system", str(path), *options, str(tmp_path / "alone")]
    assert main([*alone, "--source", "instrumental"]) == 0
    made = [p.relative_to(tmp_path / "alone") for p in (tmp_path / "alone").rglob("*.wav")]
    assert made == [Path("song/instrumental.wav")]
    first, second = ((tmp_path / name / made[0]).read_bytes() for name in ("both", "alone"))
    assert first == second
    assert main([*alone, "--source", "drums"]) == 1
    text = capsys.readouterr().err
    assert "system uvr: got the stem 'drums', expected one of vocals, instrumental" in text


def test_the_challenge_needs_four_stems(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MDX_SYSTEM", str(system(folder)))
    with pytest.raises(ConfigError, match=r"vocals, instrumental.*expected .*four stems"):
        Submission().prediction_setup()


def levels_of(path: Path, **options: Any) -> list[str]:
    """The quality levels for a limit."""
    separator = Separator.load(path, threads=1, limited=True, runtime="onnxruntime", **options)
    levels = separator.ladder.levels
    return [level.label(levels[0]) for level in levels]


def test_the_levels_of_a_limit(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "net.onnx").write_bytes((folder / "net.onnx").read_bytes())
    entry = register_weights(copy, "net.onnx", made_by="a test")
    whole, last = "float32", "scaled mixture"
    assert levels_of(system(copy)) == [whole, last]
    assert levels_of(system(copy), spend_budget=True) == [f"{whole}, both polarities", whole, last]
    assert levels_of(system(copy, denoise=True)) == [f"{whole}, both polarities", whole, last]
    int8 = int8_name("net.onnx")
    (copy / int8).write_bytes((copy / "net.onnx").read_bytes())  # stands in for one
    register_weights(copy, int8, made_by="a test", parent=entry.sha256)
    assert levels_of(system(copy)) == [whole, "int8", last]
    assert levels_of(system(copy), precision="auto") == ["int8", last]
    (copy / int8).write_bytes(b"damaged")
    assert levels_of(system(copy)) == [whole, last]
    with pytest.raises(WeightsError, match="int8"):
        Separator.load(system(copy), threads=1, precision="int8")


def test_a_limit_that_nothing_fits_into_gives_halves(
    folder: Path, song: Path, tmp_path: Path
) -> None:
    separator = Separator.load(system(folder), threads=1, limited=True)
    limit = Limit("fixed", 1e-9)
    stems = separator.separate_file(song, tmp_path / "out", encoding=FLOAT, limit=limit)
    mix = sf.read(song, dtype="float32")[0]
    for name in ("vocals", "instrumental"):
        np.testing.assert_array_equal(sf.read(stems[name], dtype="float32")[0], mix / 2)
    told = json.loads((tmp_path / "out" / "quality.json").read_text())
    assert told["sources"] == ["vocals", "instrumental"]
    assert [decision["index"] for decision in told["decisions"]] == [len(told["levels"]) - 1]


def test_a_limit_with_room_changes_nothing(folder: Path, song: Path, tmp_path: Path) -> None:
    separator = Separator.load(system(folder), threads=1, limited=True)
    paths = [
        separator.separate_file(song, tmp_path / name, encoding=FLOAT, limit=limit)["vocals"]
        for name, limit in (("free", None), ("limited", Limit("fixed", 600.0)))
    ]
    free, limited = (sf.read(path, dtype="float32")[0] for path in paths)
    assert np.abs(free - limited).max() < TOLERANCE * np.abs(free).max()


def test_a_silent_song_needs_no_network(folder: Path, tmp_path: Path) -> None:
    separator = Separator.load(system(folder), threads=1)
    stages = Stages()
    sf.write(tmp_path / "silence.wav", np.zeros((9000, 2)), SAMPLE_RATE)
    paths = separator.separate_file(tmp_path / "silence.wav", tmp_path / "out", stages=stages)
    assert not any(sf.read(path)[0].any() for path in paths.values())
    assert set(stages.seconds) == {"read", "combine", "write"}


def test_far_beyond_full_scale_is_an_error(folder: Path) -> None:
    separator = Separator.load(system(folder), threads=1)
    with pytest.raises(NetworkError, match="NaN or infinity"):
        separator.separate(np.full((2, 9000), 1e38, dtype=np.float32), SAMPLE_RATE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dim_f": 64}, r"net\.onnx: got dim_f 128 in the graph, expected dim_f 64"),
        ({"n_fft": 128}, r"net\.onnx: STFT: got dim_f 128, expected 1 to 65"),
        ({"overlap": 0.999}, r"net\.onnx: overlap: got 0\.999"),
        ({"weights": "other.onnx"}, r"other\.onnx"),
    ],
)
def test_what_does_not_fit_is_refused(folder: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(MdxError, match=message):
        Separator.load(system(folder, **changes), threads=1)
