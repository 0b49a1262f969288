"""Systems made of networks in training, and their SDR on held-out songs."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import yaml

from evaluator.metrics import global_sdr
from mdx.separator import Separator
from mdx.systems.find import find_system
from mdx.systems.manifest import register_weights
from mdx.systems.spec import MODELS, SAMPLE_RATE, SOURCES
from training.config import MixerConfig, SeparatorConfig
from training.mixer import train_mixer, write_mixer
from training.songs import find_songs, split_songs
from training.validation import read_stems

DEMO = "demo_no_mixer"


def write_system(
    weights: Path, name: str, configs: Mapping[str, SeparatorConfig], mixer: str | None = None
) -> Path:
    """Write the YAML of a system whose networks are `<name>/<source>.onnx` beside it.

    Sources without a config get the demo's network. Returns the YAML's path.
    """
    spec, folder = find_system(DEMO)
    demo = {part.name: part for part in spec.estimators}
    estimators = []
    for source in SOURCES:
        if source in configs:
            config = configs[source]
            file, n_fft, hop = f"{name}/{source}.onnx", config.n_fft, config.hop
        else:
            file = spec.networks[source]
            n_fft, hop = (demo[source].options[key] for key in ("n_fft", "hop"))
            _copy(folder / file, weights, file)
        estimators.append(
            {"kind": "spectrogram", "makes": [source], "weights": file, "n_fft": n_fft, "hop": hop}
        )
    values = {
        "name": name, "description": "networks of a comparison", "training_data": [],
        "leaderboard": "none", "estimators": estimators,
        **({"combine": [{"kind": "mixer", "weights": mixer}]} if mixer else {}),
    }  # fmt: skip
    path = weights / f"{name}{'-mixer' if mixer else ''}.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return path


def score(
    system: Path, songs: Path, sources: Sequence[str], *, mixed: bool = False
) -> dict[str, float]:
    """The mean global SDR of each source over the songs that have it, in dB.

    Networks of other sources run only if the stems are `mixed`.
    """
    separator = Separator.load(system, threads=1, sources=SOURCES if mixed else sources)
    found: dict[str, list[float]] = {source: [] for source in sources}
    for song in find_songs(songs):
        stems = read_stems(song)
        estimates = separator.separate(stems.sum(axis=0), SAMPLE_RATE)
        for source in sources:
            reference = stems[SOURCES.index(source)]
            if reference.any():
                found[source].append(global_sdr(reference, estimates[source]))
    return {source: float(np.mean(scores)) for source, scores in found.items()}


def score_with_mixer(
    system: Path, data: Path, sources: Sequence[str], *, configs: Mapping[str, SeparatorConfig]
) -> dict[str, float]:
    """The same with a Mixer, fitted to the training songs that are held out for validation."""
    weights, name = system.parent, system.stem
    mixer = train_mixer(split_songs(find_songs(data / "train"))[1], str(system), MixerConfig())
    write_mixer(mixer, weights / name / "mixer.npz")
    register_weights(weights, f"{name}/mixer.npz", made_by="python -m benchmarks.comparison")
    mixed = write_system(weights, name, configs, mixer=f"{name}/mixer.npz")
    return score(mixed, data / "test", sources, mixed=True)


def _copy(path: Path, weights: Path, name: str) -> None:
    target = weights / name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
        register_weights(weights, name, made_by=f"a copy of {path.relative_to(MODELS)}")
