"""Releases the network of a checkpoint: exports it, registers it, and writes its warm start."""

import logging
from pathlib import Path

import torch

from mdx.errors import OutputError
from mdx.systems.manifest import register_weights
from models.export import export_network
from training.checkpoints import check_run, describe_run
from training.config import SeparatorConfig
from training.module import SeparatorModule
from training.origin import Origin
from training.warm_start import state_name, write_state

log = logging.getLogger(__name__)


def write_network(
    module: SeparatorModule, weights: Path, name: str, *, score: float | None, origin: Origin
) -> None:
    """Write and register a module's network, and write its weights for warm starts.

    `score` is its validation SDR in dB, None if it is not known. Raises OutputError, or
    NetworkError if onnxruntime's output differs from torch's.
    """
    config = module.config
    network = module.finished().cpu()
    try:
        error = export_network(network, weights / name, shape=(4, config.dim_f, config.frames))
    except OSError as failure:
        raise OutputError(
            weights / name, got=failure.strerror, expected="a writable file"
        ) from failure
    rounded = None if score is None else round(score, 3)
    register_weights(weights, name, score=rounded, **vars(origin))
    write_state(weights / state_name(name), module.trained(), float(module.scale))
    register_weights(weights, state_name(name), **vars(origin))
    log.info("%s: onnxruntime equals torch to %.1e", name, error)


def release_checkpoint(
    path: Path, config: SeparatorConfig, source: str, seed: int, *, weights: Path, name: str,
    origin: Origin,
) -> float | None:  # fmt: skip
    """Write the network of a checkpoint; returns its validation SDR, dB.

    It is None where an earlier network of the run was better, since a checkpoint knows the score of
    the best alone. Raises WeightsError; ConfigError for a checkpoint of another run; or as
    write_network does.
    """
    run = describe_run(config, source, seed, origin.data)
    check_run(path, run, apart_from=("precision",))  # the weights are float32 in any case
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    module = SeparatorModule(config, scale=1.0)
    module.load_state_dict(checkpoint["state_dict"])
    validated = checkpoint["callbacks"]["KeepBest"]
    score = None if validated["waited"] else float(validated["best"])
    write_network(module, weights, name, score=score, origin=origin)
    return score
