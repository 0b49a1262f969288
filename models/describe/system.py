"""A system of two stems around one network, and its YAML with the manifest's entry beside it."""

from dataclasses import asdict, replace
from pathlib import Path

import yaml

from mdx.errors import ConfigError, OutputError
from mdx.systems.spec import SystemSpec, TwoStemsSpec
from mdx.systems.weights import describe, read_manifest, write_entry

CUT_OFF_MATTERS = ("vocals", "instrumental")  # stems whose rest is that below the cut-off, in UVR


def two_stems_system(two_stems: TwoStemsSpec, name: str, uvr_hash: str) -> SystemSpec:
    """The system of one network; raises ConfigError for a name that is none."""
    return SystemSpec(
        name=name,
        description=f"{two_stems.primary} by {two_stems.weights} (UVR hash {uvr_hash}), and "
        f"{two_stems.secondary} as the rest",
        training_data=("unknown",),
        leaderboard="none",
        profile="uvr",
        two_stems=two_stems,
        licence="of the weights: unknown, ask who published them",
    )


def check_name(path: Path) -> None:
    """Raises ConfigError where a system's YAML cannot be called so."""
    if path.suffix not in (".yaml", ".yml"):
        raise ConfigError(path, got=f"the suffix '{path.suffix}'", expected="a .yaml")


def name_inside(network: Path, yaml_path: Path) -> str:
    """A network's name for a YAML: its path from the YAML's folder, which it must lie in.

    A link counts where it is, whatever it leads to.
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


def write_system(system: SystemSpec, path: Path, content: bytes, *, overwrite: bool) -> None:
    """Write a system's YAML, and enter its network's bytes into the manifest of the same folder.

    Raises ConfigError, before anything is written, where that would replace a file or an entry of
    another network, unless `overwrite` says so; OutputError where it cannot be written.
    """
    spec = system.two_stems
    assert spec is not None
    folder = path.resolve().parent
    if path.exists() and not overwrite:
        raise ConfigError(path, got="a file that is there already", expected="a new one",
                          hint="--overwrite replaces it")  # fmt: skip
    found, entry = describe(content), read_manifest(folder).get(spec.weights)
    known = entry is not None and (entry.sha256, entry.bytes) == (found.sha256, found.bytes)
    if entry is not None and not known and not overwrite:
        raise ConfigError(folder / "manifest.yaml", got=f"{entry} for '{spec.weights}'",
                          expected=found, hint="--overwrite replaces the entry")  # fmt: skip
    text = yaml.safe_dump(_plain(system), sort_keys=False, width=100, allow_unicode=True)
    try:
        if not known:
            made_by = "unknown; entered by python -m models.describe"
            write_entry(folder, spec.weights, replace(found, made_by=made_by))
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(path, got=error.strerror, expected="a folder to write into") from error


def _plain(system: SystemSpec) -> dict[str, object]:
    # What a reader needs: defaults are left out of the whole, and what is None of the network.
    assert system.two_stems is not None
    values = {key: getattr(system, key) for key in ("name", "description")}
    values["training_data"] = list(system.training_data)
    values |= {key: getattr(system, key) for key in ("leaderboard", "profile")}
    parts = asdict(system.two_stems)
    values["two_stems"] = {key: value for key, value in parts.items() if value is not None}
    return {**values, "licence": system.licence}
