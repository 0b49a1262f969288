"""Score files in museval's JSON schema, one per track: reading, writing, and their medians.

museval writes bare NaN for frames that do not count; we write null, which its own tools also read,
and read both.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from evaluator.json_files import write_json
from evaluator.metrics import Frames
from mdx.errors import AudioError

METRICS = ("SDR", "ISR", "SIR", "SAR")
DECIMALS = 5  # museval's own
SECONDS = 1.0  # window and hop of a frame
WRITER = "0.4.1 (its schema, another writer)"

Medians = dict[str, dict[str, float | None]]  # by target, then by metric


def write_score_file(path: Path, scores: Mapping[str, Mapping[str, Frames]]) -> None:
    """Write the framewise scores of one track atomically; metrics that are not given are null.

    `scores` is by target, then by metric, and must contain SDR. Raises OutputError if the file
    cannot be written. Shape: (frames,) each, dB
    """
    targets = [
        {
            "name": source,
            "frames": [
                {
                    "time": index * SECONDS,
                    "duration": SECONDS,
                    "metrics": {
                        metric: _number(metrics[metric][index]) if metric in metrics else None
                        for metric in METRICS
                    },
                }
                for index in range(len(metrics["SDR"]))
            ],
        }
        for source, metrics in scores.items()
    ]
    content = {"museval_version": WRITER, "targets": targets}
    write_json(path, content)


def aggregate(folder: Path) -> tuple[int, Medians]:
    """The number of tracks, and the median over them of the median over frames, as in museval.

    Medians are by target and metric. Reads `folder/test/**/*.json` (museval's layout), otherwise
    `folder/**/*.json`. Raises AudioError for no file, two tracks of one name, or another schema.
    """
    paths = sorted((folder / "test").rglob("*.json")) or sorted(folder.rglob("*.json"))
    names = [path.stem for path in paths]
    twins = sorted({name for name in names if names.count(name) > 1})
    if not paths or twins:
        got = f"two tracks '{twins[0]}'" if twins else "no score file"
        raise AudioError(
            folder, got=got, expected="museval's .json files, one per track",
            hint="of an evaluation's own folder, name scores/SYSTEM",
        )  # fmt: skip
    tracks = [_read_track(path) for path in paths]
    targets = sorted({target for track in tracks for target in track})
    medians: Medians = {
        target: {
            metric: _median([track.get(target, {}).get(metric) for track in tracks])
            for metric in METRICS
        }
        for target in targets
    }
    return len(tracks), medians


def _read_track(path: Path) -> Medians:
    # The median over frames, by target and metric.
    try:
        scores: Any = json.loads(path.read_text(encoding="utf-8"))
        return {
            target["name"]: {
                metric: _median([frame["metrics"].get(metric) for frame in target["frames"]])
                for metric in METRICS
            }
            for target in scores["targets"]
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise AudioError(
            path, got=f"{type(error).__name__}: {error}", expected="a file in museval's schema"
        ) from error


def _median(values: list[float | None]) -> float | None:
    numbers = np.array([np.nan if value is None else value for value in values], dtype=float)
    counted = numbers[~np.isnan(numbers)]
    return float(np.median(counted)) if counted.size else None


def _number(value: float) -> float | None:
    return round(float(value), DECIMALS) if np.isfinite(value) else None
