"""Multiply-accumulates of an ONNX graph as executed by onnxruntime, with repetitions in a Scan.

models.macs needs no run, but refuses graphs whose sizes are computed at run time, such as those of
Demucs-v2, whose outer levels are computed tile by tile.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from mdx.errors import NetworkError
from models.macs import COUNTED, Shape, Sizes


def executed_macs(graph: Path | bytes, shape: Shape) -> int:
    """Multiply-accumulates of one run on a silent input of a shape, which includes the batch.

    The graph is run as written, without the runtime's optimisations. Raises NetworkError if
    onnxruntime cannot run it on such an input.
    """
    with tempfile.TemporaryDirectory() as folder:
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        # Weights that a kernel has prepacked would not be among its inputs.
        options.add_session_config_entry("session.disable_prepacking", "1")
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "run")
        session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        try:
            session.run(None, {session.get_inputs()[0].name: np.zeros(shape, np.float32)})
        except Exception as error:  # of onnxruntime's own classes, which have no common one
            got = f"an input of {shape}: {str(error).splitlines()[0]}"
            raise NetworkError("MACs", got=got, expected="one that the graph runs on") from error
        finally:
            profile = session.end_profiling()
        events = json.loads(Path(profile).read_text(encoding="utf-8"))
    return sum(_macs(event) for event in events if event["name"].endswith("_kernel_time"))


def _macs(event: dict[str, Any]) -> int:
    about = event["args"]
    if about["op_name"] not in COUNTED:
        return 0
    # Each size is the only value of a dict, by the type of its numbers.
    *inputs, output = (
        tuple(next(iter(size.values())))
        for size in (*about["input_type_shape"], about["output_type_shape"][0])
    )
    return COUNTED[about["op_name"]](Sizes(inputs, output, {}))
