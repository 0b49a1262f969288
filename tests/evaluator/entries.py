"""Systems with the released files' hashes, and their entries in a report."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from evaluator.published import Published
from evaluator.scores import METRICS
from evaluator.systems import System
from evaluator.test_sets import Song, TestSet
from mdx.systems.find import find_system

SONGS = tuple(Song(f"song {n}", Path("nowhere")) for n in range(50))
MUSDB18 = TestSet("MUSDB18 test", SONGS, whole=True)


def make_system(name: str, published: Published, *, mixer: bool = True) -> System:
    """KUIELab's four networks, with its Mixer or without."""
    spec = replace(find_system("mdx_net" if mixer else "mdx_net_no_mixer")[0], name=name)
    weights: dict[str, str | None] = dict(published.released["kuielab_a"])
    if not mixer:
        del weights["mixer"]
    return System(name, spec, "float32", weights, {})


def make_entry(name: str, values: dict[str, float], songs: int = 50) -> dict[str, Any]:
    """A system's entry in a report, with the same values in both metrics."""
    scores = {"song": sum(values.values()) / 4, **values}
    return {
        "system": name, "marks": [], "deviations": [], "leaderboard": "A", "songs": [{}] * 50,
        "mean": {"songs": songs, **dict.fromkeys(METRICS, scores)} if songs else None,
    }  # fmt: skip
