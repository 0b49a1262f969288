"""What one training run is made of, read from `training/configs/<name>.yaml`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mdx.errors import ConfigError
from mdx.spec import SOURCES, StftSpec, build, read_mapping
from models.tfc_tdf import TfcTdfSpec

CONFIGS = Path(__file__).resolve().parent / "configs"


@dataclass(frozen=True)
class SeparatorConfig:
    """The size of one separator and how long it is trained."""

    n_fft: int
    hop: int
    dim_f: int
    train_frames: int  # frames of a training example
    frames: int  # frames of a chunk in the exported network, which is convolutional in time
    n_blocks: int
    n_layers: int
    growth: int
    bottleneck: int
    steps: int
    batch: int
    learning_rate: float

    def stft(self, frames: int) -> StftSpec:
        """The STFT around the network, for this many frames."""
        return StftSpec(self.n_fft, self.hop, self.dim_f, frames)

    def network(self) -> TfcTdfSpec:
        """The network's size."""
        return TfcTdfSpec(
            dim_f=self.dim_f,
            n_blocks=self.n_blocks,
            n_layers=self.n_layers,
            growth=self.growth,
            bottleneck=self.bottleneck,
        )


def read_config(name: str) -> Mapping[str, SeparatorConfig]:
    """Read a configuration by name: one SeparatorConfig a source.

    The YAML holds `shared`, which applies to all, and the four sources, which add to it or
    override it. Raises ConfigError for an unknown name, source or key.
    """
    known = sorted(path.stem for path in CONFIGS.glob("*.yaml"))
    if name not in known:
        raise ConfigError("config", got=f"'{name}'", expected=f"one of {', '.join(known)}")
    path = CONFIGS / f"{name}.yaml"
    values = read_mapping(path)
    if set(values) != {"shared", *SOURCES}:
        expected = f"the keys shared, {', '.join(SOURCES)}"
        raise ConfigError(path, got=list(values), expected=expected)
    return {
        source: build(SeparatorConfig, {**values["shared"], **values[source]}, f"{path}: {source}")
        for source in SOURCES
    }
