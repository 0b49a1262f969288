"""Lists all systems, and whether their weights are here."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mdx.systems.find import find_system, system_names
from mdx.systems.manifest import (
    WeightsEntry,
    checkpoint_of,
    int8_name,
    read_manifest,
    weights_path,
)
from mdx.systems.spec import SystemSpec


@dataclass(frozen=True)
class Listing:
    """A system in a list."""

    spec: SystemSpec
    entries: tuple[WeightsEntry | None, ...]  # what the manifest says of each file
    present: tuple[bool, ...]  # whether each file is here
    licence: str  # of the code and the weights, as text
    int8: bool  # whether the int8 versions of all networks are here

    @property
    def here(self) -> bool:
        """Whether it can be run."""
        return all(self.present)

    @property
    def fetchable(self) -> bool:
        """Whether `mdx fetch` downloads all files."""
        return all(entry is not None and entry.is_known for entry in self.entries)


def list_systems() -> list[Listing]:
    """All systems that come with the repository, by name."""
    return [list_system(name) for name in system_names()]


def list_system(system: str | Path) -> Listing:
    """One system, by name or by the path of its YAML; raises ConfigError as find_system does."""
    spec, folder = find_system(system)
    entries = read_manifest(folder)
    quantised = [int8_name(name) for name in spec.networks.values()]
    return Listing(
        spec=spec,
        entries=tuple(_entry_of(entries, file) for file in spec.files),
        present=tuple(weights_path(folder, file).is_file() for file in spec.files),
        licence=spec.licence or "not stated",
        int8=bool(quantised)
        and all(name in entries and weights_path(folder, name).is_file() for name in quantised),
    )


def _entry_of(entries: Mapping[str, WeightsEntry], file: str) -> WeightsEntry | None:
    """The manifest's entry of a file, or of the checkpoint from which it is converted."""
    return entries.get(file) or entries.get(checkpoint_of(entries, file) or "")
