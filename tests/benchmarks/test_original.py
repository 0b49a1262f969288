"""The released submission's procedure gives the same result as ours."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.full_size import as_released
from benchmarks.inference import add_networks, recall, section, table
from benchmarks.original import separate_whole
from mdx.loading import load_ladder
from mdx.runtimes.runtime import Runtime
from mdx.separator import Separator
from mdx.systems.find import find_system
from mdx.systems.spec import SOURCES
from tests.tiny import TINY, noise, tiny_network

TOLERANCE = 1e-5  # of the peak: sums over a batch are in another order


@pytest.mark.parametrize("more", [-1, 0, 1, 700])
def test_all_chunks_at_once_or_one_by_one(tiny_system: Path, more: int) -> None:
    spec, folder = find_system(tiny_system)
    spec = replace(spec, combine=())
    ladder = load_ladder(spec, folder, Runtime(threads=1), "float32", where="a test")
    parts = {part.name: part for part in spec.estimators}
    for source in SOURCES:
        mix = noise(3 * TINY[source].step + more)
        ours = Separator(ladder).separate(mix, 44100)[source]
        theirs = separate_whole(mix, parts[source], folder)
        assert theirs.shape == ours.shape
        assert np.abs(theirs - ours).max() <= TOLERANCE * np.abs(ours).max()


def test_the_released_order_of_operations_is_the_same_function() -> None:
    network = tiny_network("bass")
    size = TINY["bass"]
    spectrogram = torch.from_numpy(noise(size.dim_f * size.dim_t).reshape(1, 2, size.dim_f, -1))
    example = torch.cat([spectrogram, -spectrogram], dim=1)
    with torch.no_grad():
        ours, theirs = network(example), as_released(network)(example)
    assert torch.equal(ours, theirs) and ours.abs().max() > 0


def test_networks_of_any_name_are_counted() -> None:
    stages = {"read": 0.5, "stft": 1.0, "vocals": 2.0, "all": 3.0, "write": 0.25}
    assert add_networks(stages) == {"read": 0.5, "stft": 1.0, "write": 0.25, "networks": 5.0}


def test_a_failed_method_is_reported_as_failed() -> None:
    run = {"seconds": 5.0, "peak_memory": 2_000_000, "stages": {"read": 0.5, "networks": 4.0}}
    methods = {"original": {"failed": "exit code -9"}, "onnxruntime": run}
    speed = {"float32": 1e9, "int8": 4e9}
    song = {"speed": speed, "operations": 2e9, "methods": methods, "runs": 3}
    rows = [[cell.strip() for cell in line.split("|")] for line in table(song).splitlines()]
    assert rows[2][1:4] == ["original", "exit code -9", "-"]
    assert rows[3][1:9] == ["onnxruntime", "5.0", "-", "2", "2.00", "10.0", "-", "80.0"]
    assert len({len(row) for row in rows}) == 1
    machine = {"system": "tiny", "cpu": "some", "cpus": 2}
    text = section({"machine": machine, "songs": {"60": song, "7": song}, "one_source": None})
    assert text.startswith("tiny, some, 2 CPUs")
    assert text.index("A song of 7 s, medians of 3") < text.index("A song of 60 s")


def test_figures_of_another_machine_are_not_lost(tmp_path: Path) -> None:
    figures = {"machine": {"cpus": 2}, "songs": {"60": {}}, "one_source": None}
    (tmp_path / "figures.json").write_text(json.dumps(figures))
    assert recall(tmp_path / "figures.json", {"cpus": 2}) == figures
    with pytest.raises(SystemExit, match=r"got {'cpus': 2}, expected {'cpus': 4}; name another"):
        recall(tmp_path / "figures.json", {"cpus": 4})
    assert recall(tmp_path / "none.json", {"cpus": 2})["songs"] == {}
