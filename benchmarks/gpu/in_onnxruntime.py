"""What onnxruntime's provider reaches on the device: in the paper's network, in whole systems."""

import math
import os
import tempfile
from pathlib import Path

import numpy as np
import onnx

from benchmarks.gpu.sizes import DEMUCS, MIXER, NETWORK, write_system
from benchmarks.gpu.task import BATCHES, Figures, Task, call_seconds, named
from benchmarks.memory import write_song
from evaluator.children import Children
from evaluator.replay import Submission, separate_song
from mdx.limit.policy import Limit
from mdx.machine import available_cpus
from mdx.runtimes.onnx import OnnxNetwork
from mdx.separator import Separator
from mdx.systems.manifest import register_weights
from mdx.systems.spec import SAMPLE_RATE, SOURCES, Audio
from models.demucs_v2.export import export_demucs
from models.demucs_v2.network import random_demucs
from models.export import export_network
from models.macs import count_macs
from models.random_weights import randomise
from models.tfc_tdf import TfcTdfUNet

COMMAND = "python -m benchmarks.gpu"


def weights(task: Task) -> Figures:
    """The networks that the parts after this one run, in float32; kept for the next time."""
    size, folder = task.size, task.folder
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / NETWORK).exists():
        network = randomise(TfcTdfUNet(size.network), seed=0)
        export_network(network, folder / NETWORK, shape=(4, size.network.dim_f, size.frames))
    if not (folder / DEMUCS).exists():
        export_demucs(random_demucs(size.demucs, seed=0), folder / DEMUCS)
    np.savez(folder / MIXER, weight=np.eye(8, 10, dtype=np.float32))
    for name in (NETWORK, DEMUCS, MIXER):
        register_weights(folder, name, made_by=COMMAND)
    return {f"{name}, MB": (folder / name).stat().st_size / 1e6 for name in (NETWORK, DEMUCS)}


def provider(task: Task) -> Figures:
    """The paper's network in onnxruntime, from memory to memory; float32 is TF32 on a GPU."""
    path, found = task.folder / NETWORK, Figures()
    network = OnnxNetwork(
        path, NETWORK, threads=available_cpus(), provider=task.device.kind
    )  # fmt: skip
    found["runtime"] = network.runtime
    rng = np.random.default_rng(0)
    for batch in BATCHES:
        shape = (batch, *(int(size or 0) for size in network.input.shape[1:]))
        chunks = rng.standard_normal(shape, dtype=np.float32)
        seconds = call_seconds(task, lambda: network(chunks))  # noqa: B023
        operations = 2 * count_macs(onnx.load(path), shape)
        rate = task.speed(operations, seconds, "tf32")
        found |= named(f"{batch} a call", {"s a chunk": seconds / batch, **rate})
    return found


def song(task: Task, *, blended: bool) -> Figures:
    """A song, file to files, as predict.py separates it; loading is in the seconds."""
    os.environ |= {"MDX_RUNTIME": "onnxruntime", "MDX_PROVIDER": task.device.kind}
    system = write_system(task.size, task.folder, blended=blended)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "song" / "mixture.wav"
        path.parent.mkdir()
        write_song(path, task.size.song)
        submission = Submission(str(system), limit=Limit("none"))
        run = separate_song(submission, path.parent, Path(name) / "out", Children())
    seconds = run.setup_seconds + run.seconds
    stages = dict(run.stages)
    separators = sum(stages.pop(source) for source in SOURCES)
    return {
        "length of the song, s": task.size.song,
        "seconds": seconds,
        "of its duration": seconds / task.size.song,
        "loading, s": run.setup_seconds,
        "separators, s": separators,
        **{f"{stage}, s": taken for stage, taken in stages.items()},
        "peak memory of the process, MB": (run.peak_memory or 0) / 1e6,
    }


def stems(task: Task) -> Figures:
    """How far stems are from those of onnxruntime on the CPU, with the blend and without."""
    samples = task.size.compared * SAMPLE_RATE
    mix = np.random.default_rng(0).uniform(-0.5, 0.5, (2, samples)).astype(np.float32)
    found = Figures()
    for blended in (False, True):
        path = write_system(task.size, task.folder, blended=blended)
        here, there = (
            Separator.load(path, runtime="onnxruntime", provider=kind).separate(mix, SAMPLE_RATE)
            for kind in ("cpu", task.device.kind)
        )
        ratios = [signal_to_noise(here[stem], there[stem]) for stem in SOURCES]
        lowest = min(ratios)
        say = "identical" if lowest == np.inf else lowest
        found[f"{path.stem}: lowest SNR of a stem, dB"] = say
    return found


def signal_to_noise(reference: Audio, estimate: Audio) -> float:
    """In dB, infinite where both are the same. Shape: (2, samples) both."""
    error = float(np.square(reference - estimate, dtype=np.float64).sum())
    signal = float(np.square(reference, dtype=np.float64).sum())
    return 10 * math.log10(signal / error) if error and signal else math.inf
