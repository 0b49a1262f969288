"""Checkpoints: written atomically, read without pickle, and resumed only by the same run."""

import io
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO
from typing_extensions import override

from mdx.errors import ConfigError, WeightsError
from mdx.files import write_atomically
from training.config import SeparatorConfig
from training.data_config import DataConfig

SONGS = "songs"  # key of a run's data sets
COUNT = re.compile(r": \d+ songs")  # after the name of each


class SafeCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoints, each of which replaces the previous one once it is complete."""

    @override
    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: object = None
    ) -> None:
        """Raises OutputError if it cannot be written."""
        content = io.BytesIO()
        torch.save(checkpoint, content)
        write_atomically(Path(path), content.getvalue(), durable=True)


def describe_run(
    config: SeparatorConfig, source: str, seed: int, songs: str | None
) -> dict[str, Any]:
    """What determines a run's weights, as a flat mapping for a checkpoint.

    `songs` names the data sets, of which there may be more songs when a run is resumed.
    """
    values = {"source": source, "seed": seed, SONGS: songs, **asdict(config)}
    values.pop("data")
    # The length of a run affects its steps only if the learning rate has a schedule.
    values.pop("patience")
    if config.schedule == "constant":
        values.pop("steps")
    if not config.first_bin:  # checkpoints from before this key have none
        values.pop("first_bin")
    return {**values, **_flat(config.data)}


def check_run(path: Path, run: Mapping[str, Any], *, apart_from: tuple[str, ...] = ()) -> None:
    """Compare a checkpoint's run with `run`, except for the keys `apart_from`.

    Raises WeightsError if the checkpoint cannot be read, ConfigError if it is from another run.
    """
    expected = "a checkpoint of a training"
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)["run"]
    except Exception as error:  # of a dozen classes, depending on the damage
        raise WeightsError(
            path, got=f"{type(error).__name__}: {error}", expected=expected
        ) from error
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise WeightsError(path, got=f"a {type(found).__name__} for its run", expected=expected)
    # Checkpoints from before these keys have none.
    found = {SONGS: run.get(SONGS), **_flat(DataConfig()), **found}
    keys = {*run, *found} - {*apart_from}
    for key in sorted(keys, key=lambda key: (key != "architecture", key)):
        if _comparable(found.get(key)) != _comparable(run.get(key)):
            raise ConfigError(
                path, got=f"a checkpoint with {key} {found.get(key)}", expected=run.get(key),
                hint="resume with the configuration it was made by, or begin another run",
            )  # fmt: skip


def _flat(data: DataConfig) -> dict[str, Any]:
    return {f"data.{key}": value for key, value in asdict(data).items()}


def _comparable(value: object) -> object:
    # There may be more songs than before; YAML has lists where a default is a tuple.
    if isinstance(value, str):
        return COUNT.sub("", value)
    return list(value) if isinstance(value, tuple) else value
