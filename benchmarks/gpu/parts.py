"""`python -m benchmarks.gpu.parts PART`: measures one part, in the process that it is run in.

A part imports what it needs itself, so that a package that is missing costs the others nothing.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.gpu.devices import Device
from benchmarks.gpu.task import Figures, Task
from evaluator.json_files import write_json
from mdx.errors import MdxError

# The module, its function, and what the function is told beside the task.
MEASURES: Mapping[str, tuple[str, str, Mapping[str, object]]] = {
    "matrix product in torch": ("in_torch", "products", {}),
    "training, gpu": ("in_torch", "training", {"name": "gpu"}),
    "training, paper": ("in_torch", "training", {"name": "paper"}),
    "network in torch": ("in_torch", "torch_network", {}),
    "weights": ("in_onnxruntime", "weights", {}),
    "network in onnxruntime": ("in_onnxruntime", "provider", {}),
    "song, networks": ("in_onnxruntime", "song", {"blended": False}),
    "song, blend": ("in_onnxruntime", "song", {"blended": True}),
    "stems against the CPU's": ("in_onnxruntime", "stems", {}),
    "package": ("package", "package", {}),
}


def measure_part(part: str, task: Task) -> Figures:
    """The figures of a part; raises whatever keeps it from them."""
    module, function, options = MEASURES[part]
    found: Figures = getattr(importlib.import_module(f"benchmarks.gpu.{module}"), function)(
        task, **options
    )
    return found


def main() -> int:
    """Measure one part, and write its figures; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.parts", description=__doc__)
    parser.add_argument("part", choices=MEASURES)
    parser.add_argument("--device", required=True, help="kind and name, as JSON")
    parser.add_argument("--folder", type=Path, required=True, help="of the networks")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--out", type=Path, required=True, help="a JSON file")
    args = parser.parse_args()
    task = Task(Device(*json.loads(args.device)), args.folder, args.seconds)
    try:
        write_json(args.out, measure_part(args.part, task))
    except MdxError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
