"""One source of a song, from process start to process end: predict.py and audio-separator.

audio-separator is a popular program for this and not a dependency: it is given by the Python
interpreter for which it is installed. It runs the same ONNX file with its default settings.
"""

import hashlib
import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.memory import ROOT, Usage, measure_command, write_song
from evaluator.tables import markdown_table
from mdx.estimators.spectrogram import check_layout
from mdx.runtimes.onnx import OnnxNetwork
from mdx.systems.find import find_system
from mdx.systems.weights import read_weights

SECONDS = 60  # of the song
SOURCE = "vocals"
PEER = "audio-separator"
OTHER_LISTS = (
    "vr_download_list", "mdx_download_vip_list", "demucs_download_list", "mdx23c_download_list",
    "mdx23c_download_vip_list", "roformer_download_list",
)  # fmt: skip
TAIL = 10_240_000  # bytes at a file's end by which audio-separator knows it


def compare_one_source(system: Path, python: Path, runs: int) -> dict[str, Any]:
    """Medians of interleaved runs by method, for a song of noise."""
    found: dict[str, list[Usage]] = {PEER: [], "float32": [], "int8": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        song = folder / "song.wav"
        write_song(song, SECONDS)
        models = prepare_peer(system, folder / "models")
        for _ in range(runs):
            found[PEER].append(_run_peer(python, models, song, folder / PEER))
            for precision in ("float32", "int8"):
                found[precision].append(_run_ours(system, song, folder / precision, precision))
    methods = {
        method: {
            "seconds": statistics.median(usage.seconds for usage in usages),
            "peak_memory": statistics.median(usage.megabytes for usage in usages) * 1e6,
        }
        for method, usages in found.items()
    }
    return {"runs": runs, "methods": methods}


def prepare_peer(system: Path, folder: Path) -> Path:
    """Make a folder of models for audio-separator, with one of them; returns that one's path.

    The lists that it would download say where the model is, and what its STFT is.
    """
    spec, weights = find_system(system)
    (part,) = (part for part in spec.estimators if part.makes == (SOURCE,))
    assert part.weights is not None
    content = read_weights(weights, part.weights)
    dim_f, dim_t = check_layout(part.weights, OnnxNetwork(content, part.weights, threads=1))
    folder.mkdir()
    path = folder / "model.onnx"
    shutil.copy(weights / part.weights, path)
    lists: dict[str, dict[str, str]] = {name: {} for name in OTHER_LISTS}
    lists["mdx_download_list"] = {"MDX-Net Model: benchmark": path.name}
    record = {
        "compensate": 1.0, "mdx_dim_f_set": dim_f,
        "mdx_dim_t_set": dim_t.bit_length() - 1,
        "mdx_n_fft_scale_set": part.options["n_fft"],
        "primary_stem": SOURCE.capitalize(),
    }  # fmt: skip
    known = {hashlib.md5(content[-TAIL:], usedforsecurity=False).hexdigest(): record}
    for file, values in (
        ("download_checks.json", lists), ("mdx_model_data.json", known), ("vr_model_data.json", {}),
    ):  # fmt: skip
        (folder / file).write_text(json.dumps(values), encoding="utf-8")
    return path


def one_source_table(figures: dict[str, Any]) -> str:
    """The comparison in Markdown."""
    methods = figures["methods"]
    rows = [
        [method, f"{figure['seconds']:.1f}",
         f"{methods[PEER]['seconds'] / figure['seconds']:.1f}",
         f"{figure['peak_memory'] / 1e6:.0f}"]
        for method, figure in methods.items()
    ]  # fmt: skip
    table = markdown_table(["method", "seconds", "times faster", "memory, MB"], rows)
    words = (
        f"One source ({SOURCE}) of a song of {SECONDS} s, process start to end, medians of "
        f"{figures['runs']}. {PEER} has its defaults, by which chunks overlap by a quarter and the "
        "rest of the mixture is written as well:"
    )
    return f"{words}\n\n{table}"


def _run_peer(python: Path, model: Path, song: Path, out: Path) -> Usage:
    start = "from audio_separator.utils.cli import main; main()"
    command = [str(python), "-c", start, str(song), "-m", model.name]
    return measure_command(
        [*command, "--model_file_dir", str(model.parent), "--output_dir", str(out)]
    )


def _run_ours(system: Path, song: Path, out: Path, precision: str) -> Usage:
    command = [sys.executable, str(ROOT / "predict.py"), str(song), "-o", str(out)]
    command += ["--system", str(system), "--source", SOURCE, "--precision", precision]
    return measure_command(command)
