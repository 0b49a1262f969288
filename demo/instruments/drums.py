"""The drums: every song has its own kit, acoustic, electronic or a mixture of both."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from demo.dsp import Audio, add_at, gate
from demo.instruments import cymbals, drums_acoustic, drums_electronic, drums_space, percussion
from demo.instruments.drums_hits import Maker, samples
from demo.instruments.drums_space import Place, Spot
from demo.score import Note
from demo.splits import Knobs, Palette, Rng

RANGES = {
    **drums_acoustic.RANGES,
    **drums_electronic.RANGES,
    **cymbals.RANGES,
    **percussion.RANGES,
    **drums_space.RANGES,
    "dynamics": (1.1, 1.9),  # power of the velocity
    **{f"{group}_level": (-3.5, 3.5) for group in (  # dB
        "kick", "snare", "clap", "hats", "cymbals", "toms", "congas", "shakers")},
}  # fmt: skip
ACOUSTIC_SHARE = 0.6
HYBRID_SHARE = 0.25  # kits in which some pieces come from the other family
SWAP_SHARE = 0.35  # of the pieces of a hybrid kit
TAKES = 5  # hits rendered in advance for each piece and hardness; the part chooses among them
HARDNESS = (0.15, 0.4, 0.7, 1.0)
CHOKE_SECONDS = 0.03
HATS = ("hat", "pedal", "open")


@dataclass(frozen=True)
class Piece:
    """One piece of the kit, in its acoustic and its electronic version."""

    group: str  # pieces of a group come from one family and share its parameters
    acoustic: Maker
    electronic: Maker
    level: float  # peak of the hardest hit, dB
    spot: Spot


def _machine_tom(number: int) -> Maker:
    return drums_electronic.tuned("machine_tom", 1.3 ** (3 - number))


_HAT, _OPEN = cymbals.machine("machine_hat_t60"), cymbals.machine("machine_hat_open_t60")
_CYMBAL = cymbals.machine("machine_cymbal_t60", top=12000.0, drop=0.5)

PIECES = {
    "kick": Piece("kick", drums_acoustic.kick, drums_electronic.kick, 0.0, Spot(0.0, 1.0, 0.8)),
    "snare": Piece(
        "snare", drums_acoustic.snare, drums_electronic.snare, -3.0, Spot(0.1, 1.0, 1.0)),
    "rim": Piece("snare", drums_acoustic.rim, drums_electronic.rim, -8.0, Spot(0.1, 1.0, 1.0)),
    "clap": Piece("clap", drums_acoustic.clap, drums_electronic.clap, -6.5, Spot(-0.1, 1.0, 1.0)),
    "hat": Piece("hats", cymbals.hat("hat"), _HAT, -17.5, Spot(0.6, 0.5, 0.6)),
    "pedal": Piece("hats", cymbals.hat("pedal"), _HAT, -21.0, Spot(0.6, 0.5, 0.6)),
    "open": Piece("hats", cymbals.hat("open"), _OPEN, -15.5, Spot(0.6, 0.5, 0.6)),
    "ride": Piece("cymbals", cymbals.ride, _CYMBAL, -19.0, Spot(-0.7, 0.0, 0.6)),
    "crash": Piece("cymbals", cymbals.crash, _CYMBAL, -12.0, Spot(-0.9, 0.0, 0.8)),
    "tom1": Piece("toms", drums_acoustic.tom(1), _machine_tom(1), -4.0, Spot(0.6, 1.0, 1.0)),
    "tom2": Piece("toms", drums_acoustic.tom(2), _machine_tom(2), -4.0, Spot(-0.1, 1.0, 1.0)),
    "tom3": Piece("toms", drums_acoustic.tom(3), _machine_tom(3), -3.0, Spot(-0.8, 1.0, 1.0)),
    "tambourine": Piece(
        "shakers", percussion.tambourine, percussion.tambourine, -18.0, Spot(-0.6, 0.7, 0.8)),
    "shaker": Piece("shakers", percussion.shaker, percussion.shaker, -20.0, Spot(0.8, 0.7, 0.8)),
    "conga_low": Piece("congas", percussion.conga(high=False),
        drums_electronic.tuned("machine_conga", 1.0), -9.0, Spot(-0.7, 0.8, 0.9)),
    "conga_high": Piece("congas", percussion.conga(high=True),
        drums_electronic.tuned("machine_conga", 1.4), -9.0, Spot(-0.4, 0.8, 0.9)),
}  # fmt: skip
_GROUPS = tuple(dict.fromkeys(piece.group for piece in PIECES.values()))


def render_drums(notes: tuple[Note, ...], n: int, palette: Palette, rng: Rng) -> tuple[Audio, str]:
    """Render the drum stem with its room; returns it and the kind of kit. Shape: (2, n)."""
    knobs = palette.draw_all("drums", RANGES)
    kind, machines = _choose_kit(rng)
    seed = int(rng.integers(2**62))
    out, bus = np.zeros((2, n)), np.zeros((2, n))
    lengths = _choked(notes)
    dry = knobs["machine_space"] if kind.startswith("electronic") else 1.0
    for name in sorted({note.text for note in notes}):
        piece = PIECES[name]
        # Pieces of a group share their draws: the open and the closed hat are the same hat.
        shared = np.random.default_rng([seed, _GROUPS.index(piece.group)])
        make = piece.electronic if piece.group in machines else piece.acoustic
        takes = _Takes(make, piece, knobs, shared, dry)
        for index, note in enumerate(notes):
            start = max(samples(note.start), 0)
            if note.text == name and start < n:
                hit = takes.play(rng, note.velocity, lengths.get(index))
                add_at(out, hit, start)
                add_at(bus, piece.spot.send * hit, start)
    return out + dry * knobs["room_wet"] * drums_space.reverberate(bus, rng, knobs), kind


def _choose_kit(rng: Rng) -> tuple[str, set[str]]:
    """The kind of kit, and its groups that come from a drum machine."""
    acoustic = rng.uniform() < ACOUSTIC_SHARE
    hybrid = rng.uniform() < HYBRID_SHARE
    swapped = rng.uniform(size=len(_GROUPS)) < SWAP_SHARE * hybrid
    kind = ("acoustic" if acoustic else "electronic") + " hybrid" * hybrid
    return kind, {
        group for group, swap in zip(_GROUPS, swapped, strict=True) if acoustic == bool(swap)
    }


def _choked(notes: tuple[Note, ...]) -> dict[int, float]:
    """How long each hat may ring before it is choked, seconds, by the index of its note."""
    hats = sorted((note.start, i) for i, note in enumerate(notes) if note.text in HATS)
    return {i: later - start for (start, i), (later, _) in pairwise(hats)}


class _Takes:
    """Hits of one piece as recorded by the microphones, rendered when first needed."""

    def __init__(self, make: Maker, piece: Piece, knobs: Knobs, rng: Rng, space: float) -> None:
        self._strike = make(rng, knobs)
        self._place = Place(rng, knobs, piece.spot, space)
        self._dynamics = knobs["dynamics"]
        level = 10 ** ((piece.level + knobs[f"{piece.group}_level"]) / 20)
        self._gain = level / np.abs(self._strike(rng, 1.0)).max()
        self._last = 0
        self._hits: dict[tuple[float, int], Audio] = {}

    def play(self, rng: Rng, velocity: float, seconds: float | None) -> Audio:
        """One hit, cut after `seconds` if it is choked. Shape: (2, m)."""
        hardness = min(HARDNESS, key=lambda h: abs(h - velocity))
        self._last = (self._last + int(rng.integers(1, TAKES))) % TAKES  # never twice in a row
        key = hardness, self._last
        if key not in self._hits:
            self._hits[key] = self._place.hear(self._gain * self._strike(rng, hardness))
        hit = self._hits[key]
        loud = float(velocity**self._dynamics * 10 ** (rng.normal(0.0, 0.8) / 20))
        if seconds is not None and samples(seconds + CHOKE_SECONDS) < hit.shape[-1]:
            hit = hit[:, : samples(seconds + CHOKE_SECONDS)]
            hit = hit * gate(hit.shape[-1], 0.0, CHOKE_SECONDS)
        out: Audio = loud * hit
        return out
