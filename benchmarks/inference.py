"""`python -m benchmarks.inference`: this code and the released submission's method, file to files.

It runs the paper's networks with random weights, or any `--system` of spectrogram networks. Methods
are interleaved, every run is a separate process, and figures are medians. The original method runs
the same weights in graphs like those of the released files, or the system's own graphs; it fails
where a system does not have one network per source. The floor is the time that the
networks' multiplications would take at the speed of a large matrix product on the same machine.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.command import errors_in_one_line
from benchmarks.floor import float32_speed, int8_speed, song_operations
from benchmarks.full_size import make_full_size
from benchmarks.memory import ROOT, write_song
from benchmarks.one_source import compare_one_source, one_source_table
from evaluator.children import Children
from evaluator.json_files import write_json
from evaluator.replay import Submission, separate_song
from evaluator.sections import page_with, replace_section
from evaluator.stages import AFTER, BEFORE
from evaluator.tables import markdown_table
from mdx.machine import available_cpus, cpu_model
from mdx.systems.find import find_system

METHODS = {  # runtime and precision; the released submission's method has neither
    "original": ("onnxruntime", "float32"),
    "onnxruntime": ("onnxruntime", "float32"),
    "openvino": ("openvino", "float32"),
    "openvino-bf16": ("openvino", "bf16"),
    "onnxruntime-int8": ("onnxruntime", "int8"),
    "openvino-int8": ("openvino", "int8"),
}
STAGES = ("read", "stft", "networks", "istft", "combine", "write")
SECTION = "speed"  # of the page


def run_original(system: Path, song: Path, out: Path) -> dict[str, Any]:
    """One run of the released submission's method."""
    command = [sys.executable, "-m", "benchmarks.original", str(system), str(song), str(out)]
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if child.returncode:
        return {"failed": f"exit code {child.returncode}"}
    return {**json.loads(child.stdout), "stages": {}}


def run_ours(system: Path, song: Path, out: Path, method: str) -> dict[str, Any]:
    """One run of predict.py, loading included, as in the original."""
    os.environ["MDX_RUNTIME"], precision = METHODS[method]
    submission = Submission(str(system), precision=precision)
    run = separate_song(submission, song.parent, out, Children())
    return {
        "seconds": run.setup_seconds + run.seconds,
        "peak_memory": run.peak_memory,
        "stages": add_networks(run.stages),
    }


def add_networks(stages: Mapping[str, float]) -> dict[str, float]:
    """Seconds by stage, with those of all networks as one; a network's stage may have any name."""
    around = {stage: seconds for stage, seconds in stages.items() if stage in (*BEFORE, *AFTER)}
    return {**around, "networks": sum(stages.values()) - sum(around.values())}


def measure(
    methods: list[str], system: Path, released: Path, seconds: int, runs: int
) -> dict[str, Any]:
    """Medians by method for a song of noise."""
    found: dict[str, list[dict[str, Any]]] = {method: [] for method in methods}
    with tempfile.TemporaryDirectory() as name:
        first, song = (Path(name) / folder / "mixture.wav" for folder in ("first", "song"))
        for path, length in ((first, 1), (song, seconds)):
            path.parent.mkdir()
            write_song(path, length)
        for method in methods:
            if method != "original":  # the first time, OpenVINO compiles the networks
                run_ours(system, first, Path(name) / method, method)
        for _ in range(runs):
            for method in methods:
                out = Path(name) / method
                if method == "original":
                    found[method].append(run_original(released, song, out))
                else:
                    found[method].append(run_ours(system, song, out, method))
    return {method: _median(runs) for method, runs in found.items()}


def table(figures: dict[str, Any]) -> str:
    """One song length; times are relative to the original's."""
    results = figures["methods"]
    first = results.get("original", {})
    header = ["method", "seconds", "times faster", "memory, MB", "networks over floor"]
    rows = []
    for method, result in results.items():
        if "failed" in result:
            rows.append([method, result["failed"], *["-"] * (len(header) + len(STAGES) - 2)])
            continue
        stages = result["stages"]
        speed = figures["speed"].get(METHODS[method][1])  # none was measured in bf16
        cells = [method, f"{result['seconds']:.1f}"]
        cells += [f"{first['seconds'] / result['seconds']:.2f}" if "seconds" in first else "-"]
        cells += [f"{result['peak_memory'] / 1e6:.0f}"]
        over = stages["networks"] * speed / figures["operations"] if stages and speed else None
        cells += ["-" if over is None else f"{over:.2f}"]
        cells += [
            f"{100 * stages[stage] / result['seconds']:.1f}" if stage in stages else "-"
            for stage in STAGES
        ]
        rows.append(cells)
    return markdown_table([*header, *(f"{stage}, %" for stage in STAGES)], rows)


def section(figures: dict[str, Any]) -> str:
    """Everything that was measured, in Markdown."""
    parts = ["{system}, {cpu}, {cpus} CPUs".format(**figures["machine"])]
    for seconds, song in sorted(figures["songs"].items(), key=lambda item: int(item[0])):
        speeds = [f"{song['speed'][kind] / 1e9:.0f} ({kind})" for kind in ("float32", "int8")]
        parts += [
            f"A song of {seconds} s, medians of {song['runs']}; billions of operations a second in "
            f"a matrix product: {', '.join(speeds)}",
            table(song),
        ]
    if figures["one_source"]:
        parts += [one_source_table(figures["one_source"])]
    return "\n\n".join(parts)


def recall(path: Path, machine: dict[str, Any]) -> dict[str, Any]:
    """The figures of earlier runs; ends the program where they are of another machine or system."""
    if path.exists():
        figures: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if figures.get("machine") != machine:
            found = figures.get("machine", "none that it can go on with")
            sys.exit(f"error: {path}: got {found}, expected {machine}; name another --json")
        return figures
    return {"machine": machine, "songs": {}, "one_source": None}


def _median(runs: list[dict[str, Any]]) -> dict[str, Any]:
    for run in runs:
        if "failed" in run:
            return run
    stages = {
        key: statistics.median(run["stages"][key] for run in runs) for key in runs[0]["stages"]
    }
    return {
        "seconds": statistics.median(run["seconds"] for run in runs),
        "peak_memory": statistics.median(run["peak_memory"] for run in runs),
        "stages": stages,
    }


def get_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inference", description=__doc__)
    parser.add_argument(
        "--system", type=Path, help="a system's name or its YAML (default: full size)"
    )
    parser.add_argument("--song-seconds", default="60", help="comma-separated lengths")
    parser.add_argument("--methods", default=",".join(METHODS), help="(default: %(default)s)")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--peer", type=Path, metavar="PYTHON",
        help="an interpreter that has audio-separator: one source, ours beside it",
    )  # fmt: skip
    parser.add_argument(
        "--json", type=Path, default=Path("out/inference.json"),
        help="the figures; those of other lengths of songs in it stay (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--page", type=page_with(SECTION), help="put the tables between this page's marks"
    )
    return parser


def main() -> None:
    """Measure every song length; print the tables, and write the figures to a JSON file."""
    parser = get_parser()
    args = parser.parse_args()
    methods = args.methods.split(",")
    if unknown := [method for method in methods if method not in METHODS]:
        parser.error(f"--methods: got {unknown[0]}, expected some of {', '.join(METHODS)}")
    system, released = (args.system, args.system) if args.system else make_full_size()
    spec, _ = find_system(system)
    machine = {
        "name": spec.name, "system": spec.description, "cpu": cpu_model(), "cpus": available_cpus(),
    }  # fmt: skip
    figures = recall(args.json, machine)
    if args.peer:
        figures["one_source"] = compare_one_source(system, args.peer, args.runs)
    for seconds in map(int, args.song_seconds.split(",")):
        figures["songs"][str(seconds)] = {
            "runs": args.runs,
            "speed": {"float32": float32_speed(), "int8": int8_speed()},
            "operations": song_operations(system, seconds),
            "methods": measure(methods, system, released, seconds, args.runs),
        }
        write_json(args.json, figures)
    print(section(figures))
    if args.page:
        replace_section(args.page, SECTION, section(figures))


if __name__ == "__main__":
    with errors_in_one_line():
        main()
