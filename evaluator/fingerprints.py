"""Hashes of everything that a result depends on: a resumed run repeats only what would change.

There is no list of files: a program's dependencies are found by following its imports.
"""

import ast
import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

from mdx.errors import AudioError

ROOT = Path(__file__).resolve().parent.parent
SEPARATION = "predict.py"  # makes the stems
SCORING = "evaluator/scores.py"  # computes their scores
RUNTIME = "mdx"  # every file in it counts for the stems, whether it is imported or read


def hash_file(path: Path) -> str:
    """The sha256 of a file; raises AudioError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise AudioError(path, got=error.strerror, expected="a readable file") from error


def hash_files(paths: Iterable[Path]) -> dict[str, str]:
    """The sha256 of each file, by its name; the names must differ."""
    return {path.name: hash_file(path) for path in paths}


def hash_facts(*facts: object) -> str:
    """One sha256 of any values that JSON can represent; raises TypeError for others."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def separation_code(root: Path = ROOT) -> str:
    """One sha256 of all code that determines the stems: the repository's, and its packages."""
    every = (path for path in (root / RUNTIME).rglob("*") if path.is_file())
    return _hash_code({*needed_by(SEPARATION, root), *filter(_is_source, every)}, root)


def scoring_code(root: Path = ROOT) -> str:
    """One sha256 of all code that determines the scores of given stems."""
    return _hash_code(needed_by(SCORING, root), root)


def needed_by(file: str, root: Path = ROOT) -> set[Path]:
    """The Python files of the repository that a file needs: itself, and everything it imports.

    Imports inside functions count as well.
    """
    found: set[Path] = set()
    waiting = [root / file]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            for name in _imports(path.read_bytes()):
                waiting += _modules(name, root)
    return found


def package_versions(root: Path = ROOT) -> dict[str, str]:
    """The installed versions of the packages that stems and scores depend on."""
    files = {*needed_by(SEPARATION, root), *needed_by(SCORING, root)}
    return _versions({*files, *(root / RUNTIME).rglob("*.py")}, root)


def _hash_code(files: set[Path], root: Path) -> str:
    hashes = {path.relative_to(root).as_posix(): hash_file(path) for path in files}
    sources = {path for path in files if path.suffix == ".py"}
    return hash_facts(hashes, _versions(sources, root))


def _is_source(path: Path) -> bool:
    # Excludes compiled modules, and what editors and unfinished writes leave behind.
    return path.suffix != ".pyc" and not path.name.startswith(".")


@cache
def _imports(source: bytes) -> frozenset[str]:
    # By full name; in `from a import b`, b may be a module as well.
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


def _modules(name: str, root: Path) -> list[Path]:
    # The files that an import executes, including the packages above the module.
    parts = name.split(".")
    files = []
    for count in range(1, len(parts) + 1):
        module = root.joinpath(*parts[:count])
        files += [module.with_suffix(".py"), module / "__init__.py"]
    return [path for path in files if path.is_file()]


def _versions(files: set[Path], root: Path) -> dict[str, str]:
    modules = {name.split(".")[0] for path in files for name in _imports(path.read_bytes())}
    modules = {module for module in modules if not _modules(module, root)}
    names = {name for module in modules for name in _distributions().get(module, ())}
    versions = {}
    for name in sorted(names):
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions


@cache
def _distributions() -> Mapping[str, list[str]]:
    # By module; cached, because scanning all installed packages takes a moment.
    return packages_distributions()
