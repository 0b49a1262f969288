"""`python -m benchmarks.limit`: songs on machines that slow down, freeze or have other work.

Every run is the submission as called by the grader, under a random limit, on a machine that slows
down by a random factor in mid-song, is frozen, or is shared with other busy processes.
"""

import argparse
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.command import errors_in_one_line
from evaluator.children import Children
from evaluator.disturbances import Disturbance, busy, frozen, slower, together
from evaluator.replay import SongFailed, Submission, separate_song
from evaluator.scores import score_stems
from evaluator.tables import markdown_table
from evaluator.test_sets import DEMO_SONGS, Song, find_test_set
from mdx.errors import AudioError
from mdx.estimators.protocol import Geometry
from mdx.limit.deadline import Deadline
from mdx.limit.policy import Limit
from mdx.runtimes.watched import run_watched, watching
from mdx.systems.find import find_system
from mdx.systems.spec import LAST_RESORT, SOURCES, QualityLevel

CHECKS = 2000
Draw = Callable[[np.random.Generator, float], tuple[Limit, str, Disturbance]]


def draw(rng: np.random.Generator, duration: float) -> tuple[Limit, str, Disturbance]:
    """A random limit, and a random disturbance of the machine with its description."""
    limit = Limit("ratio", float(rng.uniform(0.15, 1.57)))
    seconds = limit.seconds(duration) or duration
    times = float(np.exp(rng.uniform(0, np.log(20))))
    after = float(rng.uniform(0, 3))
    kind = rng.choice(["slower", "slower and frozen", "slower and busy"])
    acts = [slower(times, after=after)]
    if kind == "slower and frozen":
        acts.append(frozen(float(rng.uniform(0, 0.3)) * seconds, after=float(rng.uniform(0, 3))))
    if kind == "slower and busy":
        acts.append(busy(4, after=after))

    return limit, f"{kind}, x{times:.1f}", together(acts)


def run_once(
    system: str, song: Song, rng: np.random.Generator, out: Path, draw: Draw = draw
) -> dict[str, Any]:
    """One song on one random machine, which `draw` makes."""
    limit, words, disturbance = draw(rng, song.duration)
    row: dict[str, Any] = {"machine": words, "limit": str(limit)}
    submission = Submission(system, limit=limit, disturbance=disturbance)
    stems = out / song.name
    try:
        run = separate_song(submission, song.folder, out, Children())
        scores = score_stems(song.folder, stems, stems / "scores.json")
    except (SongFailed, AudioError) as error:  # failed, or with stems that are not valid
        return {**row, "error": str(error)}
    share = run.seconds / (limit.seconds(song.duration) or 1)
    return {
        **row,
        "error": None,
        "levels": run.levels,
        "share": share,
        "sdr": scores["sdr"]["song"],
    }


def check_cost() -> float:
    """Seconds that a segment with one call of a network takes to be watched by the deadline."""
    levels = (QualityLevel(estimators=SOURCES), LAST_RESORT)
    costs = {("float32", source): 1e-6 for source in SOURCES}
    geometries = [dict.fromkeys(SOURCES, Geometry(1, 1)), {}]
    deadline = Deadline(1e9, levels, costs, geometries, started=time.monotonic())
    deadline.begin(10**9)
    ended = threading.Event()
    started = time.perf_counter()
    with watching(deadline.during_segment):
        for _ in range(CHECKS):
            deadline.before_segment("bass")
            run_watched(lambda: None, ended.set)
            deadline.after_segment("bass", count=1, share=1.0)
    return (time.perf_counter() - started) / CHECKS


def curve(rows: list[dict[str, Any]]) -> str:
    """SDR and time by the quality level that a song ended on."""
    found = [row for row in rows if not row["error"]]
    last = Counter(row["levels"][-1] for row in found)
    lines = []
    for level, count in last.most_common():
        chosen = [row for row in found if row["levels"][-1] == level]
        share, sdr = (np.mean([row[key] for row in chosen]) for key in ("share", "sdr"))
        worst = max(row["share"] for row in chosen)
        falls = np.mean([len(row["levels"]) - 1 for row in chosen])
        lines.append(
            [level, f"{count}", f"{100 * share:.0f}", f"{100 * worst:.0f}", f"{falls:.1f}",
             f"{sdr:.2f}"]
        )  # fmt: skip
    header = ["ended on", "runs", "mean share of the limit, %", "largest, %", "fallbacks",
              "mean SDR, dB"]  # fmt: skip
    return markdown_table(header, sorted(lines, key=lambda line: -float(line[-1])))


def main() -> None:
    """Print how many runs were late or invalid, and SDR against time."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.limit", description=__doc__)
    parser.add_argument("--system", default="demo")
    parser.add_argument("--songs", type=Path, default=DEMO_SONGS, help="(default: %(default)s)")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    find_system(args.system)  # an error before anything is measured
    print(f"watching the clock takes {1e6 * check_cost():.0f} microseconds a segment")
    rng = np.random.default_rng(args.seed)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        songs = find_test_set(args.songs, Path(name)).songs
        for index in range(args.runs):
            song = songs[index % len(songs)]
            rows.append(run_once(args.system, song, rng, Path(name)))
            print(index + 1, rows[-1]["machine"], rows[-1]["limit"],
                  rows[-1]["error"] or f"{100 * rows[-1]['share']:.0f} % {rows[-1]['levels']}",
                  flush=True)  # fmt: skip
    errors = [row["error"] for row in rows if row["error"]]
    print(f"\n{len(rows)} runs: {len(errors)} late, failed or invalid\n\n{curve(rows)}")


if __name__ == "__main__":
    with errors_in_one_line():
        main()
