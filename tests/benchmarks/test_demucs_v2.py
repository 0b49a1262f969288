"""The contents of the table of settings."""

from pathlib import Path
from typing import Self

import numpy as np
import pytest
import soundfile as sf

from benchmarks import demucs_v2
from benchmarks.demucs_v2 import (
    REFERENCE,
    Run,
    Setting,
    judge,
    mean_sdr,
    measure,
    write_system,
)
from mdx.estimators.demucs_v2 import ORDER
from mdx.systems.find import find_system
from mdx.systems.spec import SAMPLE_RATE, SOURCES
from tests.tiny import noise


def write_stems(folder: Path, *, gain: float) -> None:
    folder.mkdir(exist_ok=True)
    for index, source in enumerate(SOURCES):
        samples = gain**index * noise(1000, seed=index).T
        sf.write(folder / f"{source}.wav", samples, SAMPLE_RATE, subtype="FLOAT")


def test_the_sdr_is_the_mean_over_sources(tmp_path: Path) -> None:
    write_stems(tmp_path / "a", gain=1.0)
    write_stems(tmp_path / "b", gain=0.5)
    losses = [1 - 0.5**index for index in (1, 2, 3)]  # the first stem is the same: no noise at all
    whole = 10 * np.log10(np.square(noise(1000, seed=0)).sum() / 1e-7)
    expected = (whole - sum(20 * np.log10(loss) for loss in losses)) / 4
    assert mean_sdr(tmp_path / "a", tmp_path / "b") == pytest.approx(expected, abs=0.01)


def test_a_setting_is_a_system(tmp_path: Path) -> None:
    spec, folder = find_system(write_system(tmp_path, "x.onnx", Setting("int8", 12.5, 0.1, 3)))
    (part,) = spec.estimators
    assert (part.kind, part.weights, part.makes) == ("waveform", "x.onnx", ORDER)
    assert part.options == {"segment": 12.5, "overlap": 0.1, "batch": 3}
    assert folder == tmp_path


class Here:
    """A stand-in for a pool of processes that runs work at once."""

    def __init__(self, *_: object, **__: object) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def submit(self, _: object, *arguments: object) -> Self:
        self.arguments = arguments
        return self

    def result(self) -> Run:
        system = self.arguments[0]
        assert isinstance(system, Path)
        return Run(seconds=8.0 if "40-0.5-1" in system.name else 2.0, peak_memory=3_000_000)


def test_settings_are_compared_with_the_reference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demucs_v2, "ProcessPoolExecutor", Here)
    song = tmp_path / "song.wav"
    sf.write(song, np.zeros((4 * SAMPLE_RATE, 2)), SAMPLE_RATE)
    other = Setting("int8", 10, 0.25, 4)
    rows = measure([REFERENCE, other], tmp_path, "x.onnx", song, runs=2, sdrs={other: 40.04})
    assert rows == [
        ["float32, 40 s, overlap 0.5, batch 1", "2.000", "1.00", "-", "3"],
        ["int8, 10 s, overlap 0.25, batch 4", "0.500", "4.00", "40.0", "3"],
    ]


def test_settings_are_judged_by_their_stems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(system: Path, song: Path, out: Path, precision: str) -> None:
        write_stems(out, gain=1.0 if precision == "float32" else 0.5)

    monkeypatch.setattr(demucs_v2, "run_once", run)
    settings = [REFERENCE, REFERENCE._replace(precision="int8")]
    sdrs = judge(settings, tmp_path, "x.onnx", tmp_path / "song.wav")
    write_stems(tmp_path / "a", gain=1.0)
    write_stems(tmp_path / "b", gain=0.5)
    assert sdrs == {settings[1]: mean_sdr(tmp_path / "a", tmp_path / "b")}
