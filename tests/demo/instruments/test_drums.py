"""Drums: levels, spectra, pitches, chokes, and variation between hits."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import signal

from demo.dsp import SAMPLE_RATE, Audio
from demo.instruments import drums
from demo.instruments.drums import PIECES, RANGES, render_drums
from demo.score import Note
from demo.splits import Palette

FAMILIES = ("acoustic", "electronic")
SPECTRUM_DB = 6.0  # tolerance of the median kit beyond the range of two stems of real drums
REAL = {  # Hz: the density of both stems, dB relative to the loudest third octave
    60: (-4, -1), 120: (-12, -5), 250: (-21, -21), 500: (-29, -28), 1000: (-36, -29),
    2000: (-39, -35), 4000: (-42, -37), 8000: (-43, -35), 12000: (-47, -38),
}  # fmt: skip
GROOVES = (  # sixteenths of a bar, digits are velocities in ninths
    {"kick": "9.......9.8.....", "snare": "....9.......9...", "hat": "7.5.7.5.7.5.7.5."},
    {"kick": "9..7......8..7..", "snare": ".2.29..2.2.29..2", "hat": "746474644647.647"},
    {"kick": "9...9...9...9...", "clap": "....8.......8...", "open": "..7...7...7...7."},
    {"kick": "9......7..9.....", "snare": "....9.......9..2", "hat": "7.6.7.6.7.6576.6"},
    {"kick": "7..67..67..67..6", "rim": "7..7..7...7..7..", "shaker": "6454645464546454"},
)


def render(notes: tuple[Note, ...], seconds: float, seed: int = 0) -> Audio:
    palette = Palette("train", np.random.default_rng([seed, 0]))
    rng = np.random.default_rng([seed, 1])
    return render_drums(notes, int(seconds * SAMPLE_RATE), palette, rng)[0]


def hit(name: str, start: float = 0.0, velocity: float = 1.0) -> Note:
    return Note(start, 0.1, 60.0, velocity, name)


def groove(table: dict[str, str], bars: int) -> tuple[Note, ...]:
    return tuple(
        hit(name, 0.15 * (16 * bar + step), int(digit) / 9)
        for bar in range(bars)
        for name, steps in table.items()
        for step, digit in enumerate(steps)
        if digit != "."
    )


def force(monkeypatch: pytest.MonkeyPatch, family: str) -> None:
    monkeypatch.setattr(drums, "ACOUSTIC_SHARE", float(family == "acoustic"))
    monkeypatch.setattr(drums, "HYBRID_SHARE", 0.0)


def centroid(x: Audio) -> float:
    power = np.abs(np.fft.rfft(x.mean(axis=0))) ** 2
    hz = np.fft.rfftfreq(x.shape[-1], 1 / SAMPLE_RATE)
    return float((hz * power).sum() / power.sum())


def loudest_hz(x: Audio) -> float:
    """The strongest frequency of the decaying part of a hit."""
    tail = x.mean(axis=0)[int(0.06 * SAMPLE_RATE) :]
    power = np.abs(np.fft.rfft(tail * np.hanning(len(tail)), 2**18))
    return float(power.argmax() * SAMPLE_RATE / 2**18)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_piece_sounds_and_dies_away(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    force(monkeypatch, family)
    for seed, name in enumerate(PIECES):
        x = render((hit(name, 0.01),), 5.0, seed)
        peak = np.abs(x).max()
        assert 0.01 < peak < 3.0, name
        assert np.abs(x[:, : int(0.009 * SAMPLE_RATE)]).max() < 1e-12, name
        assert np.abs(x[:, -1000:]).max() < 1e-4 * peak, name
        assert np.abs(x.mean(axis=-1)).max() < 1e-3 * peak, name


@pytest.mark.parametrize("family", FAMILIES)
def test_soft_hits_are_quieter_and_duller(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    force(monkeypatch, family)
    for name in ("kick", "snare", "hat", "tom2", "crash"):
        loud, soft = (render((hit(name, 0.0, velocity),), 2.0, 5) for velocity in (1.0, 0.15))
        assert np.abs(soft).max() < 0.25 * np.abs(loud).max(), name
        assert centroid(soft) < centroid(loud), name


@pytest.mark.parametrize(("family", "prefix"), [("acoustic", ""), ("electronic", "machine_")])
def test_kick_is_in_tune(family: str, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    force(monkeypatch, family)
    monkeypatch.setitem(drums.RANGES, "room_wet", (0.0, 0.0))
    monkeypatch.setitem(drums.RANGES, f"{prefix}kick_t60", (0.5, 0.6))  # long enough to measure
    for seed in range(4):
        palette = Palette("train", np.random.default_rng(seed))
        x, kind = render_drums((hit("kick"),), SAMPLE_RATE, palette, np.random.default_rng(seed))
        tuned = palette.values[f"drums.{prefix}kick_hz"]["value"]
        assert kind == family
        assert loudest_hz(x) == pytest.approx(tuned, rel=0.06)


@pytest.mark.parametrize("family", FAMILIES)
def test_toms_and_congas_keep_their_order(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    force(monkeypatch, family)
    pitches = [loudest_hz(render((hit(f"tom{i}"),), 1.0)) for i in (1, 2, 3)]
    assert pitches == sorted(pitches, reverse=True)
    low, high = (loudest_hz(render((hit(f"conga_{i}"),), 1.0)) for i in ("low", "high"))
    assert low < high


@pytest.mark.parametrize("family", FAMILIES)
def test_the_next_hat_chokes_an_open_one(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    force(monkeypatch, family)
    monkeypatch.setitem(drums.RANGES, "room_wet", (0.0, 0.0))
    opened = (hit("open"),)
    # Sets the same level and rooms: a closed hat that is too soft to hear does the choking.
    choked = (*opened, hit("hat", 0.1, 1e-6))
    for notes, louder in ((opened, True), (choked, False)):
        x = render(notes, 1.0)
        ratio = np.abs(x[:, int(0.17 * SAMPLE_RATE) :]).max() / np.abs(x).max()
        assert (ratio > 0.02) == louder


def test_hits_of_one_piece_differ() -> None:
    starts = (0.0, 0.5, 1.0, 1.5)
    x = render(tuple(hit("snare", start) for start in starts), 2.0)
    hits = [x[0, int(start * SAMPLE_RATE) :][: SAMPLE_RATE // 2] for start in starts]
    for first, second in pairwise(hits):
        assert np.corrcoef(first, second)[0, 1] < 0.99


def test_the_same_state_gives_the_same_bytes() -> None:
    notes = groove(GROOVES[1], 1)
    first, again, other = (render(notes, 2.4, seed) for seed in (3, 3, 4))
    assert first.tobytes() == again.tobytes() != other.tobytes()


def test_edges() -> None:
    assert not render((), 0.1).any()
    assert not render((hit("kick", 3.0),), 0.1).any()
    assert render((hit("snare", 0.099),), 0.1).shape == (2, 4410)
    early = render((hit("kick", -0.004),), 0.1)  # a player's jitter before the first beat
    assert np.abs(early[:, :1000]).max() > 0.01
    with pytest.raises(KeyError):
        render((hit("gong"),), 0.1)


def test_kinds_of_kits() -> None:
    kinds = []
    for seed in range(300):
        palette = Palette("train", np.random.default_rng(seed))
        kinds.append(render_drums((), 64, palette, np.random.default_rng(seed))[1])
    assert set(kinds) == {*FAMILIES, *(f"{family} hybrid" for family in FAMILIES)}
    assert 0.5 < np.mean([kind.startswith("acoustic") for kind in kinds]) < 0.7
    assert {f"drums.{name}" for name in RANGES} == set(palette.values)


def test_kits_are_as_loud_low_and_wide_as_real_ones() -> None:
    spectra, correlations, crests = [], [], []
    for seed in range(20):
        notes = (hit("crash"), *groove(GROOVES[seed % len(GROOVES)], 3))
        x = render(notes, 7.2, seed)
        spectra.append(density(x))
        correlations.append(np.corrcoef(x[0], x[1])[0, 1])
        crests.append(20 * np.log10(np.abs(x).max() / np.sqrt(np.mean(x**2))))
    for (hz, (low, high)), found in zip(REAL.items(), np.median(spectra, axis=0), strict=True):
        assert low - SPECTRUM_DB < found < high + SPECTRUM_DB, hz
    assert 0.85 < np.median(correlations) < 0.97
    assert 18.0 < np.median(crests) < 24.0


def density(x: Audio) -> Audio:
    """The power density at the frequencies of REAL, dB relative to the loudest third octave."""
    hz, power = signal.welch(x, SAMPLE_RATE, nperseg=16384)

    def third(centre: float) -> float:
        inside = (hz >= centre * 2 ** (-1 / 6)) & (hz < centre * 2 ** (1 / 6))
        return float(10 * np.log10(power[:, inside].mean()))

    loudest = max(third(1000 * 2 ** (step / 3)) for step in range(-15, 12))
    return np.array([third(centre) for centre in REAL]) - loudest
