"""The quality levels of the submissions, and errors in their descriptions."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
import yaml

from mdx.errors import ConfigError, NetworkError, WeightsError
from mdx.limit.policy import Limit
from mdx.runtimes.openvino import OpenVinoNetwork
from mdx.separator import Separator
from mdx.systems.spec import SAMPLE_RATE, SOURCES
from tests.mdx.submissions import loaded
from tests.tiny import FLOAT, edit_system, noise


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


def test_a_missing_network_removes_only_its_own_levels(
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
    with pytest.raises(WeightsError, match=r"got no demucs_v2/demucs\.onnx, expected its weights"):
        levels(path, limited=True)


def test_calls_are_shorter_under_a_limit(stocked: Path) -> None:
    path = stocked / "demucs_v2.yaml"
    edit_system(path, demucs_v2={"batch": 4})
    for limited, batch in ((False, 4), (True, 2)):
        separator = Separator.load(path, threads=1, limited=limited)
        assert separator.ladder.geometries[0]["demucs_v2"].batch == batch


@pytest.mark.parametrize("name", ["leaderboard_a", "demucs_v2"])
def test_a_limit_is_kept_with_demucs(name: str, stocked: Path, tmp_path: Path) -> None:
    song = tmp_path / "song.wav"
    mix = noise(20_000)
    sf.write(song, mix.T, SAMPLE_RATE, subtype="FLOAT")
    separator = Separator.load(stocked / f"{name}.yaml", threads=1, limited=True)
    for limit, index in ((Limit("fixed", 3600), 0), (Limit("fixed", 1e-3), -1)):
        paths = separator.separate_file(song, tmp_path / "out", encoding=FLOAT, limit=limit)
        quality = yaml.safe_load((tmp_path / "out" / "quality.json").read_text())
        assert quality["levels"][quality["decisions"][-1]["index"]] == quality["levels"][index]
        if index == 0:
            expected = loaded(stocked / f"{name}.yaml").separate(mix, SAMPLE_RATE)["bass"]
        else:
            expected = mix / np.float32(4)
        found = sf.read(paths["bass"], dtype="float32")[0].T
        assert np.abs(found - expected).max() <= 1e-6 * np.abs(expected).max()


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


def test_separators_release_memory_if_demucs_is_present(
    stocked: Path, tiny_system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leans: list[bool] = []

    def note(path: Path, name: str, *, lean: bool, **settings: Any) -> OpenVinoNetwork:
        leans.append(lean)
        return OpenVinoNetwork(path, name, lean=lean, **settings)

    monkeypatch.setattr("mdx.runtimes.runtime.OpenVinoNetwork", note)
    for system, lean in ((tiny_system, False), (stocked / "leaderboard_a.yaml", True)):
        Separator.load(system, runtime="openvino", threads=1)
        assert leans == [lean] * 4
        leans.clear()
