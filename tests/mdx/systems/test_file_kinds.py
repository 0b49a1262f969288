"""Every byte that a network uses is in the file named by the manifest."""

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

from mdx.errors import WeightsError
from mdx.separator import Separator
from mdx.systems.file_kinds import kind_of
from mdx.systems.manifest import register_weights
from mdx.systems.onnx_file import external_tensor
from mdx.systems.weights import read_weights, weights_file

SHAPE = [1, 4, 64, 32]


def conv_model(weight: TensorProto | None = None) -> onnx.ModelProto:
    """A network that halves its input."""
    half = numpy_helper.from_array(np.eye(4, dtype="f4").reshape(4, 4, 1, 1) / 2, "w")
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, SHAPE) for n in ("in", "out")]
    nodes = [helper.make_node("Conv", ["in", "w"], ["out"])]
    graph = helper.make_graph(nodes, "half", ends[:1], ends[1:], [weight or half])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def external(name: str = "w") -> TensorProto:
    """A tensor with external data."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[4, 4, 1, 1])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="elsewhere.data")
    return tensor


def hidden(place: str) -> onnx.ModelProto:
    """A network with such a tensor in one of the places that ONNX allows."""
    model, inner = conv_model(), conv_model(external()).graph
    if place == "attribute":
        model.graph.node.add(op_type="Constant").attribute.append(
            helper.make_attribute("value", external())
        )
    elif place == "subgraph":
        model.graph.node.add(op_type="If").attribute.append(
            helper.make_attribute("then_branch", inner)
        )
    elif place == "sparse":
        model.graph.sparse_initializer.add().values.CopyFrom(external())
    elif place == "function":
        model.functions.add(name="f").node.add(op_type="Constant").attribute.append(
            helper.make_attribute("value", external())
        )
    elif place == "training":
        model.training_info.add().initialization.CopyFrom(inner)
    elif place == "initializer":
        model = conv_model(external())
    return model


PLACES = ["initializer", "attribute", "subgraph", "sparse", "function", "training"]


@pytest.mark.parametrize("place", PLACES)
def test_external_weights_are_found_anywhere_in_the_graph(place: str) -> None:
    assert external_tensor(memoryview(hidden(place).SerializeToString())) == "w"


def test_a_network_that_is_whole_has_none(tiny_system: Path) -> None:
    assert external_tensor(memoryview(conv_model().SerializeToString())) is None
    for path in tiny_system.parent.glob("*.onnx"):
        assert external_tensor(memoryview(path.read_bytes())) is None
    group = bytes([200 << 3 & 0x7F | 0x83, 0x0C, 200 << 3 & 0x7F | 0x84, 0x0C])  # of field 200
    found = external_tensor(memoryview(group + hidden("initializer").SerializeToString()))
    assert found == "w"  # an old kind of field hides nothing


@pytest.mark.parametrize("name", ["network.onnx", "sub/network.onnx"])
def test_a_network_with_external_data_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    onnx.save_model(
        conv_model(), str(path), save_as_external_data=True, size_threshold=0, location="w.data"
    )
    register_weights(tmp_path, name, made_by="a test")
    with pytest.raises(WeightsError, match=r"keeps its weights in another file \(tensor 'w'\)"):
        read_weights(tmp_path, name)
    with pytest.raises(WeightsError, match="puts them inside"), weights_file(tmp_path, name):
        pass


def test_links_into_a_store_are_followed(tmp_path: Path) -> None:
    content = conv_model().SerializeToString()
    store, folder = tmp_path / "store", tmp_path / "weights"
    store.mkdir()
    folder.mkdir()
    blob = store / f"sha256-{hashlib.sha256(content).hexdigest()}"
    blob.write_bytes(content)
    (folder / "network.onnx").symlink_to(blob)
    register_weights(folder, "network.onnx", made_by="a test")
    assert read_weights(folder, "network.onnx") == content
    with weights_file(folder, "network.onnx") as path:
        assert path == folder / "network.onnx"
    blob.write_bytes(content + b"\0")
    with pytest.raises(WeightsError, match="got sha256"):
        read_weights(folder, "network.onnx")


def test_a_system_of_links_separates(tiny_copy: Path, song: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    for path in list(tiny_copy.parent.glob("*.onnx")):
        path.rename(store / path.name)
        path.symlink_to(store / path.name)
    separator = Separator.load(tiny_copy, threads=1)
    assert len(separator.separate_file(song, tmp_path / "out")) == 4


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0c3e\nsize 29703204\n",
            "git-lfs",
        ),
        (b"<!DOCTYPE html>\n<html><head><title>Sign in</title>", "an HTML page"),
        (b"\xef\xbb\xbf\r\n<HTML>", "an HTML page"),
    ],
)
def test_what_came_instead_is_called_what_it_is(tmp_path: Path, content: bytes, kind: str) -> None:
    entry = {"sha256": "0" * 64, "bytes": 29703204, "url": "https://example.org/a.onnx"}
    (tmp_path / "manifest.yaml").write_text(yaml.safe_dump({"a.onnx": entry}))
    (tmp_path / "a.onnx").write_bytes(content)
    for read in (lambda: read_weights(tmp_path, "a.onnx"),
                 lambda: weights_file(tmp_path, "a.onnx").__enter__()):  # fmt: skip
        with pytest.raises(WeightsError, match=f"a.onnx: got an? .*{kind.split()[-1]}") as caught:
            read()
        assert "'mdx fetch SYSTEM' downloads it" in str(caught.value)
    assert kind_of(b"\x08\x09") is None
