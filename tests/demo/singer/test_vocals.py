import numpy as np
import pytest
from scipy import signal

from demo.dsp import SAMPLE_RATE, hertz
from demo.score import Note
from demo.singer import vocals
from demo.singer.vocals import RANGES, render_vocals
from demo.splits import Palette
from tests.demo.singer.kit import CENTS, ODD, balance, melody, pitch_of, powers, render


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocals, "DOUBLED", 0.0)
    monkeypatch.setattr(vocals, "DISTORTED", 0.0)


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("seed", range(6))
def test_the_voice_is_in_tune(seed: int) -> None:
    lead = melody(50.0, 57.0, 62.0, 69.0, 74.0)
    out, _ = render(lead, seed=seed)
    for note in lead:
        middle = int((note.start + 0.15) * SAMPLE_RATE)
        found = pitch_of(out[0, middle : middle + 4096])
        assert abs(1200 * np.log2(found / hertz(note.pitch))) < CENTS, (seed, note)


@pytest.mark.usefixtures("plain")
def test_a_sibilant_hisses_before_the_note_and_the_vowel_starts_on_it() -> None:
    out, _ = render((Note(1.0, 0.8, 62.0, 0.8, "s-a-"),), seed=1)
    power = powers(out[0])
    assert power["high"][0.93] > 10 * power["high"][1.08]
    assert power["low"][1.08] > 30 * power["low"][0.93]


@pytest.mark.usefixtures("plain")
def test_vowels_differ_by_their_formants() -> None:
    spectra = {}
    for vowel in ("i", "a"):
        out, _ = render((Note(0.2, 1.5, 48.0, 0.8, f"-{vowel}-"),), seconds=2.0)
        hz, power = signal.welch(out[0], SAMPLE_RATE, nperseg=2048)
        top = power[(hz > 500) & (hz < 1500)].sum()
        spectra[vowel] = top / power[(hz > 80) & (hz < 450)].sum()
    assert spectra["a"] > 8 * spectra["i"]


@pytest.mark.usefixtures("plain")
def test_the_long_term_spectrum_is_that_of_recorded_voices() -> None:
    levels = []
    for seed in range(4):
        lead = tuple(
            Note(0.4 + 0.45 * k, 0.4, 60.0 + seed + k % 5, 0.8, text)
            for k, text in enumerate(("s-a-", "t-e-n", "k-o-", "m-i-s", "l-u-", "f-a.I-", "tS-E-"))
        )
        out, _ = render(lead, 4.0, seed)
        levels.append(balance(out[0]))
    middle, treble = np.median(levels, axis=0)
    assert -26 < middle < -8 and -45 < treble < -18


def test_silence_without_notes_and_after_the_last() -> None:
    out, facts = render(())
    assert out.shape == (2, 3 * SAMPLE_RATE) and not out.any()
    assert facts["harmony"] is False
    out, _ = render((Note(0.3, 0.5, 60.0, 0.8, "-a-"),))
    assert abs(out[:, int(1.2 * SAMPLE_RATE) :]).max() < 1e-3 * abs(out).max()


@pytest.mark.parametrize("lead", ODD)
def test_odd_notes_do_no_harm(lead: tuple[Note, ...]) -> None:
    out, _ = render(lead)
    assert out.shape == (2, 3 * SAMPLE_RATE)
    assert np.isfinite(out).all() and abs(out).max() < 4.0
    assert out.any() == (lead[0].start < 3.0)


def test_harmony_is_quieter_and_panned_away_from_the_lead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocals, "DOUBLED", 0.0)
    notes = (Note(0.3, 2.0, 64.0, 0.8, "-a-"),)
    second, facts = render((), harmony=notes)
    lead, _ = render(notes)
    assert facts["harmony"] is True
    assert 0 < (second**2).mean() < (lead**2).mean()
    left, right = (second[0] ** 2).mean(), (second[1] ** 2).mean()
    assert max(left, right) > 1.5 * min(left, right)
    np.testing.assert_allclose(lead[0], lead[1])


def test_a_doubled_voice_is_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocals, "DOUBLED", 1.0)
    out, facts = render((Note(0.3, 2.0, 64.0, 0.8, "-a-"),))
    assert facts["doubled"] is True
    likeness = np.asarray(np.corrcoef(out))[0, 1]
    assert 0.5 < likeness < 0.999


def test_same_state_same_samples() -> None:
    lead = (Note(0.3, 1.0, 60.0, 0.8, "k-a-n"),)
    assert (render(lead, seed=5)[0] == render(lead, seed=5)[0]).all()
    assert (render(lead, seed=5)[0] != render(lead, seed=6)[0]).any()


def test_every_knob_is_remembered_and_in_its_range() -> None:
    rng = np.random.default_rng(0)
    palette = Palette("test", rng)
    render_vocals((), (), 1000, palette, rng, sung="sung")
    for name, (low, high) in RANGES.items():
        assert low <= palette.values[f"singer.{name}"]["value"] <= high
