"""Writes a system of two stems around one network, and its entry in the manifest."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import yaml

from mdx.errors import ConfigError, OutputError
from mdx.estimators.chunks import mdx23c, uvr
from mdx.estimators.spectrogram import SpectrogramOptions
from mdx.estimators.stft import StftSpec
from mdx.files import write_atomically
from mdx.systems.manifest import describe, read_manifest, write_entry
from mdx.systems.spec import CombinerSpec, EstimatorSpec, SystemSpec
from models.describe.mdx23c_config import Mdx23cConfig
from models.describe.records import other_stem

CUT_OFF_MATTERS = ("vocals", "instrumental")  # stems whose rest is limited to the cutoff, in UVR
HIDDEN_BINS = 3  # the lowest ones, which UVR hides from the network
MADE_BY = "unknown; entered by python -m models.describe"
BAND_LIMIT = "below_cut_off"  # the estimator of the band-limited mixture


def two_stems_system(
    name: str, weights: str, size: StftSpec, *, primary: str, secondary: str, gain: float,
    uvr_hash: str,
) -> SystemSpec:  # fmt: skip
    """The system of one network, which finds the primary stem; raises ConfigError for bad values.

    Source: the MDX-Net separation of Ultimate Vocal Remover.
    """
    stems = (_stem(primary), _stem(secondary))
    options: dict[str, Any] = {
        "n_fft": size.n_fft, "hop": size.hop, "dim_f": size.dim_f, "dim_t": size.dim_t,
        "geometry": "uvr", "gain": gain, "hidden_bins": HIDDEN_BINS,
    }  # fmt: skip
    SpectrogramOptions(**options)
    uvr(size)
    estimators = [EstimatorSpec("spectrogram", stems[:1], weights=weights, options=options)]
    rest = CombinerSpec("rest")
    if primary.lower() in CUT_OFF_MATTERS:
        limits = {key: options[key] for key in ("n_fft", "hop", "dim_f", "hidden_bins")}
        estimators.append(
            EstimatorSpec("band_limit", ("mixture",), name=BAND_LIMIT, options=limits)
        )
        rest = CombinerSpec("rest", estimator=BAND_LIMIT)
    return SystemSpec(
        name=name,
        description=f"{primary} by {weights} (UVR hash {uvr_hash}), and {secondary} as the rest",
        training_data=("unknown",),
        leaderboard="none",
        stems=stems,
        estimators=tuple(estimators),
        combine=(rest,),
        licence="of the weights: unknown, ask who published them",
    )


def mdx23c_system(name: str, weights: str, config: Mdx23cConfig, *, uvr_hash: str) -> SystemSpec:
    """The system of an MDX23C network: its stems; if it has only one, also the rest of the mixture.

    Raises ConfigError for sizes or names that cannot be. Source: the MDX23C separation of Ultimate
    Vocal Remover, with the number of overlapping chunks that the network's own YAML has.
    """
    makes = tuple(_stem(made) for made in config.made)
    options: dict[str, Any] = {
        "n_fft": config.n_fft, "hop": config.hop, "dim_f": config.dim_f, "dim_t": config.dim_t,
        "geometry": "mdx23c", "overlap": round(1 - 1 / config.chunks, 6),
    }  # fmt: skip
    size = StftSpec(config.n_fft, config.hop, config.dim_f, config.dim_t)
    mdx23c(size, options["overlap"])
    rest = (_stem(other_stem(config.target)),) if config.target else ()
    made = " and ".join(config.made)
    return SystemSpec(
        name=name,
        description=f"{made} by {weights} (MDX23C, UVR hash {uvr_hash} of its checkpoint)",
        training_data=("unknown",),
        leaderboard="none",
        stems=(*makes, *rest),
        estimators=(EstimatorSpec("spectrogram", makes, weights, name="mdx23c", options=options),),
        combine=(CombinerSpec("rest"),) if rest else (),
        licence="of the weights: unknown, ask who published them",
    )


def _stem(name: str) -> str:
    return name.lower().replace(" ", "_")


def check_name(path: Path) -> None:
    """Raise ConfigError for a name that a system's YAML cannot have."""
    if path.suffix not in (".yaml", ".yml"):
        raise ConfigError(path, got=f"the suffix '{path.suffix}'", expected="a .yaml")


def name_inside(network: Path, yaml_path: Path) -> str:
    """A network's name in a YAML: its path from the YAML's folder, which must contain it.

    Links are not resolved.
    """
    folder = yaml_path.parent.resolve()
    place = network.parent.resolve() / network.name
    if not place.is_relative_to(folder):
        raise ConfigError(
            yaml_path,
            got=f"a YAML beside which {network} does not lie",
            expected="the network in the YAML's folder, or below it",
            hint="write the YAML into the network's folder",
        )
    return place.relative_to(folder).as_posix()


def check_free(path: Path, name: str) -> None:
    """Raise ConfigError if a YAML, its network or an entry of that name already exists."""
    folder = path.resolve().parent
    for place in (path, folder / name):
        if place.exists():
            raise ConfigError(place, got="a file that is there already", expected="a new one",
                              hint="--overwrite replaces it")  # fmt: skip
    if entry := read_manifest(folder).get(name):
        raise ConfigError(folder / "manifest.yaml", got=f"{entry} for '{name}'",
                          expected="none yet", hint="--overwrite replaces the entry")  # fmt: skip


def write_system(
    system: SystemSpec, path: Path, content: bytes, *, overwrite: bool,
    made_by: str = MADE_BY, parent: str | None = None,
) -> None:  # fmt: skip
    """Write a system's YAML, and enter its network's bytes into the manifest of the same folder.

    `made_by` and `parent` are of a new entry. Raises ConfigError, before anything is written, where
    that would replace a file or an entry of another network, unless `overwrite` says so;
    OutputError where it cannot be written.
    """
    (name,) = system.networks.values()
    folder = path.resolve().parent
    if path.exists() and not overwrite:
        raise ConfigError(path, got="a file that is there already", expected="a new one",
                          hint="--overwrite replaces it")  # fmt: skip
    found, entry = describe(content), read_manifest(folder).get(name)
    known = entry is not None and (entry.sha256, entry.bytes) == (found.sha256, found.bytes)
    if entry is not None and not known and not overwrite:
        raise ConfigError(folder / "manifest.yaml", got=f"{entry} for '{name}'",
                          expected=found, hint="--overwrite replaces the entry")  # fmt: skip
    text = yaml.safe_dump(_plain(system), sort_keys=False, width=100, allow_unicode=True)
    try:
        if not known:
            write_entry(folder, name, replace(found, made_by=made_by, parent=parent))
    except OSError as error:
        raise OutputError(path, got=error.strerror, expected="a folder to write into") from error
    write_atomically(path, text)


def _plain(system: SystemSpec) -> dict[str, object]:
    # Values at their default are omitted for readability.
    values = {key: getattr(system, key) for key in ("name", "description")}
    values["training_data"] = list(system.training_data)
    values |= {"leaderboard": system.leaderboard, "stems": list(system.stems)}
    values["estimators"] = [_plain_part(part) for part in system.estimators]
    values["combine"] = [_plain_part(step) for step in system.combine]
    return {**values, "licence": system.licence}


def _plain_part(part: EstimatorSpec | CombinerSpec) -> dict[str, object]:
    values = {key: value for key, value in asdict(part).items() if value is not None}
    options = values.pop("options")
    if not values.get("stem_weights"):
        values.pop("stem_weights", None)
    if isinstance(part, EstimatorSpec):
        values["makes"] = list(part.makes)
    return {**values, **options}
