"""What OpenVINO makes of normalised linear layers is what onnxruntime makes of them."""

from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import pytest

from mdx.runtimes.normalisation import split_normalisation
from mdx.runtimes.onnx import OnnxNetwork
from mdx.runtimes.openvino import OpenVinoNetwork
from tests.models.test_prepare import BINS, CHANNELS, FRAMES, linear_and_normalisation


@pytest.mark.parametrize("seed", range(5))
def test_the_function_stays_the_same(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    content = linear_and_normalisation(seed).SerializeToString()
    shape = (1, CHANNELS, BINS, FRAMES)
    values = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    expected = OnnxNetwork(content, "x", threads=1)(values)
    got = OpenVinoNetwork(content, "x", threads=1)(values)
    np.testing.assert_allclose(got, expected, atol=1e-5 * np.abs(expected).max(), rtol=0)


def kinds(model: Any) -> list[str]:
    return [node.get_type_name() for node in model.get_ordered_ops()]


def test_each_is_split_once() -> None:
    content = linear_and_normalisation(0).SerializeToString()
    model = ov.Core().read_model(model=content, weights=b"")
    assert split_normalisation(ov, model) == 1
    assert "BatchNormInference" not in kinds(model)
    assert split_normalisation(ov, model) == 0


@pytest.mark.parametrize("case", ["read twice", "of a sum", "computed weights"])
def test_what_cannot_be_split_is_left_alone(case: str) -> None:
    ops = ov.opset13
    values = ops.parameter([1, CHANNELS, BINS, FRAMES], np.float32)
    square = np.eye(FRAMES, dtype=np.float32)
    weights = ops.relu(values) if case == "computed weights" else ops.constant(square)
    turned = case == "computed weights"
    product = ops.matmul(values, weights, False, turned)
    signal = ops.add(product, values) if case == "of a sum" else product
    ones = np.ones(CHANNELS, dtype=np.float32)
    normal = ops.batch_norm_inference(signal, ones, ones, ones, ones, 1e-5)
    ends = [normal, ops.relu(product)] if case == "read twice" else [normal]
    model = ov.Model(ends, [values], "test")
    before = kinds(model)
    assert split_normalisation(ov, model) == 0 and kinds(model) == before


def test_a_layer_of_the_channels_themselves_is_left_alone() -> None:
    ops = ov.opset13
    values = ops.parameter([3, CHANNELS], np.float32)
    product = ops.matmul(values, ops.constant(np.eye(CHANNELS, dtype=np.float32)), False, False)
    ones = np.ones(CHANNELS, dtype=np.float32)
    normal = ops.batch_norm_inference(product, ones, ones, ones, ones, 1e-5)
    model = ov.Model([normal], [values], "test")
    before = kinds(model)
    assert split_normalisation(ov, model) == 0 and kinds(model) == before
