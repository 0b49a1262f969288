"""From dry stems to a mixture: effects per stem, levels in LUFS, and one limiter for all."""

import numpy as np
import numpy.typing as npt

from demo.dsp import Audio, band, gate, overdrive, peaking, room
from demo.effects import compress, duck, echo, limiter_gain
from demo.loudness import integrated_loudness
from demo.score import STEMS, Score
from demo.splits import Knobs, Palette, Rng

Stems = dict[str, npt.NDArray[np.int16]]

# For each stem: loudness (LUFS), compressor, reverb (seconds, dB), drive (dB), high-pass (Hz).
CHAINS: dict[str, dict[str, tuple[float, float]]] = {
    "bass": {"loudness": (-27, -18), "ratio": (1.5, 5), "reverb": (0.1, 0.3), "wet": (-50, -32),
             "drive": (0, 9), "low": (24, 38)},
    "drums": {"loudness": (-24, -16), "ratio": (1.2, 4), "reverb": (0.2, 0.8), "wet": (-45, -26),
              "drive": (0, 6), "low": (20, 34)},
    "other": {"loudness": (-26, -16), "ratio": (1.2, 4), "reverb": (0.4, 2.6), "wet": (-32, -10),
              "drive": (0, 6), "low": (20, 80)},
    "vocals": {"loudness": (-22, -15), "ratio": (1.5, 5), "reverb": (0.4, 2.6), "wet": (-38, -17),
               "drive": (0, 6), "low": (30, 90)},
}  # fmt: skip
SHARED = {"attack": (0.002, 0.030), "release": (0.06, 0.25), "threshold": (-14, -4)}
SONG = {"loudness": (-20.0, -11.0), "duck": (2.0, 8.0), "duck_seconds": (0.12, 0.3),
        "echo": (-22.0, -13.0), "codec": (15000.0, 17000.0)}  # fmt: skip
_BELLS = 3  # of the equaliser, spaced logarithmically between the ends of _EQ_HZ
BELLS = {
    f"bell{bell}_{knob}": ends
    for bell in range(_BELLS)
    for knob, ends in (("place", (0.0, 1.0)), ("gain", (-5.0, 5.0)), ("q", (0.5, 2.0)))
}
_EQ_HZ = {"bass": (60, 900), "drums": (90, 8000), "other": (90, 6000), "vocals": (200, 8000)}
ECHO_SHARE, DRIVE_SHARE, CODEC_SHARE = 0.4, 0.3, 0.25  # of songs
_ECHO_STEPS = (2, 3, 4)  # eighth, dotted eighth, quarter
CEILING = 0.985
QUIETEST = -70.0  # LUFS, the gate of the meter


def mix(
    dry: dict[str, Audio], score: Score, palette: Palette, rng: Rng, *, cut: float | None = None
) -> Stems:
    """The four stems as int16; their sum, the mixture, never clips. Shape: (2, n) each.

    `dry` holds float stems at any level; silent ones stay silent. The song has nothing above `cut`
    (Hz).
    """
    knobs = palette.draw_all("mix", SONG)
    wet = {
        stem: _finish(stem, dry[stem], score, knobs, palette, child)
        for stem, child in zip(STEMS, rng.spawn(len(STEMS)), strict=True)
    }
    if rng.random() < CODEC_SHARE:  # as if the song had once been an MP3
        wet = {stem: band(x, None, knobs["codec"], order=6) for stem, x in wet.items()}
    if cut is not None:
        wet = {stem: band(x, None, cut, order=8) for stem, x in wet.items()}
    total = sum(wet.values(), start=np.zeros(1))
    common = 10 ** ((knobs["loudness"] - loudness(total)) / 20)
    # A stem may peak above the mixture, where other stems partly cancel it.
    loudest = np.stack([np.abs(x).max(axis=0) for x in (*wet.values(), total)]).max(axis=0)
    gain = common * limiter_gain(common * loudest[None], CEILING)
    return {stem: np.rint(32767 * gain * x).astype(np.int16) for stem, x in wet.items()}


def _finish(stem: str, x: Audio, score: Score, song: Knobs, palette: Palette, rng: Rng) -> Audio:
    """A stem after equaliser, compressor, drive, echo and reverb, scaled to its loudness.

    Shape: (2, n) -> the same
    """
    knobs = palette.draw_all(f"mix.{stem}", {**CHAINS[stem], **SHARED, **BELLS})
    x = _equalise(stem, x, knobs)
    peak = np.abs(x).max()
    if peak == 0:
        return x
    threshold = 10 ** (knobs["threshold"] / 20)
    x = compress(x / peak, threshold=threshold, ratio=knobs["ratio"], attack=knobs["attack"],
                 release=knobs["release"])  # fmt: skip
    if rng.random() < DRIVE_SHARE:
        x = overdrive(x, 10 ** (knobs["drive"] / 20))
    echoes = rng.random() < ECHO_SHARE
    seconds = score.clock.step * int(rng.choice(_ECHO_STEPS))
    if stem == "vocals" and echoes:
        x = echo(x, seconds=seconds, gain=10 ** (song["echo"] / 20))
    x = room(x, rng, t60=knobs["reverb"], wet=10 ** (knobs["wet"] / 20), high=5000.0)
    if score.ducked and stem in ("bass", "other"):
        kicks = [note.start for note in score.drums if note.text == "kick"]
        x = duck(x, kicks, depth_db=song["duck"], seconds=song["duck_seconds"])
    x = x * gate(x.shape[-1], 0.0, 0.05)  # a short fade instead of a cut waveform
    return x * 10 ** ((knobs["loudness"] - loudness(x)) / 20)


def _equalise(stem: str, x: Audio, knobs: Knobs) -> Audio:
    x = band(x, knobs["low"], None)
    low, high = np.log(_EQ_HZ[stem])
    for bell in range(_BELLS):
        frequency = float(np.exp(low + knobs[f"bell{bell}_place"] * (high - low)))
        x = peaking(x, frequency, knobs[f"bell{bell}_gain"], knobs[f"bell{bell}_q"])
    return x


def loudness(x: Audio) -> float:
    """The integrated loudness of stereo `x`, LUFS; -70 for silence. Shape: (2, n)."""
    found = integrated_loudness(x)
    return QUIETEST if found is None else found
