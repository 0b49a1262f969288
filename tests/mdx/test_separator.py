"""The streamed pipeline against a plain torch implementation for the whole song."""

import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

import mdx.separator
from mdx.errors import (
    AudioError,
    Cancelled,
    OutputError,
)
from mdx.estimators.spectrogram import Spectrogram, SpectrogramOptions
from mdx.limit.ladder import Ladder
from mdx.separator import Separator
from mdx.systems.spec import SAMPLE_RATE, SOURCES, Audio, EstimatorSpec, QualityLevel
from tests.longhand import separate_longhand
from tests.streams import FunctionNetwork
from tests.tiny import FLOAT, TINY, noise, tiny_mixer, tiny_network

TOLERANCE = 1e-5  # of the peak: float32 rounding through STFT, some twenty layers and the Mixer


def longhand(mix: Audio) -> dict[str, Audio]:
    """The released code's procedure for a whole song."""
    stems = [separate_longhand(mix, TINY[source], tiny_network(source)) for source in SOURCES]
    mixed = tiny_mixer() @ np.concatenate([*stems, mix])
    return {source: mixed[2 * i : 2 * i + 2] for i, source in enumerate(SOURCES)}


BOUNDARIES = sorted(
    {
        length
        for spec in TINY.values()
        for size in (spec.step, 3 * spec.step, spec.chunk)
        for length in (size - 1, size, size + 1)
    }
    | {1, 2, 63, 64, 65, 500, 1000}
)


@pytest.mark.parametrize("samples", BOUNDARIES)
def test_streamed_equals_longhand_around_every_boundary(
    tiny: Separator, monkeypatch: pytest.MonkeyPatch, samples: int
) -> None:
    mix = noise(samples)
    expected = longhand(mix)
    for block in (65536, 777):
        monkeypatch.setattr(mdx.separator, "BLOCK", block)
        stems = tiny.separate(mix, SAMPLE_RATE)
        assert list(stems) == list(SOURCES)
        for source in SOURCES:
            peak = np.abs(expected[source]).max()
            error = np.abs(stems[source] - expected[source]).max()
            assert error < TOLERANCE * peak, (block, source, error, peak)


def test_a_file_gives_what_its_array_gives(tiny: Separator, tmp_path: Path) -> None:
    mix = noise(30_001)
    sf.write(tmp_path / "x.wav", mix.T, SAMPLE_RATE, subtype="FLOAT")
    paths = tiny.separate_file(tmp_path / "x.wav", tmp_path / "out", encoding=FLOAT)
    stems = tiny.separate(mix, SAMPLE_RATE)
    for source, path in paths.items():
        assert path == tmp_path / "out" / f"{source}.wav"
        written, rate = sf.read(path, dtype="float32")
        assert rate == SAMPLE_RATE
        np.testing.assert_array_equal(written.T, stems[source])


@pytest.mark.parametrize("rate", [8000, 22050, 48000, 96000])
@pytest.mark.parametrize("samples", [1, 999, 20_000])
def test_other_rates_come_back_at_their_own_rate_and_length(
    tiny: Separator, tmp_path: Path, rate: int, samples: int
) -> None:
    sf.write(tmp_path / "x.wav", noise(samples).T, rate)
    paths = tiny.separate_file(tmp_path / "x.wav", tmp_path / "out")
    for path in paths.values():
        info = sf.info(path)
        assert (info.samplerate, info.frames, info.channels) == (rate, samples, 2)
    assert tiny.separate(noise(samples), rate)["bass"].shape == (2, samples)


def test_resampling_does_not_shift_or_scale_a_stem(tmp_path: Path) -> None:
    # All bins but Nyquist pass: the result must be the song itself.
    estimators = {}
    for source, size in TINY.items():
        network = FunctionNetwork(lambda values: values, [1, 4, size.dim_f, size.dim_t])
        spec = EstimatorSpec("spectrogram", (source,), weights="x.onnx")
        options = SpectrogramOptions(size.n_fft, size.hop)
        estimators["float32", source] = Spectrogram(spec, options, network, workers=1)
    level = QualityLevel(mixer=False, estimators=SOURCES)
    separator = Separator(Ladder(SOURCES, (level,), estimators, ()))
    rate, time = 48000, np.arange(48000) / 48000
    mix = np.stack([np.sin(2 * np.pi * 100 * time), np.cos(2 * np.pi * 150 * time)])
    stem = separator.separate(mix.astype(np.float32), rate)["drums"]
    inside = slice(2000, -2000)
    assert np.abs(stem - mix)[:, inside].max() < 1e-3  # soxr's error, and discarded bins


def test_a_song_is_never_overwritten_by_its_own_stem(tiny: Separator, tmp_path: Path) -> None:
    path = tmp_path / "bass.wav"
    sf.write(path, noise(1000).T, SAMPLE_RATE)
    before = path.read_bytes()
    with pytest.raises(OutputError, match="the song itself"):
        tiny.separate_file(path, tmp_path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_names_of_no_file_are_errors_of_the_song(tiny: Separator, tmp_path: Path) -> None:
    loop = tmp_path / "loop.wav"
    loop.symlink_to(loop)
    for path in (loop, tmp_path / "zero\0byte.wav"):
        with pytest.raises(AudioError, match=r"\.wav: got "):
            tiny.separate_file(path, tmp_path / "out")


def test_mono_becomes_stereo(tiny: Separator, tmp_path: Path) -> None:
    mono = noise(5000)[0]
    expected = tiny.separate(np.stack([mono, mono]), SAMPLE_RATE)
    sf.write(tmp_path / "mono.wav", mono, SAMPLE_RATE, subtype="FLOAT")
    paths = tiny.separate_file(tmp_path / "mono.wav", tmp_path / "out", encoding=FLOAT)
    for source in SOURCES:
        np.testing.assert_array_equal(tiny.separate(mono, SAMPLE_RATE)[source], expected[source])
        np.testing.assert_array_equal(sf.read(paths[source])[0].T, expected[source])


def test_a_silent_song_has_four_silent_stems(tiny: Separator, tmp_path: Path) -> None:
    sf.write(tmp_path / "silent.wav", np.zeros((20_000, 2)), SAMPLE_RATE)
    for path in tiny.separate_file(tmp_path / "silent.wav", tmp_path / "out").values():
        stem, _ = sf.read(path)
        assert stem.shape == (20_000, 2) and not stem.any()


def test_progress_counts_every_segment(tiny: Separator) -> None:
    calls: list[tuple[int, int, str]] = []
    samples = 10_000
    tiny.separate(noise(samples), SAMPLE_RATE, progress=lambda *call: calls.append(call))
    total = sum(-(-samples // spec.step) for spec in TINY.values())
    assert calls[0] == (0, total, "bass")
    assert calls[-1] == (total, total, "done")
    done = [call[0] for call in calls]
    assert done == sorted(done) and set(done) == set(range(total + 1))
    assert {call[2] for call in calls} == {*SOURCES, "done"}


def test_done_is_reported_once_the_files_exist(tiny: Separator, song: Path, tmp_path: Path) -> None:
    there: list[bool] = []

    def progress(done: int, total: int, stage: str) -> None:
        if stage == "done":
            there.append(len(list((tmp_path / "out").glob("*.wav"))) == 4)

    tiny.separate_file(song, tmp_path / "out", progress=progress)
    assert there == [True]


@pytest.mark.parametrize("chunks", [0, 5, 1000])  # the last one: after all segments
def test_cancelling_leaves_nothing(
    tiny: Separator, song: Path, tmp_path: Path, chunks: int
) -> None:
    cancel = threading.Event()

    def progress(done: int, total: int, stage: str) -> None:
        assert stage != "done"
        if done >= min(chunks, total):
            cancel.set()

    with pytest.raises(Cancelled, match="no stem was written"):
        tiny.separate_file(song, tmp_path / "out", progress=progress, cancel=cancel)
    assert not (tmp_path / "out").exists()
    cancel.clear()
    with pytest.raises(Cancelled):
        tiny.separate(noise(10_000), SAMPLE_RATE, progress=progress, cancel=cancel)


def test_an_exception_in_the_callback_leaves_nothing(
    tiny: Separator, song: Path, tmp_path: Path
) -> None:
    def progress(done: int, total: int, stage: str) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tiny.separate_file(song, tmp_path / "out", progress=progress)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_threads_share_a_separator(tiny_system: Path, tmp_path: Path, runtime: str) -> None:
    separator = Separator.load(tiny_system, threads=1, runtime=runtime)
    songs = [noise(20_000 + 777 * index, seed=index) for index in range(4)]
    alone = [separator.separate(song, SAMPLE_RATE) for song in songs]
    found: dict[int, dict[str, Audio]] = {}

    def work(index: int) -> None:
        found[index] = separator.separate(songs[index], SAMPLE_RATE)

    def fail() -> None:
        def progress(done: int, total: int, stage: str) -> None:
            if done == 3:
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            separator.separate(songs[0], SAMPLE_RATE, progress=progress)

    def cancel() -> None:
        event = threading.Event()
        event.set()
        with pytest.raises(Cancelled):
            separator.separate(songs[0], SAMPLE_RATE, cancel=event)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    threads += [threading.Thread(target=target) for target in (fail, cancel)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, stems in enumerate(alone):
        for source in SOURCES:
            np.testing.assert_array_equal(found[index][source], stems[source])


def test_silent_chunks_count_as_progress(tiny: Separator) -> None:
    mix = np.zeros((2, 20_000), dtype=np.float32)
    mix[:, :2000] = noise(2000)
    calls: list[tuple[int, int, str]] = []
    tiny.separate(mix, SAMPLE_RATE, progress=lambda *call: calls.append(call))
    total = sum(-(-20_000 // spec.step) for spec in TINY.values())
    assert [call[0] for call in calls if call[2] != "done"][-1] == total
    assert {call[1] for call in calls} == {total}
