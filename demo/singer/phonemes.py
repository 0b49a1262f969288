"""The articulation of each speech sound; symbols are ASCII, close to X-SAMPA."""

from dataclasses import dataclass

# Average formants of adults, Hz; each singer scales them.
VOWELS: dict[str, tuple[float, float, float]] = {
    "i": (300, 2350, 3000), "I": (420, 2000, 2650), "e": (430, 2150, 2750), "E": (570, 1880, 2600),
    "&": (730, 1780, 2550), "a": (780, 1350, 2600), "A": (720, 1120, 2550), "O": (570, 880, 2500),
    "o": (450, 830, 2450), "U": (450, 1080, 2400), "u": (330, 850, 2350), "V": (680, 1250, 2550),
    "@": (520, 1500, 2550), "3": (480, 1350, 1750), "y": (300, 1880, 2350), "2": (400, 1600, 2350),
    "9": (530, 1620, 2450),
    "a~": (700, 1200, 2550), "o~": (480, 850, 2500), "e~": (600, 1700, 2600),
    "i~": (340, 2200, 2900), "u~": (370, 900, 2400),
}  # fmt: skip
UPPER = (3600.0, 4600.0)  # the fourth and fifth formant hardly change with the sound


@dataclass(frozen=True)
class Piece:
    """A part of a sound with one articulation target; gains are relative to a vowel."""

    seconds: float
    voiced: float = 0.0
    hiss: float = 0.0  # noise made at a constriction in the mouth
    centre: float = 4000.0  # of the hiss, Hz
    octaves: float = 1.0  # width of the hiss
    breath: float = 0.0  # noise made at the glottis and filtered by the formants
    nasal: float = 0.0  # 0 closed velum .. 1 nasal murmur; vowels use about 0.3
    dark: float = 0.0  # octaves by which a closed mouth lowers the source's roll-off
    formants: tuple[float, ...] = ()  # Hz; empty for those of the neighbouring vowel


def _stop(
    centre: float, octaves: float, burst: float, aspirated: float, loci: tuple[float, ...]
) -> tuple[Piece, ...]:
    """Silence, a burst, then breath for `aspirated` seconds until the vowel starts."""
    pieces = (
        Piece(0.055, formants=loci),
        Piece(0.014, hiss=burst, centre=centre, octaves=octaves, breath=0.3, formants=loci),
    )
    if aspirated:
        tail = Piece(aspirated, hiss=0.2 * burst, centre=centre, octaves=octaves, breath=0.45)
        return (*pieces, tail)
    return pieces


def _voiced_stop(
    centre: float, octaves: float, burst: float, loci: tuple[float, ...]
) -> tuple[Piece, ...]:
    """A murmur behind closed lips or tongue, then a weak burst."""
    return (
        Piece(0.045, voiced=0.25, dark=3.0, formants=(200.0, *loci[1:])),
        Piece(0.010, voiced=0.4, hiss=burst, centre=centre, octaves=octaves, formants=loci),
    )


def _hiss(
    seconds: float, hiss: float, centre: float, octaves: float, voiced: float = 0.0
) -> tuple[Piece, ...]:
    """A fricative; a voiced one is shorter and has a murmur."""
    locus = (300.0, 1650.0) if centre > 3000 else ()
    return (
        Piece(seconds, voiced, hiss, centre, octaves, dark=1.5 if voiced else 0.0, formants=locus),
    )


def _nasal(seconds: float, second: float) -> tuple[Piece, ...]:
    return (Piece(seconds, voiced=0.7, nasal=1.0, dark=0.7, formants=(270.0, second, 2400.0)),)


def _liquid(seconds: float, voiced: float, *formants: float) -> tuple[Piece, ...]:
    return (Piece(seconds, voiced, dark=0.5, formants=formants),)


_TAP = (Piece(0.022, voiced=0.25, dark=2.0, formants=(330.0, 1550.0, 2450.0)),)
_LIP, _TEETH, _VELUM = (280.0, 900.0, 2200.0), (300.0, 1750.0, 2650.0), (290.0, 1900.0, 2200.0)

CONSONANTS: dict[str, tuple[Piece, ...]] = {
    "p": _stop(1200, 1.6, 0.45, 0.0, _LIP),
    "t": _stop(5000, 0.9, 0.75, 0.0, _TEETH),
    "k": _stop(2300, 0.7, 0.65, 0.0, _VELUM),
    "ph": _stop(1500, 1.8, 0.5, 0.035, _LIP),
    "th": _stop(5500, 0.9, 0.8, 0.045, _TEETH),
    "kh": _stop(2600, 0.8, 0.7, 0.05, _VELUM),
    "b": _voiced_stop(1000, 1.4, 0.2, _LIP),
    "d": _voiced_stop(4200, 0.9, 0.4, _TEETH),
    "g": _voiced_stop(2100, 0.8, 0.35, _VELUM),
    "f": _hiss(0.085, 0.22, 7500, 1.6),
    "v": _hiss(0.055, 0.11, 7000, 1.5, voiced=0.4),
    "T": _hiss(0.08, 0.2, 8000, 1.3),
    "D": _hiss(0.045, 0.09, 7000, 1.3, voiced=0.5),
    "s": _hiss(0.105, 0.75, 8000, 0.5),
    "z": _hiss(0.075, 0.42, 8000, 0.5, voiced=0.35),
    "S": _hiss(0.105, 0.8, 3900, 0.55),
    "Z": _hiss(0.07, 0.4, 3700, 0.55, voiced=0.4),
    "C": _hiss(0.085, 0.45, 4600, 0.7),
    "x": _hiss(0.08, 0.5, 1500, 0.8),
    "h": (Piece(0.06, voiced=0.08, breath=0.7),),
    "?": (Piece(0.03),),
    "ts": (Piece(0.045, formants=_TEETH), *_hiss(0.07, 0.75, 8000, 0.55)),
    "tS": (Piece(0.045, formants=_TEETH), *_hiss(0.07, 0.8, 4000, 0.65)),
    "dZ": (
        Piece(0.03, voiced=0.22, dark=3.0, formants=_TEETH),
        *_hiss(0.05, 0.45, 3800, 0.65, voiced=0.3),
    ),
    "m": _nasal(0.075, 1050.0),
    "n": _nasal(0.065, 1550.0),
    "nj": _nasal(0.085, 2050.0),
    "N": _nasal(0.07, 1300.0),
    "l": _liquid(0.06, 0.75, 340.0, 1200.0, 2750.0),
    "lj": _liquid(0.08, 0.7, 300.0, 1950.0, 2800.0),
    "r": _liquid(0.065, 0.75, 370.0, 1180.0, 1580.0),
    "R": (Piece(0.07, 0.55, 0.14, 1600.0, 1.0, dark=0.7, formants=(430.0, 1150.0, 2400.0)),),
    "4": _TAP,
    "rr": (*_TAP, Piece(0.02, voiced=0.7), *_TAP, Piece(0.02, voiced=0.7), *_TAP),
    "w": _liquid(0.06, 0.7, 310.0, 700.0, 2250.0),
    "j": _liquid(0.055, 0.75, 290.0, 2250.0, 2950.0),
}
# The mouth while the singer inhales: open, and noisier towards the teeth.
INHALE = Piece(0.3, breath=0.16, hiss=0.035, centre=3200.0, octaves=1.2, formants=(550, 1500, 2550))
NASAL_VOWEL = 0.3


def vowel_piece(symbol: str) -> Piece:
    """The target of a vowel, which lasts as long as the note."""
    nasal = NASAL_VOWEL if symbol.endswith("~") else 0.0
    return Piece(0.0, voiced=1.0, nasal=nasal, formants=VOWELS[symbol])


def parse(text: str) -> tuple[list[str], list[str], list[str]]:
    """The onset, the vowels and the coda of a syllable such as "s.t-a.I-n"."""
    onset, vowels, coda = (text or "--").split("-")
    before, after = (sounds.split(".") if sounds else [] for sounds in (onset, coda))
    return before, (vowels or "a").split("."), after
