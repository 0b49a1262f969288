"""Scoring a folder of written stems against the references of a test set."""

from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

from evaluator.bss_eval import framewise_metrics
from evaluator.metrics import Frames, framewise_sdr, global_sdr, median_over_frames
from evaluator.score_files import write_score_file
from mdx.errors import AudioError
from mdx.spec import SAMPLE_RATE, SOURCES, Audio

FrameScores = dict[str, dict[str, Frames]]  # by source, then by metric

ROUND_1_SECONDS = 240.0  # the challenge's first limit, for every song
ROUND_2_RATIO = 1.57  # its second: this many times the song's duration


def song_names(songs: Path) -> list[str]:
    """Songs of a test set that can be scored, sorted; raises AudioError where there is none."""
    names = sorted(path.parent.name for path in songs.glob("*/mixture.wav"))
    if not names:
        raise AudioError(songs, got="no song", expected="<song>/mixture.wav and its four stems")
    return names


def read_references(song: Path) -> dict[str, Audio]:
    """The true stems of a song, all as long as its mixture. Shape: (2, samples), float32."""
    return _read_stems(song, "a reference stem", sf.info(song / "mixture.wav").frames)


def score_song(
    references: dict[str, Audio], estimates: dict[str, Audio], frames: FrameScores
) -> dict[str, Any]:
    """Both SDRs of one song: by source, and their mean as `song`; None where no frame counts.

    `frames` holds the song's framewise scores, by source and metric.
    """
    overall = {source: global_sdr(references[source], estimates[source]) for source in SOURCES}
    medians = {source: median_over_frames(frames[source]["SDR"]) for source in SOURCES}
    return {"sdr": _with_mean(overall), "sdr_median_of_frames": _with_mean(medians)}


def score_results(
    songs: Path, results: Path, scores: Path, *, full: bool = False
) -> list[dict[str, Any]]:
    """Score the files that a submission wrote, song by song; frames go to `scores/<song>.json`.

    With `full`, these hold ISR, SIR and SAR as well.
    """
    rows = []
    for name in song_names(songs):
        references = read_references(songs / name)
        samples = references[SOURCES[0]].shape[1]
        estimates = _read_stems(results / name, "a stem of the submission", samples)
        score = framewise_metrics if full else _sdr_only
        frames = score(references, estimates)
        write_score_file(scores / f"{name}.json", frames)
        rows.append({"song": name, **score_song(references, estimates, frames)})
    return rows


def score_scaled_mixture(songs: Path) -> list[dict[str, Any]]:
    """The challenge's simplest baseline: every stem is a quarter of the mixture."""
    rows = []
    for name in song_names(songs):
        references = read_references(songs / name)
        mixture = _read(songs / name / "mixture.wav", "a mixture") / np.float32(len(SOURCES))
        estimates = dict.fromkeys(SOURCES, mixture)
        frames = _sdr_only(references, estimates)
        rows.append({"song": name, **score_song(references, estimates, frames)})
    return rows


def duration(song: Path) -> float:
    """Seconds of a song's mixture."""
    return float(sf.info(song / "mixture.wav").duration)


def mean_row(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The leaderboard's row: means over songs of the global SDR, medians of the framewise one."""
    columns = ("song", *SOURCES)
    means = {key: float(np.mean([row["sdr"][key] for row in rows])) for key in columns}
    medians = {}
    for source in SOURCES:
        values = [row["sdr_median_of_frames"][source] for row in rows]
        known = [value for value in values if value is not None]
        medians[source] = float(np.median(known)) if known else None
    return {"sdr": means, "sdr_median_of_frames": _with_mean(medians)}


def _sdr_only(references: dict[str, Audio], estimates: dict[str, Audio]) -> FrameScores:
    frames = framewise_sdr(references, estimates)
    return {source: {"SDR": values} for source, values in frames.items()}


def _with_mean(values: dict[str, Any]) -> dict[str, Any]:
    known = [value for value in values.values() if value is not None]
    complete = len(known) == len(values)
    return {"song": float(np.mean(known)) if complete else None, **values}


def _read_stems(folder: Path, what: str, samples: int) -> dict[str, Audio]:
    stems = {source: _read(folder / f"{source}.wav", what) for source in SOURCES}
    for source, stem in stems.items():
        if stem.shape[1] != samples:
            raise AudioError(
                folder / f"{source}.wav",
                got=f"{stem.shape[1]} samples",
                expected=f"{what} of {samples}, like the mixture",
            )
    return stems


def _read(path: Path, what: str) -> Audio:
    try:
        audio, rate = sf.read(path, dtype="float32", always_2d=True)
    except (sf.LibsndfileError, OSError) as error:
        raise AudioError(path, got=f"no readable file ({error})", expected=what) from error
    if rate != SAMPLE_RATE or audio.shape[1] != 2:
        raise AudioError(
            path, got=f"{audio.shape[1]} channels, {rate} Hz", expected=f"{what}, stereo, 44100 Hz"
        )
    stem: Audio = audio.T
    return stem
