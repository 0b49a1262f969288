"""audio-separator finds the network by its tail, and its STFT in our prepared lists."""

import hashlib
import json
from pathlib import Path

from benchmarks.one_source import PEER, one_source_table, prepare_peer


def test_the_peer_gets_the_lists_that_it_would_download(tiny_system: Path, tmp_path: Path) -> None:
    path = prepare_peer(tiny_system, tmp_path / "models")
    original = (tiny_system.parent / "vocals.onnx").read_bytes()
    assert path.read_bytes() == original  # shorter than its tail: known by all of its bytes
    known = json.loads((path.parent / "mdx_model_data.json").read_text())
    record = known[hashlib.md5(original, usedforsecurity=False).hexdigest()]
    assert (record["mdx_dim_f_set"], record["mdx_n_fft_scale_set"]) == (128, 384)
    lists = json.loads((path.parent / "download_checks.json").read_text())
    assert list(lists["mdx_download_list"].values()) == [path.name]


def test_times_are_relative_to_the_peer() -> None:
    methods = {
        PEER: {"seconds": 30.0, "peak_memory": 2e9},
        "int8": {"seconds": 5.0, "peak_memory": 4e8},
    }
    figures = {"runs": 3, "methods": methods}
    rows = [[cell.strip() for cell in line.split("|")] for line in
            one_source_table(figures).splitlines()]  # fmt: skip
    assert rows[-2][1:5] == [PEER, "30.0", "1.0", "2000"]
    assert rows[-1][1:5] == ["int8", "5.0", "6.0", "400"]
