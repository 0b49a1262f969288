"""Networks and records to describe, and the error that describing them prints."""

import json
from pathlib import Path
from typing import Any

import pytest
from onnx import TensorProto, helper

from models.describe.__main__ import main
from models.describe.graph import uvr_hash

BY_HAND = ["--n-fft", "6144", "--primary", "Vocals", "--compensate", "1.03"]


def network(shape: tuple[int | str, ...] = ("batch", 4, 2048, 256), *, opset: int = 13) -> bytes:
    """An ONNX file with the ends of a published MDX-Net."""
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
        for name in ("input", "output")
    ]
    graph = helper.make_graph(
        [helper.make_node("Neg", ["input"], ["output"])], "g", ends[:1], ends[1:]
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("more", 1), helper.make_opsetid("", opset)],
        ir_version=8,
        producer_name="pytorch",
        producer_version="1.10",
    )
    content: bytes = model.SerializeToString()
    return content


def record(**changes: Any) -> dict[str, Any]:
    """The registry's record of that network, with changes; None removes a key."""
    values = {
        "compensate": 1.021,
        "mdx_dim_f_set": 2048,
        "mdx_dim_t_set": 8,
        "mdx_n_fft_scale_set": 5120,
        "primary_stem": "Instrumental",
        **changes,
    }
    return {key: value for key, value in values.items() if value is not None}


def model_data(onnx_file: Path, values: object) -> list[str]:
    """Write a registry of two networks; returns the option for it."""
    path = onnx_file.with_name("model_data.json")
    path.write_text(json.dumps({"0" * 32: {}, uvr_hash(onnx_file.read_bytes()): values}))
    return ["--model-data", str(path)]


def error_of(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one-line error of a failing call."""
    assert main([str(argument) for argument in arguments]) == 1
    text = capsys.readouterr().err
    assert text.startswith("error: ") and text.count("\n") == 1
    return text
