"""A mix has the drawn loudness, sums exactly, never clips, and keeps silence silent."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from demo import mixing
from demo.dsp import SAMPLE_RATE, Audio, time_axis
from demo.effects import limiter_gain
from demo.mixing import BELLS, CEILING, CHAINS, SONG, Stems, loudness, mix
from demo.score import STEMS, Note, Score
from demo.splits import Palette
from tests.demo.composer.songs import song
from tests.demo.signals import N, noise


def dry(silent: tuple[str, ...] = (), seed: int = 0) -> dict[str, Audio]:
    return {
        stem: np.zeros((2, N)) if stem in silent else noise(seed + k, 10.0 ** (k - 2))
        for k, stem in enumerate(STEMS)
    }


def plain() -> Score:
    """A song with one kick per second and no ducking."""
    kicks = tuple(Note(float(k), 0.1, 0.0, 1.0, "kick") for k in range(3))
    return replace(song("train", 0)[0], drums=kicks, ducked=False)


def mixed(
    stems: dict[str, Audio], seed: int = 0, *, split: str = "train", score: Score | None = None
) -> tuple[Stems, dict[str, dict[str, float]]]:
    palette = Palette(split, np.random.default_rng([seed, 0]))
    out = mix(stems, score or plain(), palette, np.random.default_rng([seed, 1]))
    return out, palette.values


def loudest(stems: Stems) -> int:
    """The largest magnitude of the stems and of their sum."""
    alone = max(int(np.abs(x.astype(np.int64)).max()) for x in stems.values())
    return max(alone, int(np.abs(whole(stems)).max()))


def whole(stems: Stems) -> npt.NDArray[np.int64]:
    out: npt.NDArray[np.int64] = np.sum([x.astype(np.int64) for x in stems.values()], axis=0)
    return out


def as_float(x: np.ndarray[Any, Any]) -> Audio:
    out: Audio = x / 32767
    return out


@pytest.mark.parametrize("seed", range(6))
def test_mixtures_neither_clip_nor_whisper(seed: int) -> None:
    stems, knobs = mixed(dry(seed=seed), seed)
    assert set(stems) == set(STEMS)
    assert all(x.dtype == np.int16 and x.shape == (2, N) for x in stems.values())
    assert loudest(stems) <= 32767 * CEILING + len(STEMS) / 2
    wanted = knobs["mix.loudness"]["value"]
    assert SONG["loudness"][0] <= wanted <= SONG["loudness"][1]
    # A limiter may take a little where noise peaks.
    assert wanted - 2.5 < loudness(as_float(whole(stems))) < wanted + 0.1


def test_even_the_hottest_peaks_stay_below_the_ceiling() -> None:
    spiky = dry()
    for k, stem in enumerate(STEMS):
        for at in (0, 1, 50_000 + 64 * k, N - 1):
            spiky[stem][:, at] += 1000 * 10.0 ** (k - 2)
    stems, _ = mixed(spiky, 1)
    assert loudest(stems) < 32767


def test_stems_that_cancel_do_not_clip_alone() -> None:
    stems = dry()
    stems["drums"], stems["vocals"] = 30 * stems["other"], -30 * stems["other"]
    found, _ = mixed(stems, 2)
    assert loudest(found) <= 32767 * CEILING + len(STEMS) / 2


@pytest.mark.parametrize("seed", range(4))
def test_levels_of_the_stems_are_those_drawn(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipe's loudness ranges hold relative to other stems, without limiter and codec."""
    monkeypatch.setattr(mixing, "limiter_gain", lambda x, _: np.full(x.shape[-1], 0.1))
    monkeypatch.setattr(mixing, "CODEC_SHARE", 0.0)
    stems, knobs = mixed(dry(seed=seed), seed)
    found = {stem: loudness(as_float(x)) for stem, x in stems.items()}
    drawn = {stem: knobs[f"mix.{stem}.loudness"]["value"] for stem in STEMS}
    for stem, value in drawn.items():
        low, high = CHAINS[stem]["loudness"]
        assert low <= value <= high
        assert found[stem] - found["bass"] == pytest.approx(value - drawn["bass"], abs=0.1), stem


def test_levels_do_not_depend_on_those_of_the_dry_stems() -> None:
    loud, _ = mixed(dry(), 3)
    quiet, _ = mixed({stem: 0.001 * x for stem, x in dry().items()}, 3)
    for stem in STEMS:
        assert np.abs(loud[stem].astype(int) - quiet[stem]).max() <= 1, stem


@pytest.mark.parametrize("silent", [("vocals",), ("bass",), ("drums", "other"), STEMS])
def test_silent_stems_stay_exactly_silent(silent: tuple[str, ...]) -> None:
    for seed in range(2):
        stems, _ = mixed(dry(silent), seed)
        assert {stem for stem, x in stems.items() if not x.any()} == set(silent)


def test_one_gain_for_all_stems(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limiter reduces every stem by the same gain at the same time."""
    monkeypatch.setitem(mixing.SONG, "loudness", (-6.0, -5.0))
    limited, _ = mixed(dry(), 4)
    curves = []

    def spy(x: Audio, ceiling: float) -> Audio:
        curves.append(limiter_gain(x, ceiling))
        return np.full(x.shape[-1], 0.05)

    monkeypatch.setattr(mixing, "limiter_gain", spy)
    free, _ = mixed(dry(), 4)
    assert curves[0].min() < 0.8
    for stem in STEMS:
        expected = free[stem] / 0.05 * curves[0]
        assert np.abs(limited[stem] - expected).max() <= 11, stem  # half a step of `free`, / 0.05


def test_the_same_streams_give_the_same_bytes() -> None:
    first, again, other = (mixed(dry(), seed)[0] for seed in (5, 5, 6))
    assert all(np.array_equal(first[stem], again[stem]) for stem in STEMS)
    assert not any(np.array_equal(first[stem], other[stem]) for stem in STEMS)


@pytest.mark.parametrize("stem", STEMS)
def test_a_stem_is_treated_independently_of_the_others(
    stem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has its own random stream; only level and limiter are shared."""
    monkeypatch.setattr(mixing, "limiter_gain", lambda x, _: np.full(x.shape[-1], 0.1))
    full, _ = mixed(dry(), 5)
    alone, _ = mixed(dry(tuple(set(STEMS) - {stem})), 5)
    a, b = as_float(full[stem]), as_float(alone[stem])
    level = (a * b).sum() / (b**2).sum()
    assert np.abs(a - level * b).max() < (1 + level) / 32767


def test_bells_of_the_equaliser_are_drawn_from_the_palette(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every stem has its own bells, and they are applied."""
    _, knobs = mixed(dry(), 5)
    names = [f"mix.{stem}.{bell}" for stem in STEMS for bell in BELLS]
    assert len(names) == 4 * 3 * 3 and set(names) <= set(knobs)
    assert len({knobs[name]["value"] for name in names}) == len(names)
    monkeypatch.setattr(mixing, "CODEC_SHARE", 0.0)
    x = noise(0)

    def change(gain: float, place: float) -> float:
        """The gain of one stem around the bell, relative to that at 11 kHz, dB."""
        flat = {knob: 0.5 * (a + b) for knob, (a, b) in BELLS.items()} | {"low": 30.0}
        bell = flat | {"bell1_gain": gain, "bell1_place": place}
        before, after = (
            np.abs(np.fft.rfft(mixing._equalise("other", x, k)[0])) for k in (flat, bell)
        )
        hz = np.fft.rfftfreq(N, 1 / SAMPLE_RATE)
        centre = 90 * (6000 / 90) ** place
        near, far = np.abs(np.log2(np.maximum(hz, 1) / centre)) < 0.05, np.abs(hz - 20000) < 500
        return float(
            20 * np.log10((after[near] / before[near]).mean() / (after[far] / before[far]).mean())
        )

    for gain, place in product((-5.0, 5.0), (0.2, 0.5, 0.8)):
        assert change(gain, place) == pytest.approx(gain, abs=0.4)


def test_dry_stems_are_left_as_they_were() -> None:
    stems = dry()
    mixed(stems)
    assert all(np.array_equal(x, dry()[stem]) for stem, x in stems.items())


def test_songs_end_without_a_click() -> None:
    stems, _ = mixed(dry(), 7)
    total = as_float(whole(stems))
    assert np.abs(total[:, -20:]).max() < 0.01 < np.abs(total[:, -8000:-4000]).max()


@pytest.mark.parametrize("ducked", [False, True])
def test_bass_and_other_are_ducked_if_the_song_says_so(ducked: bool) -> None:
    tone = {stem: np.stack([np.sin(2 * np.pi * 300 * time_axis(N))] * 2) for stem in STEMS}
    stems, knobs = mixed(tone, 1, score=replace(plain(), ducked=ducked))
    after, later = (slice(SAMPLE_RATE + a, SAMPLE_RATE + a + 882) for a in (0, 22050))
    for stem in STEMS:
        power = [(as_float(stems[stem])[:, s] ** 2).mean() for s in (after, later)]
        dip = 10 * np.log10(power[1] / power[0])
        if ducked and stem in ("bass", "other"):
            assert dip > 0.7 * knobs["mix.duck"]["value"] - 0.5, stem
        else:
            assert abs(dip) < 1, stem


def test_a_quarter_of_the_songs_was_once_compressed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a song has nothing above 17 kHz in any stem."""

    def top(x: np.ndarray[Any, Any]) -> float:
        power = np.abs(np.fft.rfft(as_float(x)[0])) ** 2
        hz = np.fft.rfftfreq(N, 1 / SAMPLE_RATE)
        return float(
            10 * np.log10(power[hz > 19500].mean() / power[(hz > 12000) & (hz < 14500)].mean())
        )

    for share, cut in ((0.0, False), (1.0, True)):
        monkeypatch.setattr(mixing, "CODEC_SHARE", share)
        stems, _ = mixed(dry(), 1)
        for stem, x in stems.items():
            assert (top(x) < -12) == cut, (stem, share)


def test_timbres_of_a_mix_are_kept_apart_by_split() -> None:
    places: dict[str, set[float]] = {}
    for split, seed in product(("train", "test"), range(2)):
        _, values = mixed(dry(STEMS), seed, split=split)
        places.setdefault(split, set()).update(x["place"] for x in values.values())
    assert len(places["test"]) > 20 and not places["train"] & places["test"]
    assert all(0.31 <= p <= 0.39 or 0.61 <= p <= 0.69 for p in places["test"])
