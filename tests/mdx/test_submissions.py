"""The systems as they were sent, small: files in the original formats, the original procedures."""

import functools
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import torch
import yaml

import mdx.separator
from benchmarks.memory import peak_memory, write_song
from mdx.errors import ConfigError, NetworkError, WeightsError
from mdx.estimators.stft import StftSpec
from mdx.limit.policy import Limit
from mdx.runtimes.openvino import OpenVinoNetwork
from mdx.separator import Separator
from mdx.systems.manifest import int8_name, register_weights
from mdx.systems.spec import MODELS, SAMPLE_RATE, SOURCES, Audio
from models.demucs import DemucsSpec, random_demucs
from models.export import export_onnx
from models.export_demucs import export_demucs
from models.tfc_tdf import TfcTdfSpec, TfcTdfUNet, random_network
from tests.longhand import demucs_longhand, separate_longhand
from tests.tiny import TINY, edit_system, noise, tiny_mixer, tiny_network

TOLERANCE = 1e-4  # of the peak, as the work on the submissions asks; float32 leaves about 1e-6
SEGMENT = 0.4  # seconds, in place of 40
NAMES = ("leaderboard_a", "leaderboard_b", "mdx_net", "mdx_net_no_mixer", "demucs_v2")
# Leaderboard B's networks have fewer frames; that of the drums is of fewer blocks, too.
SIZES = {
    "leaderboard_a": TINY,
    "leaderboard_b": {**TINY, "drums": StftSpec(n_fft=128, hop=64, dim_f=64, dim_t=16)},
}
DEMUCS = {"demucs_v2/demucs.onnx": 0, "demucs_v2/demucs_extra.onnx": 1}  # seeds


@functools.cache
def separator(folder: str, source: str) -> TfcTdfUNet:
    """The network behind a file of that folder."""
    if (folder, source) != ("leaderboard_b", "drums"):
        return tiny_network(source)
    size = TfcTdfSpec(dim_f=64, n_blocks=3, n_layers=1, growth=4, bottleneck=8)
    return random_network(size, seed=9)


def small(name: str) -> dict[str, Any]:
    """A system's own YAML; its sizes alone are small ones."""
    system: dict[str, Any] = yaml.safe_load((MODELS / "systems" / f"{name}.yaml").read_text())
    for part in system["estimators"]:
        if part["kind"] == "waveform":
            assert part["segment"] == 40.0
            part["segment"] = SEGMENT
            continue
        size = SIZES[part["weights"].split("/")[0]][part["makes"][0]]
        sizes = {"n_fft": size.n_fft, "hop": size.hop, "dim_f": size.dim_f, "dim_t": size.dim_t}
        assert set(sizes) <= set(part)
        part |= sizes
    return system


def of_kind(parts: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """The estimators or combiners of a kind, as a YAML has them."""
    return [part for part in parts if part["kind"] == kind]


@pytest.fixture(scope="module")
def shelf(tiny_system: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all files that the systems name, and the systems."""
    root = tmp_path_factory.mktemp("shelf")
    for folder, sizes in SIZES.items():
        for source, size in sizes.items():
            path = root / folder / f"{source}.onnx"
            if size == TINY[source]:
                path.parent.mkdir(exist_ok=True)
                path.write_bytes((tiny_system.parent / path.name).read_bytes())
            else:
                # A released file is as torch wrote it, not prepared for engines.
                net = separator(folder, source)
                export_onnx(net, path, dim_f=size.dim_f, dim_t=size.dim_t, prepare=False)
            register_weights(root, f"{folder}/{path.name}", made_by="a test")
    matrix = {"linear.weight": torch.from_numpy(tiny_mixer())}
    torch.save(matrix, root / "leaderboard_a" / "mixer.ckpt")
    register_weights(root, "leaderboard_a/mixer.ckpt", made_by="a test")
    for name, seed in DEMUCS.items():
        export_demucs(random_demucs(DemucsSpec(channels=2), seed=seed), root / name)
        register_weights(root, name, made_by="a test")
    for name in NAMES:
        (root / f"{name}.yaml").write_text(yaml.safe_dump(small(name)))
    return root


def reference(system: Mapping[str, Any], mix: Audio) -> Audio:
    """A submission's procedure on a whole song. Shape: (2, n) -> (4, 2, n)."""
    stems: list[Audio] = []
    for part in of_kind(system["estimators"], "spectrogram"):
        folder, (source,) = part["weights"].split("/")[0], part["makes"]
        stems.append(separate_longhand(mix, SIZES[folder][source], separator(folder, source)))
    separated = np.array(stems)
    steps = system.get("combine", [])
    if of_kind(steps, "mixer"):
        separated = (tiny_mixer() @ np.concatenate([*stems, mix])).reshape(4, 2, -1)
    partners = of_kind(system["estimators"], "waveform")
    if not partners:
        return separated
    (partner,) = partners
    made = demucs_longhand(
        mix, random_demucs(DemucsSpec(channels=2), seed=DEMUCS[partner["weights"]]),
        segment=SEGMENT, overlap=partner["overlap"], normalise=partner["normalise"],
    )  # fmt: skip
    if not stems:
        return made
    (blend,) = of_kind(steps, "blend")
    shares = np.array([[[blend["shares"][source]]] for source in SOURCES], dtype=np.float32)
    blended: Audio = shares * separated + (1 - shares) * made
    return blended


@functools.cache
def loaded(path: Path) -> Separator:
    return Separator.load(path, threads=1)


# Segments are 17,640 samples long; they start every 8,820 samples, or 13,230 in demucs_v2.
@pytest.mark.parametrize(
    ("name", "samples"),
    [
        *(("leaderboard_a", n) for n in (2, 5_000, 8_821, 17_639, 17_640, 17_641, 26_460, 26_461)),
        ("leaderboard_a", 60_000),  # two calls of two segments each, and some behind them
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
        for source, stem in separator.separate_file(path, tmp_path, subtype="FLOAT").items():
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


@pytest.fixture
def stocked(shelf: Path, tmp_path: Path) -> Path:
    """A copy of the shelf with int8 files (the float32 ones under their names) beside all."""
    root = tmp_path / "stocked"
    for path in shelf.rglob("*.*"):
        if path.is_file():
            copied = root / path.relative_to(shelf)
            copied.parent.mkdir(parents=True, exist_ok=True)
            copied.write_bytes(path.read_bytes())
    manifest = yaml.safe_load((root / "manifest.yaml").read_text())
    for name, entry in manifest.items():
        if name.endswith(".onnx"):
            (root / int8_name(name)).write_bytes((root / name).read_bytes())
            register_weights(root, int8_name(name), made_by="a test", parent=entry["sha256"])
    return root


def levels(path: Path, **options: Any) -> list[str]:
    found = Separator.load(path, threads=1, **options).ladder.levels
    return [level.label(found[0]) for level in found]


def test_the_ladder_of_a_submission(stocked: Path) -> None:
    blended = [
        "float32", "int8", "int8, bass and drums and other and vocals", "int8, drums and vocals",
        "scaled mixture",
    ]  # fmt: skip
    for name in ("leaderboard_a", "leaderboard_b"):
        assert levels(stocked / f"{name}.yaml", limited=True) == blended
    assert levels(stocked / "leaderboard_a.yaml", limited=True, precision="auto") == blended[1:]
    alone = ["float32", "int8", "int8, drums and vocals", "scaled mixture"]
    assert levels(stocked / "mdx_net.yaml", limited=True) == alone
    assert levels(stocked / "demucs_v2.yaml", limited=True) == ["float32", "int8", blended[-1]]
    found = levels(stocked / "leaderboard_a.yaml", limited=True, sources=["bass"])
    assert found == ["float32", "int8", "int8, bass", "scaled mixture"]


def test_what_is_missing_below_costs_its_own_levels_only(
    stocked: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = stocked / "leaderboard_a.yaml"
    (stocked / "demucs_v2" / "demucs.int8.onnx").unlink()
    with caplog.at_level(logging.WARNING):
        found = levels(path, limited=True)
    assert found == [
        "float32", "int8, bass and drums and other and vocals", "int8, drums and vocals",
        "scaled mixture",
    ]  # fmt: skip
    assert "demucs.int8.onnx" in caplog.text and "the ladder goes without int8" in caplog.text
    with pytest.raises(WeightsError, match=r"demucs\.int8\.onnx"):
        levels(path, precision="int8")
    (stocked / "demucs_v2" / "demucs.onnx").unlink()
    with pytest.raises(WeightsError, match=r"demucs\.onnx: got No such file"):
        levels(path, limited=True)


def test_calls_are_shorter_under_a_limit(stocked: Path) -> None:
    path = stocked / "demucs_v2.yaml"
    edit_system(path, demucs_v2={"batch": 4})
    for limited, batch in ((False, 4), (True, 2)):
        separator = Separator.load(path, threads=1, limited=limited)
        assert separator.ladder.geometries["demucs_v2"].batch == batch


@pytest.mark.parametrize("name", ["leaderboard_a", "demucs_v2"])
def test_a_limit_is_kept_with_demucs(name: str, stocked: Path, tmp_path: Path) -> None:
    song = tmp_path / "song.wav"
    mix = noise(20_000)
    sf.write(song, mix.T, SAMPLE_RATE, subtype="FLOAT")
    separator = Separator.load(stocked / f"{name}.yaml", threads=1, limited=True)
    for limit, index in ((Limit("fixed", 3600), 0), (Limit("fixed", 1e-3), -1)):
        paths = separator.separate_file(song, tmp_path / "out", subtype="FLOAT", limit=limit)
        quality = yaml.safe_load((tmp_path / "out" / "quality.json").read_text())
        assert quality["levels"][quality["decisions"][-1]["index"]] == quality["levels"][index]
        if index == 0:
            expected = loaded(stocked / f"{name}.yaml").separate(mix, SAMPLE_RATE)["bass"]
        else:
            expected = mix / np.float32(4)
        found = sf.read(paths["bass"], dtype="float32")[0].T
        assert np.abs(found - expected).max() <= 1e-6 * np.abs(expected).max()


def test_both_polarities_are_those_of_demucs_too(shelf: Path) -> None:
    mix = noise(20_000)
    mix -= mix.mean()  # so that turning it over turns over what the network sees
    path = shelf / "demucs_v2.yaml"
    once = Separator.load(path, threads=1)
    twice = Separator.load(path, threads=1, spend_budget=True)
    assert twice.ladder.levels[0].both_polarities
    up, down = (once.separate(turned, SAMPLE_RATE)["drums"] for turned in (mix, -mix))
    found = twice.separate(mix, SAMPLE_RATE)["drums"]
    assert np.abs(found - (up - down) / 2).max() < TOLERANCE * np.abs(found).max()
    assert np.abs(found - up).max() > 0.01 * np.abs(found).max()


def test_frames_that_the_graph_does_not_have_are_an_error(stocked: Path) -> None:
    path = stocked / "leaderboard_b.yaml"
    edit_system(path, drums={"dim_t": 256})
    with pytest.raises(NetworkError, match=r"drums\.onnx: got dim_t 16 in the graph, expected dim"):
        Separator.load(path, threads=1)


HALVES = dict.fromkeys(SOURCES, 0.5)
BLEND = {"kind": "blend", "estimator": "demucs_v2"}
WRONG: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no blend": ({"combine": [{"kind": "rest"}]}, {}, "makes too, expected one estimator a stem"),
    "share": ({"combine": [BLEND | {"shares": {**HALVES, "bass": 1.5}}]}, {}, "a share of 0 to 1"),
    "word": ({"combine": [BLEND | {"shares": {**HALVES, "bass": "half"}}]}, {}, "a share of 0 to"),
    "source": ({"combine": [BLEND | {"shares": {"bass": 0.5}}]}, {}, "a share for each of bass"),
    "none": ({"combine": [BLEND]}, {}, "shares: got None"),
    "overlap": ({}, {"overlap": 1}, r"demucs_v2: overlap"),
    "key": ({}, {"lap": 1}, "demucs_v2: got unknown key 'lap'"),
    "lengths": ({}, {"lengths": "all"}, "lengths: got 'all', expected one of any, demucs_v2"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_submission_is_refused(case: str, stocked: Path) -> None:
    change, demucs, message = WRONG[case]
    path = stocked / "leaderboard_a.yaml"
    edit_system(path, change, demucs_v2=demucs)
    with pytest.raises(ConfigError, match=message) as caught:
        Separator.load(path, threads=1)
    assert "\n" not in str(caught.value)


def test_separators_hold_little_memory_beside_demucs(
    stocked: Path, tiny_system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leans: list[bool] = []

    def note(path: Path, name: str, *, threads: int, lean: bool) -> OpenVinoNetwork:
        leans.append(lean)
        return OpenVinoNetwork(path, name, threads=threads, lean=lean)

    monkeypatch.setattr("mdx.runtimes.runtime.OpenVinoNetwork", note)
    for system, lean in ((tiny_system, False), (stocked / "leaderboard_a.yaml", True)):
        Separator.load(system, runtime="openvino", threads=1)
        assert leans == [lean] * 4
        leans.clear()
