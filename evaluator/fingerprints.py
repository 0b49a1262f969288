"""What a result depends on, as hashes: an interrupted run redoes only what would come out anew."""

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mdx.errors import AudioError

ROOT = Path(__file__).resolve().parent.parent
SEPARATION = ("predict.py", "evaluator/music_demixing.py", "mdx/**/*.py")
SCORING = tuple(f"evaluator/{name}.py" for name in ("metrics", "bss_eval", "scores", "score_files"))
PACKAGES = ("numpy", "onnxruntime", "openvino", "scipy", "soundfile", "soxr")


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
    """One sha256 of anything that JSON can hold."""
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def code_version(patterns: tuple[str, ...]) -> str:
    """One sha256 of source files of the repository, and of the packages they build on."""
    paths = sorted(path for pattern in patterns for path in ROOT.glob(pattern))
    files = {str(path.relative_to(ROOT)): hash_file(path) for path in paths}
    return hash_facts(files, package_versions())


def package_versions() -> dict[str, str]:
    """The packages that decide about stems and scores, as far as they are installed."""
    versions = {}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions
