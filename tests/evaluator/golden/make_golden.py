"""`python -m tests.evaluator.golden.make_golden`: run our own systems on two short songs again.

It writes golden.json next to this file: the songs' part of the report, without timing. Run it and
inspect the difference whenever the demo songs, our weights or the metrics change.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

from demo.__main__ import main as compose
from evaluator.json_files import write_json
from evaluator.run import main as evaluate

GOLDEN = Path(__file__).with_name("golden.json")


def run_golden(folder: Path) -> Any:
    """Compose the songs and run our own systems on them; returns their part of the report."""
    songs = folder / "songs"
    compose(["--out", str(songs), "--test", "2", "--seconds", "3", "--seed", "3", "--jobs", "1"])
    options = ["--excerpt", "0"]
    for name in ("demo_no_mixer", "demo", "synthetic"):
        options += ["--system", name]
    if evaluate(["--songs", str(songs / "test"), "--out", str(folder / "out"), *options]) != 0:
        raise SystemExit("the golden run failed")
    report = json.loads((folder / "out" / "report.json").read_text(encoding="utf-8"))
    return {key: report[key] for key in ("test_set", "scored_files", "baseline", "systems")}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        write_json(GOLDEN, run_golden(Path(name)))
