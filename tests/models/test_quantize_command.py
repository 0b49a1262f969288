"""`python -m models.quantize`: the loss of int8 networks, the songs it is measured on, loading."""

import logging
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import yaml

from evaluator.metrics import global_sdr
from mdx.errors import ConfigError, MdxError, WeightsError
from mdx.machine import has_vnni
from mdx.runtimes.onnx import OnnxNetwork
from mdx.separator import Separator
from mdx.systems.find import find_system
from mdx.systems.manifest import register_weights
from mdx.systems.spec import SAMPLE_RATE, SOURCES, EstimatorSpec
from mdx.systems.weights import name_for
from models.quantize.__main__ import added_to, main, quantise_estimator
from models.quantize.int8_loss import FRAME, Loss, measure_loss, quiet_noise
from models.quantize.songs import (
    Excerpt,
    estimate,
    make_estimator,
    read_excerpts,
    spectrograms,
)
from tests.streams import FunctionNetwork
from tests.tiny import TINY, edit_system, noise

pytestmark = pytest.mark.filterwarnings("ignore")  # NNCF's own, and those of what it imports
SIZES = {"n_fft": TINY["vocals"].n_fft, "hop": TINY["vocals"].hop}
PART = EstimatorSpec("spectrogram", ("vocals",), weights="x.onnx", options=SIZES)


def test_loss_is_the_larger_of_both_metrics() -> None:
    rng = np.random.default_rng(0)
    references = [rng.standard_normal((2, 3 * SAMPLE_RATE)).astype(np.float32) for _ in range(2)]
    before = [
        stem + 0.1 * rng.standard_normal(stem.shape).astype(np.float32) for stem in references
    ]
    after = [stem + 0.2 * rng.standard_normal(stem.shape).astype(np.float32) for stem in references]
    loss = measure_loss("bass", references, before, after)
    songs = [
        [global_sdr(*pair) for pair in zip(references, estimates, strict=True)]
        for estimates in (before, after)
    ]
    assert loss.sdr == pytest.approx(np.mean(songs, axis=1))
    assert loss.song == pytest.approx(np.subtract(songs[0], songs[1]).max())
    assert loss.sdr[0] == pytest.approx(20, abs=0.1) and loss.median[1] == pytest.approx(
        14, abs=0.1
    )
    drops = (loss.sdr[0] - loss.sdr[1], loss.median[0] - loss.median[1])
    assert loss.decibels == max(drops) and not loss.holds


def test_noise_is_measured_where_it_is_quiet() -> None:
    quiet = np.full((2, 4 * FRAME), 1e-4, dtype=np.float32)  # -80 dBFS
    quiet[:, FRAME : 2 * FRAME] = 0.1  # loud: what is added here does not count
    noisy = quiet + np.repeat(np.array([1e-3, 0.5, 1e-3, 0], dtype=np.float32), FRAME)
    expected = 10 * np.log10(2 * 1e-6 / 3)  # two of three quiet frames, at -60 dBFS each
    assert quiet_noise([quiet], [noisy]) == pytest.approx(expected, abs=1e-3)
    assert quiet_noise([quiet], [quiet]) == float("-inf")
    assert quiet_noise([quiet + 1], [noisy]) == float("-inf")


@pytest.mark.parametrize(
    ("after", "song", "noise_level", "holds"),
    [
        (5.0, 0.0, -90.0, True), (4.991, 0.02, -66.0, True), (4.98, 0.02, -90.0, False),
        (5.0, 0.021, -90.0, False), (5.0, 0.0, -65.9, False),
    ],
)  # fmt: skip
def test_a_negligible_loss_holds(
    after: float, song: float, noise_level: float, holds: bool
) -> None:
    assert Loss((5.0, after), (5.0, 5.0), song, noise_level).holds is holds
    assert Loss((5.0, 5.0), (5.0, after), song, noise_level).holds is holds


def test_one_network_s_stem_of_a_song_is_the_separator_s(tiny_system: Path) -> None:
    mix = noise(9000)
    network = OnnxNetwork((tiny_system.parent / "vocals.onnx").read_bytes(), "x.onnx", threads=1)
    system = yaml.safe_load(tiny_system.read_text())
    del system["combine"]
    bare = tiny_system.parent / "bare.yaml"
    bare.write_text(yaml.safe_dump(system))
    expected = Separator.load(bare, threads=1).separate(mix, SAMPLE_RATE)["vocals"]
    (found,) = estimate(mix, make_estimator(PART, network))
    np.testing.assert_array_equal(found, expected)


def test_excerpts_are_the_middle_of_songs_spread_over_the_set(test_set: Path) -> None:
    (first, last) = read_excerpts(test_set, count=9, seconds=0.5)
    assert (first.name, last.name) == ("song 1", "song 2")
    whole, _ = sf.read(test_set / "song 1" / "drums.wav", dtype="float32")
    start = round((len(whole) / SAMPLE_RATE - 0.5) / 2 * SAMPLE_RATE)
    np.testing.assert_array_equal(first.stems["drums"], whole[start : start + 22050].T)
    assert [song.name for song in read_excerpts(test_set, count=1, seconds=9)] == ["song 1"]
    for rest, source in (("instrumental", "vocals"), ("no_drums", "drums")):
        every = sum(first.stems[name] for name in SOURCES)
        np.testing.assert_allclose(first.stems[rest], every - first.stems[source], atol=1e-6)


def test_spectrograms_are_spread_over_the_songs(test_set: Path) -> None:
    excerpts = read_excerpts(test_set, count=2, seconds=9)
    network = FunctionNetwork(lambda values: values, [1, 4, 128, 40])
    everything = spectrograms(excerpts, PART, network, count=1000)
    few = spectrograms(excerpts, PART, network, count=3)
    assert len(few) == 3 and few[0].shape == (4, 128, 40)
    np.testing.assert_array_equal(few[0], everything[0])
    np.testing.assert_array_equal(few[2], everything[-1])


def test_the_command_writes_and_registers_networks_and_prints_the_loss(
    tiny_copy: Path,
    test_set: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("models.quantize.int8_loss.MAX_LOSS", 1.0)  # the networks are random
    monkeypatch.setattr("models.quantize.int8_loss.MAX_SONG_LOSS", 1.0)
    monkeypatch.setattr("models.quantize.int8_loss.MAX_NOISE", 0.0)
    assert main([str(tiny_copy), "--data", str(test_set)]) == 0
    printed = capsys.readouterr().out
    manifest = yaml.safe_load((tiny_copy.parent / "manifest.yaml").read_text())
    for source in SOURCES:
        (line,) = [line for line in printed.splitlines() if line.startswith(f"| {source} | ")]
        entry = manifest[f"{source}.int8.onnx"]
        assert entry["parent"] == manifest[f"{source}.onnx"]["sha256"]
        assert f"{entry['loss']:.3f}" in line
        assert entry["made_by"].startswith("python -m models.quantize ")
    separator = Separator.load(tiny_copy, precision="int8", threads=1)
    assert separator.precision == "int8"
    assert separator.runtime.startswith("openvino" if has_vnni() else "onnxruntime")
    assert Separator.load(tiny_copy, precision="auto", threads=1).precision == "int8"
    assert Separator.load(tiny_copy, threads=1).precision == "float32"
    assert not list(tiny_copy.parent.glob(".*.part"))


def test_a_source_that_loses_too_much_is_refused(
    tiny_copy: Path,
    test_set: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("models.quantize.int8_loss.MAX_LOSS", -100.0)
    arguments = [str(tiny_copy), "--data", str(test_set), "--source", "bass", "--seconds", "0.3"]
    assert main(arguments) == 1
    printed = capsys.readouterr()
    assert "| refused |" in printed.out and "refused, not written: bass" in printed.err
    assert not list(tiny_copy.parent.glob("*int8*"))
    assert "int8" not in (tiny_copy.parent / "manifest.yaml").read_text()


def test_an_int8_network_of_another_parent_is_not_loaded(
    quantised_copy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = quantised_copy.parent
    assert name_for("int8", folder, "drums.onnx") == "drums.int8.onnx"
    (folder / "drums.onnx").write_bytes((folder / "bass.onnx").read_bytes())
    register_weights(folder, "drums.onnx", made_by="trained again")
    with pytest.raises(WeightsError, match=r"drums\.int8\.onnx: got made from another drums\.onnx"):
        Separator.load(quantised_copy, precision="int8")
    with caplog.at_level(logging.WARNING):
        assert name_for("auto", folder, "drums.onnx") == "drums.onnx"
    assert "float32 is used instead" in caplog.text
    assert name_for("auto", folder, "bass.onnx") == "bass.int8.onnx"


def test_precision_that_is_not_there(tiny_copy: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(WeightsError, match=r"no entry for 'bass\.int8\.onnx'.*models\.quantize"):
        Separator.load(tiny_copy, precision="int8")
    with pytest.raises(ConfigError, match="precision: got 'int4', expected one of float32, bf16"):
        Separator.load(tiny_copy, precision="int4")
    assert Separator.load(tiny_copy, precision="auto").precision == "float32"
    assert not caplog.text  # nobody asked for int8


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("nothing", "got no such folder"),
        ("silence", "none with bass"),
        ("missing", "drums.wav: got"),
        ("length", "drums.wav: got shape"),
        ("count", "--songs and --seconds: got 0 of 30.0 s"),
        ("length of all", "--songs and --seconds: got 10 of inf s"),
        ("shared", "expected a weights file for every estimator"),
        ("waveform", "got estimators of the kind waveform, expected some of spectrograms"),
        ("stem", "bass: got the stem 'speech', expected some of bass, drums, other, vocals, no_"),
    ],
)
def test_bad_input_is_one_line(
    damage: str, message: str, tiny_copy: Path, test_set: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    stem = test_set / "song 1" / "drums.wav"
    data, more = test_set, []
    if damage == "nothing":
        data = tmp_path / "nowhere"
    elif damage == "silence":
        for path in test_set.glob("*/bass.wav"):
            sf.write(path, np.zeros_like(sf.read(path)[0]), SAMPLE_RATE)
    elif damage == "missing":
        stem.unlink()
    elif damage == "length":
        sf.write(stem, noise(5000).T, SAMPLE_RATE)
    elif damage == "count":
        more = ["--songs", "0"]
    elif damage == "length of all":
        more = ["--seconds", "inf"]
    elif damage == "waveform":
        part = {"kind": "waveform", "makes": list(SOURCES), "weights": "demucs.onnx"}
        edit_system(tiny_copy, {"estimators": [part], "combine": []})
    elif damage == "stem":
        stems = {"stems": ["speech", *SOURCES[1:]], "combine": []}
        edit_system(tiny_copy, stems, bass={"makes": ["speech"], "name": "bass"})
    else:
        tiny_copy.write_text(tiny_copy.read_text().replace("drums.onnx", "bass.onnx"))
    assert main([str(tiny_copy), "--data", str(data), *more]) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ") and message in error
    assert not list(tiny_copy.parent.glob("*int8*"))


def test_errors_are_the_project_s_own() -> None:
    with pytest.raises(MdxError):
        name_for("half", Path(), "x.onnx")


def test_a_band_is_quantised_together_with_the_other(tiny_copy: Path) -> None:
    folder = tiny_copy.parent
    size = {"n_fft": TINY["vocals"].n_fft, "hop": TINY["vocals"].hop}
    low, high = (
        {"kind": "spectrogram", "name": name, "makes": ["vocals"], "weights": "vocals.onnx", **size}
        for name in ("low", "high")
    )
    alone = {"kind": "spectrogram", "makes": ["bass"], "weights": "bass.onnx", "n_fft": 512,
             "hop": 64}  # fmt: skip
    path = folder / "bands.yaml"
    path.write_text(yaml.safe_dump({
        "name": "bands", "description": "x", "training_data": ["x"], "leaderboard": "none",
        "stems": ["bass", "vocals"], "estimators": [high | {"first_bin": 20}, low, alone],
        "combine": [{"kind": "sum", "estimator": "low"}],
    }))  # fmt: skip
    system, _ = find_system(path)
    upper, lower, bass = system.estimators
    assert added_to(upper, system) == lower and added_to(lower, system) == upper
    assert added_to(bass, system) is None
    rng = np.random.default_rng(2)
    stems = {source: rng.standard_normal((2, 20_000)).astype(np.float32) for source in SOURCES}
    excerpt = Excerpt("x", np.sum([*stems.values()], axis=0), stems)
    network = OnnxNetwork((folder / "vocals.onnx").read_bytes(), "x", threads=1)
    bands = [estimate(excerpt.mix, make_estimator(part, network))[0] for part in (upper, lower)]
    before = global_sdr(stems["vocals"], bands[0] + bands[1])
    outcome = quantise_estimator(upper, folder, [excerpt], "test", lower)
    assert outcome.loss.sdr[0] == pytest.approx(before, abs=1e-3)
