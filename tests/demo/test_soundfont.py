import struct
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from demo.dsp import SAMPLE_RATE, Audio, hertz
from demo.errors import DemoError
from demo.instruments.bass import BASSES
from demo.instruments.drums import PIECES
from demo.parts import OTHERS
from demo.score import Note
from demo.soundfont import DRUM_KEYS, KITS, PROGRAMS, SoundFont

installed = pytest.mark.skipif(find_spec("tinysoundfont") is None, reason="needs tinysoundfont")
PERIOD = 100  # samples of the sine: 441 Hz
LOOPS = 40
KEY_RANGE, LOOP_MODE, ROOT_KEY, SAMPLE_ID, INSTRUMENT = 43, 54, 58, 53, 41
VOICES = {52, 53, 54, 85, 91}  # choir aahs, voice oohs, synth voice, voice lead, choir pad


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _sf2(presets: list[tuple[int, int]]) -> bytes:
    """A SoundFont with one looped sine at A4 for each (program, bank)."""
    wave = 16000 * np.sin(2 * np.pi * np.arange(LOOPS * PERIOD) / PERIOD)
    samples = wave.astype("<i2").tobytes() + b"\0" * 92  # 46 silent samples end each sample
    end = LOOPS * PERIOD

    def name(text: str) -> bytes:
        return text.encode().ljust(20, b"\0")

    headers = b"".join(
        name(f"sine {k}") + struct.pack("<HHHIII", program, bank, k, 0, 0, 0)
        for k, (program, bank) in enumerate(presets)
    )
    headers += name("EOP") + struct.pack("<HHHIII", 0, 0, len(presets), 0, 0, 0)
    bags = b"".join(struct.pack("<HH", k, 0) for k in range(len(presets) + 1))
    generators = struct.pack("<HH", INSTRUMENT, 0) * len(presets) + bytes(4)
    notes = ((KEY_RANGE, 127 << 8), (LOOP_MODE, 1), (ROOT_KEY, 69), (SAMPLE_ID, 0))
    sample = struct.pack("<IIIIIBbHH", 0, end, PERIOD, end - PERIOD, SAMPLE_RATE, 69, 0, 0, 1)
    last = struct.pack("<IIIIIBbHH", 0, 0, 0, 0, 0, 0, 0, 0, 0)
    hydra = (
        (b"phdr", headers),
        (b"pbag", bags),
        (b"pmod", bytes(10)),
        (b"pgen", generators),
        (b"inst", name("sine") + struct.pack("<H", 0) + name("EOI") + struct.pack("<H", 1)),
        (b"ibag", struct.pack("<HHHH", 0, 0, len(notes), 0)),
        (b"imod", bytes(10)),
        (b"igen", b"".join(struct.pack("<HH", *note) for note in notes) + bytes(4)),
        (b"shdr", name("sine") + sample + name("EOS") + last),
    )
    info = _chunk(b"ifil", struct.pack("<HH", 2, 1)) + _chunk(b"INAM", b"tiny")
    lists = _chunk(b"LIST", b"INFO" + info)
    lists += _chunk(b"LIST", b"sdta" + _chunk(b"smpl", samples))
    lists += _chunk(b"LIST", b"pdta" + b"".join(_chunk(*part) for part in hydra))
    return _chunk(b"RIFF", b"sfbk" + lists)


@pytest.fixture
def font(tmp_path: Path) -> SoundFont:
    path = tmp_path / "tiny.sf2"
    path.write_bytes(_sf2([(0, 0), (33, 0), (0, 128)]))
    return SoundFont(path)


def _loud(x: Audio) -> Audio:
    """The samples at which the left channel is above a tenth of its peak."""
    return np.flatnonzero(abs(x[0]) > 0.1 * abs(x[0]).max()).astype(np.float64)


@installed
@pytest.mark.parametrize(("pitch", "key"), [(57.0, 57), (69.4, 69), (69.6, 70), (81.0, 81)])
def test_a_note_is_in_tune_with_its_semitone(font: SoundFont, pitch: float, key: int) -> None:
    out = font.play((Note(0.0, 1.0, pitch, 0.8),), SAMPLE_RATE, program=33)
    assert out.shape == (2, SAMPLE_RATE) and out.dtype == np.float64
    found = np.abs(np.fft.rfft(out[0, :SAMPLE_RATE] * np.hanning(SAMPLE_RATE))).argmax()
    assert abs(found - hertz(key) * 441 / 440) < 1.5


@installed
def test_a_note_starts_and_ends_on_time(font: SoundFont) -> None:
    out = font.play((Note(0.25, 0.5, 69.0, 1.0),), SAMPLE_RATE, program=0)
    loud = _loud(out)
    assert abs(loud[0] / SAMPLE_RATE - 0.25) < 0.002
    assert abs(loud[-1] / SAMPLE_RATE - 0.75) < 0.02
    assert not out[:, : int(0.25 * SAMPLE_RATE)].any()


@installed
def test_harder_is_louder(font: SoundFont) -> None:
    power = [
        (font.play((Note(0.0, 0.9, 69.0, v),), SAMPLE_RATE, program=0) ** 2).mean()
        for v in (0.3, 0.6, 1.0)
    ]
    assert power[0] * 2 < power[1] and power[1] * 1.5 < power[2]


@installed
def test_notes_repeat_and_add_up(font: SoundFont) -> None:
    twice = (Note(0.1, 0.2, 69.0, 0.8), Note(0.3, 0.2, 69.0, 0.8))
    loud = _loud(font.play(twice, SAMPLE_RATE, program=0))
    assert abs(loud[-1] / SAMPLE_RATE - 0.5) < 0.02
    chord = font.play((Note(0.1, 0.5, 69.0, 0.8), Note(0.1, 0.5, 76.0, 0.8)), 30000, program=0)
    spectrum = np.abs(np.fft.rfft(chord[0, 5000:25000] * np.hanning(20000)))
    peaks = [spectrum[round(hertz(p) * 441 / 440 * 20000 / SAMPLE_RATE)] for p in (69, 76)]
    assert min(peaks) > 0.3 * spectrum.max()


@installed
def test_silence_without_notes_and_the_same_twice(font: SoundFont) -> None:
    assert not font.play((), 5000, program=0).any()
    late = (Note(0.05, 9.0, 69.0, 0.8), Note(2.0, 1.0, 69.0, 0.8), Note(-0.1, 0.2, 200.0, 0.0))
    first = font.play(late, 10_000, program=0)
    assert (first == font.play(late, 10_000, program=0)).all() and abs(first[:, -100:]).max() > 0.01
    assert font.play(late, 0, program=0).shape == (2, 0)
    assert not font.play((), 5000, program=0).any()


@installed
def test_drums_are_selected_by_their_names(font: SoundFont) -> None:
    out = font.play((Note(0.1, 0.05, 0.0, 1.0, "snare"),), SAMPLE_RATE, program=0, drums=True)
    found = np.abs(np.fft.rfft(out[0] * np.hanning(SAMPLE_RATE))).argmax()
    assert abs(found - hertz(DRUM_KEYS["snare"]) * 441 / 440) < 1.5
    assert abs(out[0, SAMPLE_RATE // 2 :]).max() > 0.01


@installed
def test_a_missing_program_is_named(font: SoundFont) -> None:
    with pytest.raises(DemoError, match=r"tiny\.sf2: got no program 40 in bank 0"):
        font.play((), 100, program=40)
    with pytest.raises(DemoError, match="no program 8 in bank 128"):
        font.play((), 100, program=8, drums=True)


@installed
def test_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match=r"none\.sf2: got No such file"):
        SoundFont(tmp_path / "none.sf2")
    (tmp_path / "broken.sf2").write_bytes(b"RIFF no font")
    with pytest.raises(DemoError, match=r"broken\.sf2: got .*, expected a SoundFont"):
        SoundFont(tmp_path / "broken.sf2")


def test_a_missing_package_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tinysoundfont._tinysoundfont", None)
    with pytest.raises(DemoError, match=r"pip install --no-deps tinysoundfont==0\.3\.7"):
        SoundFont(tmp_path / "none.sf2")


def test_every_kind_has_programs_and_no_program_is_in_both_splits() -> None:
    assert set(PROGRAMS) == {*OTHERS, *BASSES}
    heard = {
        split: {number for row in PROGRAMS.values() for number in row[split]}
        for split in ("train", "test")
    }
    assert not heard["train"] & heard["test"]
    assert not (heard["train"] | heard["test"]) & VOICES
    assert all(0 <= number < 128 for numbers in heard.values() for number in numbers)
    assert all(row["train"] or not row["test"] for row in PROGRAMS.values())


def test_kits_are_split_and_every_drum_has_its_own_key() -> None:
    assert KITS["train"] and KITS["test"] and not set(KITS["train"]) & set(KITS["test"])
    assert set(DRUM_KEYS) == set(PIECES)
    assert len(set(DRUM_KEYS.values())) == len(DRUM_KEYS)
    assert all(35 <= key <= 81 for key in DRUM_KEYS.values())
