"""Adding an architecture takes a front end, a network and a YAML, and nothing else."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile as sf
import yaml
from onnx import TensorProto, helper, numpy_helper

import tests.toy_front_end  # registers the kind toy_masks
from evaluator.children import ROOT
from mdx.separator import Separator
from mdx.systems.manifest import int8_name, register_weights
from mdx.systems.spec import SAMPLE_RATE, SOURCES
from predict import main
from tests.evaluator.runs import evaluate, read_report
from tests.tiny import noise

SHARES = {"bass": 0.125, "drums": 0.5, "other": 0.25, "vocals": 0.125}  # of the mixture: the masks
BINS, FRAMES = 129, 20


def write_network(path: Path) -> None:
    """Write a network that returns constant masks for any magnitudes."""
    ends = [
        helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 2, BINS, FRAMES]),
        helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 4, 2, BINS, FRAMES]),
    ]
    shares = np.array([*SHARES.values()], dtype=np.float32).reshape(1, 4, 1, 1, 1)
    constants = [
        numpy_helper.from_array(shares, "shares"),
        numpy_helper.from_array(np.zeros((), dtype=np.float32), "zero"),
        numpy_helper.from_array(np.array([1], dtype=np.int64), "axis"),
    ]
    nodes = [
        helper.make_node("Mul", ["input", "zero"], ["nothing"]),
        helper.make_node("Unsqueeze", ["nothing", "axis"], ["one"]),
        helper.make_node("Add", ["one", "shares"], ["output"]),
    ]
    graph = helper.make_graph(nodes, "masks", ends[:1], ends[1:], constants)
    opsets = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """The YAML of a system of the new kind, with an int8 network as lower level."""
    folder = tmp_path / "toy"
    folder.mkdir()
    write_network(folder / "masks.onnx")
    entry = register_weights(folder, "masks.onnx", made_by="a test")
    (folder / int8_name("masks.onnx")).write_bytes((folder / "masks.onnx").read_bytes())
    register_weights(folder, int8_name("masks.onnx"), made_by="a test", parent=entry.sha256)
    estimator = {"kind": "toy_masks", "makes": list(SOURCES), "weights": "masks.onnx"}
    values = {
        "name": "toy", "description": "constant masks", "training_data": [], "leaderboard": "none",
        "estimators": [{**estimator, "n_fft": 256, "hop": 128}],
    }  # fmt: skip
    path = folder / "toy.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def test_it_separates_through_the_command_line_and_walks_down_the_ladder(
    system: Path, song: Path, tmp_path: Path
) -> None:
    mix = sf.read(song)[0]
    for limit, shares in (("600", SHARES), ("1e-9", dict.fromkeys(SOURCES, 0.25))):
        out = tmp_path / limit
        options = ["--system", str(system), "-o", str(out), "--float32", "--limit", limit]
        assert main([str(song), *options]) == 0
        for source, share in shares.items():
            stem = sf.read(out / "song" / f"{source}.wav")[0]
            np.testing.assert_allclose(stem, share * mix, atol=1e-5)
    levels = json.loads((out / "song" / "quality.json").read_text())["levels"]
    assert [level["label"] for level in levels] == ["float32", "int8", "scaled mixture"]


def test_several_blocks_are_one_song(system: Path) -> None:
    mix = noise(3 * SAMPLE_RATE)
    stems = Separator.load(system, threads=1).separate(mix, SAMPLE_RATE)
    for source, share in SHARES.items():
        np.testing.assert_allclose(stems[source], share * mix, atol=1e-5)


def test_it_is_evaluated_and_reported_under_its_own_name(
    system: Path, test_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The submission runs in child processes, which must also register the kind.
    start = (
        f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nimport {tests.toy_front_end.__name__}\n"
    )
    (tmp_path / "start").mkdir()
    (tmp_path / "start" / "sitecustomize.py").write_text(start)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "start"))
    assert evaluate(test_set, system, tmp_path / "out") == 0
    (entry,) = read_report(tmp_path / "out")["systems"]
    assert entry["system"] == "toy" and set(entry["weights"]) == {"toy_masks"}
    assert entry["mean"]["songs"] == 2 and entry["mean"]["sdr"]["drums"] is not None
    assert "toy" in (tmp_path / "out" / "report.html").read_text()
