"""The versions that must be the same on every machine for identical results."""

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "kuielab-mdx-net",
    "numpy",
    "scipy",
    "soxr",
    "soundfile",
    "av",
    "onnxruntime",
    "openvino",
)
ROOT = Path(__file__).resolve().parents[1]
COPIES = "_repository"  # in a wheel: the parts of a checkout besides mdx
SHOWN = 12  # hex digits of a sha256


@cache
def versions() -> dict[str, str]:
    """The versions of this package and of those that affect stems, and a hash of mdx's code.

    They are those at the first call: a process goes on with the code that it has loaded.
    """
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    sha256 = hashlib.sha256()
    for path in sorted(ROOT.rglob("*.py")):
        if COPIES in path.parts:
            continue
        sha256.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return {**found, "code of mdx": sha256.hexdigest()[:SHOWN]}


def difference(here: dict[str, str], there: dict[str, str]) -> str:
    """The differences, with both versions, as text; empty if there are none."""
    parts = [
        f"{name} {there.get(name, 'none')} there and {here[name]} here"
        for name in here
        if there.get(name) != here[name]
    ]
    if parts and here["kuielab-mdx-net"] == there.get("kuielab-mdx-net"):
        parts = [f"kuielab-mdx-net {here['kuielab-mdx-net']} on both sides, but", *parts]
        return f"{parts[0]} {', '.join(parts[1:])}"
    return ", ".join(parts)
