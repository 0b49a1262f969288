import shutil
import stat
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy import signal

from demo.dsp import SAMPLE_RATE, Audio, hertz
from demo.errors import DemoError
from demo.score import Note
from demo.singer import espeak, vocals
from demo.singer.envelopes import envelopes
from demo.singer.espeak import RATE, VARIANTS, mnemonics, speak
from demo.singer.languages import LANGUAGES, syllables
from demo.singer.vocals import render_vocals
from demo.splits import Palette
from tests.demo.singer import kit
from tests.demo.singer.kit import CENTS, ODD, balance, melody

spoken = pytest.mark.skipif(shutil.which(espeak.COMMAND) is None, reason="needs espeak-ng")
LEAD = melody(50.0, 57.0, 62.0, 66.0, 70.0)
render = partial(kit.render, espeak=True)


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, share in (("DOUBLED", 0.0), ("DISTORTED", 0.0), ("SPOKEN", 1.0)):
        monkeypatch.setattr(vocals, name, share)


def _stand_in(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program named espeak-ng, and nothing else, on the PATH."""
    program = folder / espeak.COMMAND
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder))


def _wav(x: Audio) -> bytes:
    """A WAV file whose header states two gigabytes, as the program writes to a pipe."""
    head = b"RIFF\x24\xf0\xff\x7fWAVEfmt " + np.array([16], "<u4").tobytes()
    head += np.array([1, 1], "<u2").tobytes() + np.array([RATE, 2 * RATE], "<u4").tobytes()
    head += np.array([2, 16], "<u2").tobytes() + b"data\x00\xf0\xff\x7f"
    return head + (x * 32767).astype("<i2").tobytes()


def test_every_syllable_of_every_language_can_be_spoken() -> None:
    rng = np.random.default_rng(0)
    for language in LANGUAGES["train"] + LANGUAGES["test"]:
        for text in syllables(language, 300, rng):
            voice, phonemes = mnemonics(text)
            assert voice and "'" in phonemes


def test_the_splits_share_no_variant() -> None:
    assert not set(VARIANTS["train"]) & set(VARIANTS["test"])
    assert min(len(set(names)) for names in VARIANTS.values()) >= 12


def test_a_missing_program_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DemoError, match=r"no program espeak-ng on the PATH"):
        speak("s-a-", "m3")
    for seed in range(4):
        with pytest.raises(DemoError, match=r"no program"):
            render((), 0.1, seed)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo no such data >&2\necho at all >&2\nexit 3", r"code 3: no such data at all"),
        ("echo hello", r"no WAV file"),
        ("exit 0", r"no WAV file"),
    ],
)
def test_a_failing_program_raises_one_line(
    script: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _stand_in(tmp_path, script, monkeypatch)
    with pytest.raises(DemoError, match=message) as error:
        speak("s-a-", "m3")
    assert "\n" not in str(error.value) and "it+m3" in str(error.value)


def test_silence_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sound").write_bytes(_wav(np.zeros(2000)))
    _stand_in(tmp_path, f"/bin/cat {tmp_path}/sound", monkeypatch)
    with pytest.raises(DemoError, match="got silence"):
        speak("s-a-", "m3")


def test_the_program_s_sound_is_read_without_silent_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 300 * np.arange(RATE // 2) / RATE)
    (tmp_path / "sound").write_bytes(_wav(np.pad(tone, RATE // 4)))
    _stand_in(tmp_path, f'echo "$@" > {tmp_path}/asked\n/bin/cat {tmp_path}/sound', monkeypatch)
    x = speak("s-a-", "m3")
    assert abs(len(x) - len(tone)) < 0.02 * RATE and abs(abs(x).max() - 0.5) < 0.01
    asked = (tmp_path / "asked").read_text()
    assert "-v it+m3" in asked and asked.endswith("[[s'a]]\n")


def test_nothing_is_drawn_or_run_where_no_espeak_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(vocals, "SPOKEN", 1.0)
    rng = np.random.default_rng(0)
    palette = Palette("train", rng)
    _, facts = render_vocals(LEAD, (), 100_000, palette, rng, sung="sung")
    assert facts["voice"] == "formant" and not palette.choices


@spoken
def test_about_half_of_the_singers_are_of_this_family() -> None:
    facts = [render((), 0.1, seed)[1] for seed in range(60)]
    voices = [fact["voice"] for fact in facts]
    assert set(voices) == {"espeak", "formant"} and 15 < voices.count("espeak") < 45
    assert all((fact["voice"] == "espeak") == ("variant" in fact) for fact in facts)


@spoken
@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("seed", range(4))
def test_the_voice_is_in_tune(seed: int) -> None:
    out, _ = render(LEAD, seed=seed)
    for note in LEAD:
        middle = int((note.start + 0.15) * SAMPLE_RATE)
        found = _pitch(out[0, middle : middle + 8192], hertz(note.pitch))
        assert abs(1200 * np.log2(found / hertz(note.pitch))) < CENTS, (seed, note)


def _pitch(x: Audio, near: float) -> float:
    """The frequency within a fourth of `near` whose partials have the most power, Hz."""
    spectrum = np.abs(np.fft.rfft(x * np.hanning(len(x)), 8 * len(x))) ** 2
    tries = near * 2 ** (np.arange(-500, 501, 4) / 1200)
    bins = np.round(np.outer(tries, np.arange(1, 9)) * 8 * len(x) / SAMPLE_RATE).astype(int)
    return float(tries[(spectrum[bins] ** 0.25).sum(axis=1).argmax()])


@spoken
@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("sung", ["sung", "rap"])
def test_a_sibilant_hisses_before_the_note_and_the_vowel_starts_on_it(sung: str) -> None:
    out, _ = render((Note(1.0, 0.8, 62.0, 0.8, "s-a-"),), seed=1, sung=sung)
    power = {}
    for name, (low, high) in {"low": (150.0, 1500.0), "high": (7000.0, 16000.0)}.items():
        sos = signal.butter(4, (low, high), "bandpass", fs=SAMPLE_RATE, output="sos")
        x = signal.sosfilt(sos, out[0]) ** 2
        power[name] = {t: x[int(t * SAMPLE_RATE) :][:1323].mean() for t in (0.94, 1.08)}
    assert power["high"][0.94] > 10 * power["high"][1.08]
    assert power["low"][1.08] > 30 * power["low"][0.94]


@spoken
@pytest.mark.usefixtures("plain")
def test_vowels_differ_by_their_formants() -> None:
    ratio = {}
    for vowel in ("i", "a"):
        out, _ = render((Note(0.2, 1.5, 48.0, 0.8, f"-{vowel}-"),), seconds=2.0)
        hz, power = signal.welch(out[0], SAMPLE_RATE, nperseg=2048)
        low = power[(hz > 80) & (hz < 450)].sum()
        ratio[vowel] = power[(hz > 500) & (hz < 1500)].sum() / low
    assert ratio["a"] > 8 * ratio["i"]


@spoken
@pytest.mark.usefixtures("plain")
def test_the_long_term_spectrum_is_that_of_recorded_voices() -> None:
    texts = ("s-a-", "t-e-n", "k-o-", "m-i-s", "l-u-", "f-a.I-", "tS-E-")
    levels = []
    for seed in range(4):
        lead = tuple(
            Note(0.4 + 0.45 * k, 0.4, 60.0 + seed + k % 5, 0.8, text)
            for k, text in enumerate(texts)
        )
        out, _ = render(lead, 4.0, seed)
        levels.append(balance(out[0]))
    middle, treble = np.median(levels, axis=0)
    assert -26 < middle < -8 and -45 < treble < -18


@spoken
@pytest.mark.usefixtures("plain")
def test_variants_sound_different_and_the_same_state_the_same() -> None:
    first, facts = render(LEAD[:2], 1.5, 3)
    again, _ = render(LEAD[:2], 1.5, 3)
    assert facts["voice"] == "espeak" and (first == again).all()
    rows = [envelopes(speak("m-i-n", variant)).mean(axis=0)[:200] for variant in ("m4", "f3")]
    assert abs(rows[0] - rows[1]).mean() > 3.0


@spoken
@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("lead", ODD)
def test_odd_notes_do_no_harm(lead: tuple[Note, ...]) -> None:
    out, _ = render(lead)
    assert out.shape == (2, 3 * SAMPLE_RATE)
    assert np.isfinite(out).all() and abs(out).max() < 2.0
    assert out.any() == (lead[0].start < 3.0)
