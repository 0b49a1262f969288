"""The systems as they were sent, small: files in the original formats, the original procedures."""

import copy
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
from mdx.limit.policy import Limit
from mdx.runtimes.openvino import OpenVinoNetwork
from mdx.separator import Separator
from mdx.systems.spec import MODELS, SAMPLE_RATE, SOURCES, Audio, StftSpec
from mdx.systems.weights import int8_name, register_weights
from models.demucs import DemucsSpec, random_demucs
from models.export import export_onnx
from models.export_companion import export_companion
from models.tfc_tdf import TfcTdfSpec, TfcTdfUNet, random_network
from tests.longhand import demucs_longhand, separate_longhand
from tests.tiny import TINY, noise, tiny_mixer, tiny_network

TOLERANCE = 1e-4  # of the peak, as the work on the submissions asks; float32 leaves about 1e-6
SEGMENT = 0.4  # seconds, in place of 40
NAMES = ("leaderboard_a", "leaderboard_b", "mdx_net", "mdx_net_no_mixer", "demucs_v2")
# Leaderboard B's networks have fewer frames; that of the drums is of fewer blocks, too.
SIZES = {
    "leaderboard_a": TINY,
    "leaderboard_b": {**TINY, "drums": StftSpec(n_fft=128, hop=64, dim_f=64, dim_t=16)},
}
COMPANIONS = {"demucs_v2/demucs.onnx": 0, "demucs_v2/demucs_extra.onnx": 1}  # seeds


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
    for source, values in system.get("separators", {}).items():
        size = SIZES[values["weights"].split("/")[0]][source]
        sizes = {"n_fft": size.n_fft, "hop": size.hop, "dim_f": size.dim_f, "dim_t": size.dim_t}
        assert set(sizes) <= set(values)
        values |= sizes
    if "companion" in system:
        assert system["companion"]["segment"] == 40.0
        system["companion"]["segment"] = SEGMENT
    return system


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
    for name, seed in COMPANIONS.items():
        export_companion(random_demucs(DemucsSpec(channels=2), seed=seed), root / name)
        register_weights(root, name, made_by="a test")
    for name in NAMES:
        (root / f"{name}.yaml").write_text(yaml.safe_dump(small(name)))
    return root


def reference(system: Mapping[str, Any], mix: Audio) -> Audio:
    """A submission's procedure on a whole song. Shape: (2, n) -> (4, 2, n)."""
    stems: list[Audio] = []
    for source, values in system.get("separators", {}).items():
        folder = values["weights"].split("/")[0]
        stems.append(separate_longhand(mix, SIZES[folder][source], separator(folder, source)))
    separated = np.array(stems)
    if "mixer" in system:
        separated = (tiny_mixer() @ np.concatenate([*stems, mix])).reshape(4, 2, -1)
    if "companion" not in system:
        return separated
    partner = system["companion"]
    made = demucs_longhand(
        mix, random_demucs(DemucsSpec(channels=2), seed=COMPANIONS[partner["weights"]]),
        segment=SEGMENT, overlap=partner["overlap"], normalise=partner["normalise"],
    )  # fmt: skip
    if not stems:
        return made
    shares = np.array([[[system["blend"][source]]] for source in SOURCES], dtype=np.float32)
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
    assert small("leaderboard_a")["blend"] == small("leaderboard_b")["blend"] == shares


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
    for seconds in (10, 60):  # arrays of the long song's stems would take 80 MB more
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
    assert [len(vocals.ladder.members(rung)) for rung in vocals.ladder.rungs] == [1]
    bare = {key: value for key, value in small("leaderboard_a").items() if key != "mixer"}
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
    assert len({call[0] for call in calls if call[2] == "companion"}) >= 3


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


def rungs(path: Path, **options: Any) -> list[str]:
    return [str(rung) for rung in Separator.load(path, threads=1, **options).ladder.rungs]


def test_the_ladder_of_a_submission(stocked: Path) -> None:
    whole = [
        "float32, with companion", "int8, with companion", "int8", "int8, drums and vocals",
        "scaled mixture",
    ]  # fmt: skip
    for name in ("leaderboard_a", "leaderboard_b"):
        assert rungs(stocked / f"{name}.yaml", limited=True) == whole
    assert rungs(stocked / "leaderboard_a.yaml", limited=True, precision="auto") == whole[1:]
    assert rungs(stocked / "mdx_net.yaml", limited=True) == ["float32", *whole[2:]]
    alone = ["float32 companion", "int8 companion", "scaled mixture"]
    assert rungs(stocked / "demucs_v2.yaml", limited=True) == alone
    found = rungs(stocked / "leaderboard_a.yaml", limited=True, sources=["bass"])
    assert found == [
        "float32, bass, with companion", "int8, bass, with companion", "int8, bass",
        "scaled mixture",
    ]  # fmt: skip


def test_what_is_missing_below_costs_its_own_rungs_only(
    stocked: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = stocked / "leaderboard_a.yaml"
    (stocked / "demucs_v2" / "demucs.int8.onnx").unlink()
    with caplog.at_level(logging.WARNING):
        found = rungs(path, limited=True)
    assert found == ["float32, with companion", "int8", "int8, drums and vocals", "scaled mixture"]
    assert "demucs.int8.onnx" in caplog.text and "goes without int8 companion" in caplog.text
    with pytest.raises(WeightsError, match=r"demucs\.int8\.onnx"):
        rungs(path, precision="int8")
    (stocked / "demucs_v2" / "demucs.onnx").unlink()
    with pytest.raises(WeightsError, match=r"demucs\.onnx: got No such file"):
        rungs(path, limited=True)


def test_calls_are_shorter_under_a_limit(stocked: Path) -> None:
    system = yaml.safe_load((stocked / "demucs_v2.yaml").read_text())
    system["companion"]["batch"] = 4
    path = stocked / "four_a_call.yaml"
    path.write_text(yaml.safe_dump(system))
    for limited, batch in ((False, 4), (True, 2)):
        separator = Separator.load(path, threads=1, limited=limited)
        assert separator.ladder.companion and separator.ladder.companion.batch == batch


@pytest.mark.parametrize("name", ["leaderboard_a", "demucs_v2"])
def test_a_limit_is_kept_with_a_companion(name: str, stocked: Path, tmp_path: Path) -> None:
    song = tmp_path / "song.wav"
    mix = noise(20_000)
    sf.write(song, mix.T, SAMPLE_RATE, subtype="FLOAT")
    separator = Separator.load(stocked / f"{name}.yaml", threads=1, limited=True)
    companion = {key: cost for key, cost in (separator._costs or {}).items() if "companion" in key}
    assert set(companion) == {("float32", "companion"), ("int8", "companion")}
    assert all(cost > 0 for cost in companion.values())
    for limit, index in ((Limit("fixed", 3600), 0), (Limit("fixed", 1e-3), -1)):
        paths = separator.separate_file(song, tmp_path / "out", subtype="FLOAT", limit=limit)
        quality = yaml.safe_load((tmp_path / "out" / "quality.json").read_text())
        chosen = quality["decisions"][-1]["rung"]
        assert chosen == str(separator.ladder.rungs[index])
        if index == 0:
            expected = loaded(stocked / f"{name}.yaml").separate(mix, SAMPLE_RATE)["bass"]
        else:
            expected = mix / np.float32(4)
        found = sf.read(paths["bass"], dtype="float32")[0].T
        assert np.abs(found - expected).max() <= 1e-6 * np.abs(expected).max()


def test_both_polarities_are_the_companion_s_too(shelf: Path) -> None:
    mix = noise(20_000)
    mix -= mix.mean()  # so that turning it over turns over what the network sees
    path = shelf / "demucs_v2.yaml"
    once = Separator.load(path, threads=1)
    twice = Separator.load(path, threads=1, spend_budget=True)
    assert str(twice.ladder.rungs[0]) == "float32 companion twice"
    up, down = (once.separate(turned, SAMPLE_RATE)["drums"] for turned in (mix, -mix))
    found = twice.separate(mix, SAMPLE_RATE)["drums"]
    assert np.abs(found - (up - down) / 2).max() < TOLERANCE * np.abs(found).max()
    assert np.abs(found - up).max() > 0.01 * np.abs(found).max()


def test_frames_that_the_graph_does_not_have_are_an_error(stocked: Path) -> None:
    system = small("leaderboard_b")
    system["separators"]["drums"]["dim_t"] = 256
    path = stocked / "leaderboard_b.yaml"
    path.write_text(yaml.safe_dump(system))
    with pytest.raises(NetworkError, match=r"drums\.onnx: got dim_t 16 in the graph, expected dim"):
        Separator.load(path, threads=1)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no blend": ({"blend": None}, "blend: got None, expected shares where"),
    "share": ({"blend": {**dict.fromkeys(SOURCES, 0.5), "bass": 1.5}}, "shares from 0 to 1"),
    "word": ({"blend": {**dict.fromkeys(SOURCES, 0.5), "bass": "half"}}, "blend.*a number"),
    "source": ({"blend": {"bass": 0.5}}, "blend"),
    "no companion": ({"companion": None}, "blend"),
    "mixer alone": ({"separators": {}, "blend": None}, "mixer.*none without separators"),
    "nothing": ({"separators": {}, "companion": None, "blend": None}, "or a companion"),
    "overlap": ({"companion": {"weights": "x.onnx", "overlap": 1}}, "companion: overlap"),
    "key": ({"companion": {"weights": "x.onnx", "lap": 1}}, "companion.*unknown key 'lap'"),
    "list": ({"companion": ["x.onnx"]}, "companion"),
    "uvr": ({"profile": "uvr"}, "two_stems.*together"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_submission_is_refused(case: str, stocked: Path) -> None:
    change, message = copy.deepcopy(WRONG[case])
    path = stocked / "leaderboard_a.yaml"
    path.write_text(yaml.safe_dump({**small("leaderboard_a"), **change}))
    with pytest.raises(ConfigError, match=message) as caught:
        Separator.load(path, threads=1)
    assert str(path) in str(caught.value)


def test_separators_hold_little_memory_beside_a_companion(
    stocked: Path, tiny_system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leans: list[bool | str] = []

    def note(graph: bytes, name: str, *, threads: int, lean: bool) -> OpenVinoNetwork:
        leans.append(lean)
        return OpenVinoNetwork(graph, name, threads=threads, lean=lean)

    monkeypatch.setattr("mdx.runtimes.runtime.OpenVinoNetwork", note)
    monkeypatch.setattr("mdx.separator.hold_no_freed_memory", lambda: leans.append("libc"))
    for system, lean in ((tiny_system, False), (stocked / "leaderboard_a.yaml", True)):
        Separator.load(system, runtime="openvino", threads=1)
        assert leans == [lean] * 4 + ["libc"] * lean
        leans.clear()
