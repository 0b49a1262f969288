"""One song: composed, played, sung, mixed, and described."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from demo.composer.song import compose
from demo.dsp import SAMPLE_RATE
from demo.errors import DemoError
from demo.instruments.bass import BASSES
from demo.mixing import Stems, mix
from demo.packs.bank import Bank
from demo.packs.catalogue import Pack
from demo.packs.production import draw_cut
from demo.packs.treatments import treat
from demo.parts import OTHERS, Band
from demo.score import Score
from demo.singer.vocals import render_vocals
from demo.soundfont import fingerprint, load_font
from demo.splits import SPLIT_IDS, Palette

VERSION = 4  # increase it whenever the same seed would sound different
PACKS_VERSION = 5  # the same for songs with packs

# Each part of a song has its own random stream: a change in one leaves the others unchanged.
_PARTS = ("palette", "score", "bass", "drums", "other", "vocals", "mix", "font", "packs", "solo")
_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")


@dataclass(frozen=True)
class Request:
    """Which song to render; the same request gives the same bytes.

    Raises DemoError for an impossible split, duration, seed or index.
    """

    split: str  # "train" or "test"
    index: int
    seconds: float
    seed: int
    espeak: bool = False  # half of the singers articulate like an espeak-ng voice
    soundfont: Path | None = None  # plays about half of the parts
    packs: tuple[Pack, ...] = ()  # recordings for some parts, possibly with a SoundFont
    genre: str | None = None  # drawn unless given

    def __post_init__(self) -> None:
        if self.split not in SPLIT_IDS:
            known = " or ".join(map(repr, SPLIT_IDS))
            raise DemoError("split", got=repr(self.split), expected=known)
        if not 2 <= self.seconds <= 600:
            raise DemoError("seconds", got=f"{self.seconds:g}", expected="2 to 600")
        if min(self.seed, self.index) < 0:
            least = min(self.seed, self.index)
            raise DemoError("seed and number of a song", got=least, expected="0 or more")

    @property
    def name(self) -> str:
        """The name of the song's folder; the seed in it keeps songs of several seeds apart."""
        return f"{self.split}-{self.seed}-{self.index:03d}"

    def identity(self) -> dict[str, Any]:
        """The request as song.json states it; equal identities mean equal bytes."""
        packs: dict[str, Any] = {}
        if self.packs:
            packs = {"packs": {pack.name: pack.sha256 for pack in self.packs},
                     "packs_version": PACKS_VERSION}  # fmt: skip
        genre = {"genre": self.genre} if self.genre else {}
        return {
            **genre,
            "version": VERSION,
            "split": self.split,
            "index": self.index,
            "seconds": self.seconds,
            "seed": self.seed,
            "espeak": self.espeak,
            "soundfont": fingerprint(self.soundfont) if self.soundfont else None,
            **packs,
        }


def render_song(request: Request) -> tuple[Stems, dict[str, Any]]:
    """The four stems, as int16, and the facts for song.json. Shape: (2, n) each.

    Raises DemoError if espeak-ng, the SoundFont or a pack is requested and cannot be used.
    """
    start = [request.seed, SPLIT_IDS[request.split], request.index]
    rng = {part: np.random.default_rng([*start, number]) for number, part in enumerate(_PARTS)}
    n = round(request.seconds * SAMPLE_RATE)
    palette = Palette(request.split, rng["palette"])
    score = compose(
        palette, rng["score"], seconds=request.seconds, basses=BASSES, others=OTHERS,
        vocal_centre=palette.draw("singer.centre", 51.0, 69.0), genre=request.genre,
        solo=rng["solo"] if request.packs else None,
    )  # fmt: skip
    bank = Bank(request.packs, palette, rng["packs"]) if request.packs else None
    font = load_font(request.soundfont) if request.soundfont else None
    if font is None and bank is not None:
        font = bank.draw_font()
    band = Band(n, palette, font, rng["font"], bank)
    drums, kit = band.play_drums(score.drums, rng["drums"])
    vocals, singer = render_vocals(
        score.vocals, score.harmony, n, palette, rng["vocals"], sung=score.sung,
        espeak=request.espeak,
    )  # fmt: skip
    dry = {
        "bass": band.play_bass(score.bass_kind, score.bass, rng["bass"]),
        "drums": drums,
        "other": band.play_layers(score.layers, rng["other"]),
        "vocals": vocals,
    }
    cut: float | None = None
    if bank:
        dry, treated = treat(dry, rng["packs"])
        cut = draw_cut(rng["packs"])
    stems = mix(dry, score, palette, rng["mix"], cut=cut)
    facts = request.identity() | _describe(score, kit)
    facts["singer"] = {"language": palette.choices["language"], **singer}
    notes = [[round(x.start, 4), round(x.duration, 4), x.pitch, x.text] for x in score.vocals]
    if bank:
        # CC BY and MIT ask for it wherever songs, or weights that learnt from them, go.
        attribution = [pack.attribution for pack in request.packs]
        facts |= {"treated": treated, "cut": cut, "attribution": attribution}
    return stems, facts | {"vocals": notes, "choices": palette.choices, "timbre": palette.values}


def _describe(score: Score, kit: str) -> dict[str, Any]:
    """The facts of a score, the most important first."""
    return {
        "genre": score.genre,
        "tempo": score.clock.bpm,
        "meter": score.clock.meter,
        "swing": round(score.clock.swing, 3),
        "key": f"{_NAMES[score.tonic]} {score.mode}",
        "progression": score.progression,
        "sections": [{"bars": s.n_bars, "active": sorted(s.active)} for s in score.sections],
        "bass": score.bass_kind,
        "drums": kit,
        "instruments": [layer.instrument for layer in score.layers],
    }
