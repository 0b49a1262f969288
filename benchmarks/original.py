"""The released submission's pipeline, for comparison: all chunks in one call.

`python -m benchmarks.original SYSTEM SONG OUT` prints seconds and peak memory as JSON. As in the
released code: the whole song in memory, a new onnxruntime session for every source of every song,
every chunk of a source in one batch, the default number of threads.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort
import soundfile as sf

from benchmarks.command import errors_in_one_line
from mdx.combine.mixer import Mixer, read_mixer
from mdx.estimators.stft import Stft, StftSpec
from mdx.machine import peak_memory
from mdx.systems.find import find_system
from mdx.systems.spec import SAMPLE_RATE, SOURCES, Audio, EstimatorSpec
from mdx.systems.weights import read_weights


def separate_whole(mix: Audio, part: EstimatorSpec, folder: Path) -> Audio:
    """One source of a song at once. Shape: (2, samples) -> the same."""
    assert part.weights is not None
    session = ort.InferenceSession(
        read_weights(folder, part.weights), providers=["CPUExecutionProvider"]
    )
    (end,) = session.get_inputs()
    options = part.options
    stft = Stft(StftSpec(options["n_fft"], options["hop"], end.shape[2], end.shape[3]))
    size, samples = stft.spec, mix.shape[1]
    padding = size.step - samples % size.step
    padded = np.pad(mix, ((0, 0), (size.trim, padding + size.trim)))
    starts = range(0, samples + padding, size.step)
    chunks = [padded[:, start : start + size.chunk] for start in starts]
    batch = np.stack([stft.forward(chunk) for chunk in chunks])
    (output,) = session.run(None, {end.name: batch})
    parts = [stft.inverse(spectrogram)[:, size.trim : -size.trim] for spectrogram in output]
    return np.concatenate(parts, axis=1)[:, :samples]


def main() -> None:
    """Separate one song file to files, as the released submission did."""
    system, song, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    started = time.perf_counter()
    spec, folder = find_system(system)
    audio, _ = sf.read(song, dtype="float32", always_2d=True)
    mix = np.ascontiguousarray(audio.T)
    parts = {part.name: part for part in spec.estimators}
    stems = np.stack([separate_whole(mix, parts[source], folder) for source in SOURCES])
    if spec.mixer is not None:
        mixer: Mixer = read_mixer(read_weights(folder, spec.mixer), spec.mixer)
        stems = mixer(stems, mix)
    out.mkdir(parents=True, exist_ok=True)
    for source, stem in zip(SOURCES, stems, strict=True):
        sf.write(out / f"{source}.wav", stem.T, SAMPLE_RATE)
    print(json.dumps({"seconds": time.perf_counter() - started, "peak_memory": peak_memory()}))


if __name__ == "__main__":
    with errors_in_one_line():
        main()
