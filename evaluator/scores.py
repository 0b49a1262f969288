"""Scores the stems written for a song against the true ones."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

from evaluator.audio_files import open_audio
from evaluator.bss_eval import framewise_metrics
from evaluator.metrics import Frames, framewise_sdr, global_sdr, median_over_frames
from evaluator.score_files import write_score_file
from mdx.errors import AudioError
from mdx.systems.spec import SAMPLE_RATE, SOURCES, Audio

BASELINE = "ScaledMixture"  # the challenge's simplest baseline
COLUMNS = ("song", *SOURCES)  # the leaderboard's: the mean over sources, then each of them
METRICS = {
    "sdr": "challenge: global SDR of the files written, mean over songs",
    "sdr_median_of_frames": "paper: BSS Eval v4, median over 1 s frames, then over songs",
}
DECIMALS = 6
LOUDEST = 1e9  # times full scale; beyond it, energies may overflow float32

Scores = dict[str, dict[str, float | None]]  # by metric, then by column


def read_references(song: Path) -> dict[str, Audio]:
    """The true stems of a song, all as long as its mixture. Shape: (2, samples), float32.

    Raises AudioError for a stem that is missing, unreadable, not finite, or of another length.
    """
    samples = _read(song / "mixture.wav", "a mixture").shape[1]
    stems = {source: song / f"{source}.wav" for source in SOURCES}
    return _read_stems(stems, "a reference stem", samples)


def score_stems(song: Path, stems: Path, frames_path: Path) -> Scores:
    """Both SDRs of one song, from the folder of its true stems and the folder of its estimates.

    Like `score_files`, for the files `<stems>/<source>.wav`.
    """
    return score_files(song, {source: stems / f"{source}.wav" for source in SOURCES}, frames_path)


def score_files(
    song: Path, stems: Mapping[str, Path], frames_path: Path, *, full: bool = False
) -> Scores:
    """Both SDRs of one song, from the folder of its true stems and a file per source, or for some.

    Framewise scores are written to `frames_path` in museval's schema; with `full` and all four
    stems, ISR, SIR and SAR as well. A frame in which any true stem is silent does not count, even
    if that stem is not scored. Raises AudioError for a file that cannot be compared, OutputError
    if `frames_path` cannot be written.
    """
    references = read_references(song)
    samples = references[SOURCES[0]].shape[1]
    estimates = _read_stems(stems, "a stem to be scored", samples)
    # Leakage from one source into another can only be measured if all sources are given.
    every = framewise_metrics if full and set(estimates) == set(SOURCES) else _sdr_only
    frames = every(references, estimates)
    write_score_file(frames_path, frames)
    return _summarise(references, estimates, frames)


def score_pairs(references: Mapping[str, Path], estimates: Mapping[str, Path]) -> Scores:
    """Both SDRs of the sources that have a true stem and an estimate; the others are left out.

    Raises AudioError for a file that cannot be compared.
    """
    true = _read_stems(references, "a true stem")
    samples = next(iter(true.values())).shape[1] if true else 0
    both = {source: path for source, path in estimates.items() if source in true}
    found = _read_stems(both, "a stem to be scored", samples)
    return _summarise(true, found, _sdr_only(true, found))


def score_scaled_mixture(song: Path) -> Scores:
    """Both SDRs of the challenge's simplest baseline: every stem is a quarter of the mixture."""
    references = read_references(song)
    mixture = _read(song / "mixture.wav", "a mixture") / np.float32(len(SOURCES))
    estimates = dict.fromkeys(SOURCES, mixture)
    return _summarise(references, estimates, _sdr_only(references, estimates))


def mean_scores(songs: Sequence[Mapping[str, Any]]) -> Scores:
    """The leaderboard's row: mean over songs of the global SDR, median of the framewise SDR.

    Neither has a number for a source whose stem some of the songs lack.
    """
    means = {key: _mean([song["sdr"][key] for song in songs]) for key in COLUMNS}
    medians = {}
    for source in SOURCES:
        values = [song["sdr_median_of_frames"][source] for song in songs]
        # A song none of whose frames count is left out, as in museval; one that lacks the stem
        # must not be, or the median of the others would pass for that of all.
        known = [value for value in values if value is not None]
        whole = all(song["sdr"][source] is not None for song in songs)
        medians[source] = float(np.median(known)) if known and whole else None
    return _rounded({"sdr": means, "sdr_median_of_frames": _with_mean(medians)})


def _summarise(
    references: dict[str, Audio],
    estimates: dict[str, Audio],
    frames: Mapping[str, Mapping[str, Frames]],
) -> Scores:
    overall: dict[str, float | None] = dict.fromkeys(SOURCES)
    medians = overall.copy()
    for source, estimate in estimates.items():
        overall[source] = global_sdr(references[source], estimate)
        medians[source] = median_over_frames(frames[source]["SDR"])
    return _rounded({"sdr": _with_mean(overall), "sdr_median_of_frames": _with_mean(medians)})


def _sdr_only(
    references: dict[str, Audio], estimates: dict[str, Audio]
) -> dict[str, dict[str, Frames]]:
    frames = framewise_sdr(references, estimates)
    return {source: {"SDR": values} for source, values in frames.items()}


def _with_mean(values: Mapping[str, float | None]) -> dict[str, float | None]:
    return {"song": _mean(list(values.values())), **values}


def _mean(values: Sequence[float | None]) -> float | None:
    # None if a value is missing: the mean of the others would pass for the mean of all.
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def _rounded(scores: Mapping[str, Mapping[str, float | None]]) -> Scores:
    return {
        metric: {
            key: None if value is None else round(value, DECIMALS) for key, value in values.items()
        }
        for metric, values in scores.items()
    }


def _read_stems(
    paths: Mapping[str, Path], what: str, samples: int | None = None
) -> dict[str, Audio]:
    # Checks that all are as long as `samples`, or as the first stem.
    stems = {source: _read(paths[source], what) for source in SOURCES if source in paths}
    for source, stem in stems.items():
        samples = stem.shape[1] if samples is None else samples
        if stem.shape[1] != samples:
            raise AudioError(
                paths[source],
                got=f"{stem.shape[1]} samples",
                expected=f"{what} of {samples}, like the mixture",
            )
    return stems


def _read(path: Path, what: str) -> Audio:
    try:
        with open_audio(path) as file:
            audio, rate = file.read(dtype="float32", always_2d=True), file.samplerate
    except (sf.LibsndfileError, OSError) as error:
        got = "no file" if not path.exists() else f"no readable file ({error})"
        raise AudioError(path, got=got, expected=what) from error
    if rate != SAMPLE_RATE or audio.shape[1] != 2:
        raise AudioError(
            path, got=f"{audio.shape[1]} channels, {rate} Hz", expected=f"{what}, stereo, 44100 Hz"
        )
    peak = np.abs(audio).max(initial=0.0)
    if not peak <= LOUDEST:  # also where it is NaN
        got = f"a peak of {peak:g}" if np.isfinite(peak) else "NaN or infinity"
        raise AudioError(path, got=got, expected=f"{what}, with a full scale of 1")
    stem: Audio = audio.T
    return stem
