"""Recordings play on time, in tune and at the right level; errors take one line."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from demo.dsp import SAMPLE_RATE, Audio
from demo.errors import DemoError
from demo.instruments.drums import PIECES
from demo.packs.kits import Kit, play_kit
from demo.packs.production import double_track
from demo.packs.samples import count_samples, read_excerpt, read_sample, repitch
from demo.packs.strums import play_strums
from demo.packs.takes import play_take
from demo.score import Note
from demo.splits import Palette
from tests.demo.packs.kit import make_pack, write_tone

N = 2 * SAMPLE_RATE


def loudest(x: Audio) -> float:
    """The strongest frequency of a stereo signal, Hz."""
    spectrum = np.abs(np.fft.rfft(x.mean(axis=0)))
    return float(np.fft.rfftfreq(x.shape[-1], 1 / SAMPLE_RATE)[spectrum.argmax()])


def onsets(x: Audio) -> list[int]:
    """The milliseconds, in steps of 20, at which a signal starts after a pause."""
    step = SAMPLE_RATE // 50
    loud = np.abs(x).max(axis=0)[: N // step * step].reshape(-1, step).max(axis=1) > 0.01
    return [20 * int(i) for i in np.flatnonzero(loud[1:] & ~loud[:-1]) + 1]


def kit(tmp_path: Path, *, layered: bool, **pieces: dict[str, float]) -> Kit:
    files = {name: hertz for tones in pieces.values() for name, hertz in tones.items()}
    pack = make_pack(tmp_path / "kit", "drums", files)
    return Kit("mine", pack, layered, {name: tuple(tones) for name, tones in pieces.items()})


@pytest.mark.parametrize("rate", [44100, 48000, 96000])
def test_samples_keep_their_pitch_at_any_rate(tmp_path: Path, rate: int) -> None:
    write_tone(tmp_path / "a.wav", 1000.0, rate)
    x = read_sample(tmp_path / "a.wav", rate)
    assert x.shape == (2, SAMPLE_RATE // 2) and np.abs(x).max() == pytest.approx(1.0, abs=0.02)
    assert loudest(x) == pytest.approx(1000.0, abs=3.0)
    assert loudest(repitch(x, 12.0)) == pytest.approx(2000.0, abs=6.0)
    assert loudest(repitch(x, -5.0)) == pytest.approx(1000 * 2 ** (-5 / 12), rel=0.004)
    assert repitch(x, 0.0) is x


def test_excerpts_are_exact(tmp_path: Path) -> None:
    path = tmp_path / "take.wav"
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (1000, 2))
    soundfile.write(path, noise, SAMPLE_RATE, subtype="DOUBLE")
    assert count_samples(path, SAMPLE_RATE) == 1000
    np.testing.assert_array_equal(read_excerpt(path, 100, 50), noise[100:150].T)


def test_faulty_samples_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    for read in (read_sample, count_samples):
        path.write_bytes(b"no sound")
        with pytest.raises(DemoError, match=r"a\.wav: got .*; install its package again"):
            read(path, 44100)
        write_tone(path, 100.0, rate=48000)
        with pytest.raises(DemoError, match=r"a\.wav: got 48000 Hz, expected 44100 Hz"):
            read(path, 44100)
    soundfile.write(path, np.zeros(100), 44100)
    with pytest.raises(DemoError, match=r"a\.wav: got silence"):
        read_sample(path, 44100)
    soundfile.write(path, np.array([0.1, np.nan]), 44100, subtype="FLOAT")
    with pytest.raises(DemoError, match=r"a\.wav: got NaN"):
        read_sample(path, 44100)


def test_a_kit_strikes_on_time_and_harder_hits_are_other_recordings(tmp_path: Path) -> None:
    mine = kit(tmp_path, layered=True, kick={"soft.wav": 80.0, "hard.wav": 160.0},
               snare={"snare.wav": 900.0})  # fmt: skip
    rng, palette = np.random.default_rng(0), Palette("train", np.random.default_rng(0))
    soft, hard = Note(0.25, 0.1, 0, 0.3, "kick"), Note(1.25, 0.1, 0, 1.0, "kick")
    x = play_kit(mine, (soft, hard), N, palette, rng)
    half = N // 2
    assert np.abs(x[:, : N // 8]).max() < 1e-12
    assert onsets(x)[0] == 240
    assert loudest(x[:, half:]) == pytest.approx(2 * loudest(x[:, :half]), rel=0.05)
    assert np.square(x[:, half:]).sum() > 2 * np.square(x[:, :half]).sum()


def test_a_piece_that_the_kit_lacks_is_its_snare(tmp_path: Path) -> None:
    mine = kit(tmp_path, layered=False, kick={"kick.wav": 80.0}, snare={"snare.wav": 900.0})
    for name in PIECES:
        note = Note(0.0, 0.1, 0, 1.0, name)
        palette = Palette("train", np.random.default_rng(1))
        x = play_kit(mine, (note,), N, palette, np.random.default_rng(2))
        assert loudest(x) == pytest.approx(80.0 if name == "kick" else 900.0, rel=0.25), name


def test_hats_choke_each_other(tmp_path: Path) -> None:
    mine = kit(tmp_path, layered=False, open={"open.wav": 5000.0}, hat={"hat.wav": 9000.0},
               snare={"snare.wav": 900.0})  # fmt: skip
    notes = (Note(0.0, 0.1, 0, 1.0, "open"), Note(0.05, 0.1, 0, 1e-4, "hat"))
    x = [
        play_kit(
            mine, part, N, Palette("train", np.random.default_rng(1)), np.random.default_rng(2)
        )
        for part in (notes[:1], notes)
    ]
    after = slice(int(0.12 * SAMPLE_RATE), int(0.2 * SAMPLE_RATE))
    alone, choked = (np.square(each[:, after]).sum() for each in x)
    assert choked < 0.5 * alone


def strums(tmp_path: Path) -> dict[str, float]:
    names = {"Cmajor": 200.0, "Aminor": 400.0, "Fsharp minor7b5": 800.0}
    return {
        f"{chord}{stroke}_0{take}.wav": hertz * (1.5 if stroke == "_UP" else 1.0)
        for chord, hertz in names.items() for stroke in ("_UP", "_DOWN") for take in range(2)
    }  # fmt: skip


@pytest.mark.parametrize(
    ("pitches", "hertz"),
    [
        ((48, 52, 55), 200.0),  # C E G
        ((57, 60, 64, 69), 400.0),  # A C E
        ((50, 54, 57), 200.0 * 2 ** (2 / 12)),  # D major: C major moved up
        ((54, 57, 60), 800.0),  # F sharp A C
        ((48, 55), 200.0),  # a fifth
    ],
)
def test_a_chord_is_strummed_by_the_recording_nearest_to_it(
    tmp_path: Path, pitches: tuple[int, ...], hertz: float
) -> None:
    pack = make_pack(tmp_path / "strums", "strums", strums(tmp_path))
    chord = tuple(Note(0.5 + 0.01 * i, 1.0, p, 0.8) for i, p in enumerate(pitches))
    x = play_strums(pack, chord, N, np.random.default_rng(0))
    assert onsets(x) == [500]
    assert loudest(x) == pytest.approx(hertz, rel=0.01)
    again = tuple(Note(n.start + 1, 0.5, n.pitch, 0.4) for n in chord)
    both = play_strums(pack, chord + again, N, np.random.default_rng(0))
    assert loudest(both[:, int(1.5 * SAMPLE_RATE) :]) == pytest.approx(1.5 * hertz, rel=0.01)
    assert np.abs(both[:, int(1.5 * SAMPLE_RATE) :]).max() < 0.6 * np.abs(x).max()


def test_a_strum_of_no_chord_is_named(tmp_path: Path) -> None:
    pack = make_pack(tmp_path / "strums", "strums", {"Hmajor_00.wav": 100.0})
    with pytest.raises(DemoError, match=r"Hmajor_00\.wav: got no chord in its name"):
        play_strums(pack, (Note(0.0, 1.0, 60, 1.0),), N, np.random.default_rng(0))


def test_a_take_sounds_while_its_part_does(tmp_path: Path) -> None:
    pack = make_pack(tmp_path / "takes", "takes", {"a.wav": 100.0})
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (5 * SAMPLE_RATE, 2))
    soundfile.write(tmp_path / "takes" / "a.wav", noise, SAMPLE_RATE)
    notes = (Note(0.5, 0.25, 60, 1.0), Note(1.0, 0.5, 60, 1.0))
    x = play_take(pack, notes, N, np.random.default_rng(0))
    level = np.abs(x).max(axis=0)
    assert level[: int(0.44 * SAMPLE_RATE)].max() == 0 == level[int(1.56 * SAMPLE_RATE) :].max()
    during = level[int(0.5 * SAMPLE_RATE) : int(1.5 * SAMPLE_RATE)]
    assert during.reshape(50, -1).max(axis=1).min() > 0.4  # rests are not cut out


def test_a_take_shorter_than_the_song_ends_before_it(tmp_path: Path) -> None:
    pack = make_pack(tmp_path / "takes", "takes", {"a.wav": 100.0})
    x = play_take(pack, (Note(0.0, 2.0, 60, 1.0),), N, np.random.default_rng(0))
    assert x.shape == (2, N) and not x[:, SAMPLE_RATE:].any() and x.any()


def test_two_takes_are_on_two_sides_and_apart_in_time() -> None:
    time = np.arange(N) / SAMPLE_RATE
    click = np.zeros((2, N))
    click[:, SAMPLE_RATE] = 1.0
    for seed in range(5):
        x = double_track(click, np.random.default_rng(seed))
        first, second = (time[np.abs(side).argmax()] for side in x)
        assert 0.002 < abs(second - first) < 0.06
