"""A system as a value: its YAML, the manifest of its weights, and the files by their sha256."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from mdx.cluster.files import digest
from mdx.systems.find import find_system
from mdx.systems.manifest import MANIFEST, int8_name, read_manifest, weights_path
from mdx.systems.spec import MODELS

YAML = "system.yaml"  # its name on a worker


@dataclass(frozen=True)
class Pack:
    """The parts of a system that a worker needs."""

    message: dict[str, Any]  # plain values, see mdx.cluster.store.place_system
    files: dict[str, Path]  # local paths by sha256


def pack_system(given: str | Path) -> Pack:
    """A system by its name or YAML; weights that are not here are looked for on the worker.

    Nothing is verified: whoever loads a file does that. Raises ConfigError for a system that cannot
    be read, WeightsError for a name that leaves the folder.
    """
    spec, folder = find_system(given)
    entries = read_manifest(folder)
    names = {*spec.files, *(int8_name(name) for name in spec.networks.values())}
    known = {name: entries[name] for name in sorted(names) if name in entries}
    files, digests = {}, {}
    for name in sorted(names):
        path = weights_path(folder, name)
        if path.is_file():
            digests[name] = digest(path)
            files[digests[name]] = path
        elif name in known and len(known[name].sha256) == 64:
            digests[name] = known[name].sha256
    manifest = {
        name: {key: value for key, value in asdict(entry).items() if value is not None}
        for name, entry in known.items()
    }
    texts = {YAML: _yaml_of(given), MANIFEST: yaml.safe_dump(manifest, sort_keys=False)}
    key = hashlib.sha256(json.dumps([texts, digests], sort_keys=True).encode()).hexdigest()
    return Pack({"yaml": YAML, "texts": texts, "files": digests, "sha256": key}, files)


def _yaml_of(given: str | Path) -> str:
    own = Path(given).suffix in (".yaml", ".yml")
    path = Path(given) if own else MODELS / "systems" / f"{given}.yaml"
    return path.read_text(encoding="utf-8")
